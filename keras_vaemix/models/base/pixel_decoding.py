"""What models with an autoregressive pixel decoder share."""

import functools

import tensorflow as tf

from keras_vaemix.core.part import require
from keras_vaemix.core.shapes import fold, unfold
from keras_vaemix.networks.pixel_sampler import PixelSampler


class PixelDecoding:
    """Mixin: an autoregressive decoder, a `networks.PixelCNN`, which takes a code made from the latents, and the example.

    The parameters of all pixels are computed at once if the image is known; drawing an image takes a step for each pixel. So `decode`,
    `sample` and `reconstruct` return *samples* of p(x | latents), while those of other models return means.
    """

    decoded_batch_size = 100

    @functools.cached_property
    def _sampler(self):
        return PixelSampler(self.decoder, self.likelihood)

    def _forget_graphs(self):
        super()._forget_graphs()
        vars(self).pop("_sampler", None)

    def code(self, *latents):
        """Returns the decoder's view of the latents: all of them, concatenated."""
        return tf.concat(latents, axis=-1)

    def pixel_params(self, code, x, training=False):
        """Returns the parameters [S, B, *] of every pixel given the code [S, B, D] and the pixels of x [B, *] before it."""
        require(x is not None, "x, on which a pixel decoder's parameters depend: decode(z) draws images", x=x)
        num_samples = tf.shape(code)[0]
        x = tf.tile(x, [num_samples, 1, 1, 1])
        return unfold(self.decoder([fold(code), x], training=training), num_samples)

    def draw_pixels(self, code, seed, verbose):
        """Draws images [N, H, W, C] pixel by pixel for codes [N, D]."""
        return self._sampler(code, self.seed_for(seed), verbose)

    def predict_pixels(self, code, x):
        r"""Returns the one-step predictions :math:`E[x_i | x_{<i}, code]` of x [B, *]."""
        return self.likelihood.mean(tf.cast(self.decoder([code, x], training=False), tf.float32))

    def sample(self, n, component=None, seed=None, verbose=0):
        """Returns n images [n, H, W, C] from the model's prior: samples of p(x | latents), drawn pixel by pixel.

        Args:
            n: Number of draws.
            component: Index of one component of the prior, or None to draw components by their weights.
            seed: Integer; None takes the model's next.
            verbose: 1 shows a progress bar over rows of pixels.

        Raises:
            ValueError: n is less than one, or the prior has no such component.
        """
        latent_seed, pixel_seed = tf.unstack(tf.random.split(self.seed_for(seed), 2))
        return self.draw_pixels(self.code(*self.sample_latents(n, component, latent_seed)), pixel_seed, verbose)
