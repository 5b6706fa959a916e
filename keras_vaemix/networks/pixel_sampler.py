"""The sampler of pixel decoders, which computes each pixel once from the cached activations around it."""

import tensorflow as tf

from keras_vaemix.core.progress import progress
from keras_vaemix.core.seeds import fold_in
from keras_vaemix.core.xla import Compiled
from keras_vaemix.networks.pixel_cnn import columns


class PixelSampler:
    """Draws images pixel by pixel; a row is one loop in one compiled graph.

    Args:
        decoder: A `PixelCNN`.
        likelihood: A `Likelihood`, that of a pixel.
    """

    def __init__(self, decoder, likelihood):
        self.decoder, self.likelihood = decoder, likelihood
        self.row = Compiled(self.row)

    def __call__(self, z, seed, verbose=0):
        """Returns draws from p(x|z) [N, H, W, C] for z [N, D], a function of the stateless `seed` [2].

        `verbose` 1 shows a progress bar over rows of pixels.
        """
        height, width, num_channels = self.decoder.example_shape
        context = self.decoder.context(z)  # [N, H, W, map_channels]
        caches = self.decoder.empty_caches(tf.shape(z)[0])
        rows = []
        for i in progress(range(height), verbose, unit_name="row"):
            noise = self.likelihood.noise().sample([tf.shape(z)[0], width, num_channels], seed=fold_in(seed, i))
            row, caches = self.row(caches, context[:, i : i + 1], noise[:, None])
            rows.append(row)
        return tf.concat(rows, axis=1)

    def row(self, caches, context, noise):
        """Draws one row.

        Args:
            caches: The caches after the row above.
            context: The map at the row, [N, 1, W, map_channels].
            noise: Draws of `likelihood.noise()`, [N, 1, W, C].

        Returns:
            The row [N, 1, W, C] and the caches after it.
        """
        width = self.decoder.example_shape[1]

        def body(column, caches):
            here = columns(context, column, 1), columns(noise, column, 1)
            return column + 1, self.pixel(caches, *here, column)[1]

        _, caches = tf.while_loop(lambda column, _: column < width, body, (0, self.decoder.next_row(caches)))
        reach = self.decoder.convolutions[0].reach
        return caches[0][:, -1:, reach : reach + width], caches

    def pixel(self, caches, context, noise, column):
        """Draws one pixel [N, 1, 1, C] from noise and puts it into the caches, by plain operations that export."""
        params, caches = self.decoder.step(caches, context, column)
        pixel = self.likelihood.draw(tf.cast(params, tf.float32), noise)
        return pixel, [self.decoder.put(0, caches[0], pixel, column), *caches[1:]]
