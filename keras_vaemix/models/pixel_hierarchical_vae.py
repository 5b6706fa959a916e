"""The two-level variational autoencoder with an autoregressive pixel decoder."""

import tensorflow as tf

from keras_vaemix.core.batch import Batch
from keras_vaemix.core.part import register
from keras_vaemix.models.base.hierarchical import HierarchicalModel
from keras_vaemix.models.base.pixel_decoding import PixelDecoding


@register
class PixelHierarchicalVAE(PixelDecoding, HierarchicalModel):
    r"""Two-level VAE with an autoregressive decoder, :math:`p(x|z_1, z_2) = \prod_i p(x_i | x_{<i}, z_1, z_2)`: the PixelHVAE.

    `sample`, `decode` and `reconstruct` return *samples* of p(x|z1, z2), while those of `HierarchicalVAE` return means.

    Args:
        top_encoder: Network from examples [B, H, W, C] to 2 D2 outputs.
        encoder: Network from examples and z2 [B, D2] to 2 D1 outputs.
        conditional: Network from z2 [B, D2] to 2 D1 outputs.
        decoder: A `networks.PixelCNN` from both latents, concatenated [B, D1 + D2], and examples to the likelihood's parameters.
        prior: A `Prior` over z2, whose components are those of the model.
        likelihood: A `Likelihood`.
        posterior: A `DiagonalNormal`, whose limits apply to every log-variance.
        objective: The bound that training maximises; `ELBO()` by default.
        seed: Every draw is a function of this integer and of a counter kept as a weight.

    Raises:
        ValueError: A network's inputs or outputs do not fit the others.

    Reference: J. Tomczak, M. Welling, *VAE with a VampPrior*, 2018, Section 5.
    """

    def _decoder_input_shape(self):
        return [(None, sum(self.latent_sizes.values())), self.top_encoder.input_shape]

    def likelihood_params(self, z1, z2, x, training=False):
        return self.pixel_params(self.code(z1, z2), Batch.of(x).x, training)

    def decode(self, z1, z2, seed=None, verbose=0):
        """Draws images [N, H, W, C] from p(x|z1, z2), pixel by pixel, for z1 [N, D1] and z2 [N, D2]; see `PixelVAE.decode`."""
        return self.draw_pixels(self.code(z1, z2), seed, verbose)

    def call(self, x):
        r"""Returns the one-step predictions :math:`E[x_i | x_{<i}, z_1, z_2]` of x [B, *] at the means of the posteriors."""
        return self.predict_pixels(self.code(*self.centers(x)), x)

    def reconstruct(self, x, seed=0, verbose=0):
        """Returns samples of p(x|z1, z2) at the means of the posteriors of x [B, *], drawn pixel by pixel."""
        return self.decode(*self.centers(tf.cast(x, tf.float32)), seed, verbose)
