"""The variational autoencoder with an autoregressive pixel decoder."""

import tensorflow as tf

from keras_vaemix.core.batch import Batch
from keras_vaemix.core.part import register
from keras_vaemix.models.base.one_level import OneLevelModel
from keras_vaemix.models.base.pixel_decoding import PixelDecoding


@register
class PixelVAE(PixelDecoding, OneLevelModel):
    r"""Variational autoencoder with an autoregressive decoder, :math:`p(x|z) = \prod_i p(x_i | x_{<i}, z)`.

    The likelihood is that of a pixel given z and the pixels before it. If the image is known, as for bounds, `evaluate` and
    `log_likelihood`, all its pixels are computed at once. Drawing an image takes a step for each pixel, and p(x|z) has no mean in closed
    form: `sample`, `decode` and `reconstruct` return *samples* of p(x|z), while those of `VAE` return means.

    Args:
        encoder: Network from examples [B, H, W, C] to `posterior.params_size(D)` outputs.
        decoder: A `networks.PixelCNN` from latents [B, D] and examples to the likelihood's parameters.
        prior: A `Prior` over D latents.
        likelihood: A `Likelihood`.
        posterior: A `Posterior`; `DiagonalNormal()` by default.
        objective: The bound that training maximises; `ELBO()` by default.
        seed: Every draw is a function of this integer and of a counter kept as a weight.

    Raises:
        ValueError: The encoder's outputs do not fit the posterior, or the decoder's inputs do not fit the prior and the examples.

    Reference: I. Gulrajani et al., *PixelVAE: A Latent Variable Model for Natural Images*, 2017; J. Tomczak, M. Welling,
    *VAE with a VampPrior*, 2018, Section 5.
    """

    accompaniments = ()  # the decoder sees x itself

    def _decoder_input_shape(self):
        return [super()._decoder_input_shape(), self.encoder.input_shape]

    def decode_params(self, z, x=None, training=False):
        """Returns the parameters [S, B, *] of every pixel given z [S, B, D] and the pixels of x [B, *] before it."""
        return self.pixel_params(z, Batch.of(x).x, training)

    def decode(self, z, seed=None, verbose=0):
        """Draws images from p(x|z), pixel by pixel.

        Args:
            z: Latents [N, D].
            seed: Integer or stateless seed [2] that determines the images; None takes the model's next.
            verbose: 1 shows a progress bar over rows of pixels.

        Returns:
            Samples [N, H, W, C].
        """
        return self.draw_pixels(z, seed, verbose)

    def call(self, x):
        r"""Returns the one-step predictions :math:`E[x_i | x_{<i}, z]` of x [B, *], with z at the posterior's centre.

        Each prediction uses the true previous pixels, and so is much closer to x than `reconstruct(x)`.
        """
        return self.predict_pixels(self.posterior.center(self.encoder(x, training=False)), x)

    def reconstruct(self, x, seed=0, verbose=0):
        """Returns samples of p(x|z) at the centre of q(z|x) for x [B, *], drawn pixel by pixel as in `decode`."""
        return self.decode(self.posterior.center(self.encoder(tf.cast(x, tf.float32), training=False)), seed, verbose)
