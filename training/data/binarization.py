"""Random binarisation: grey values are the probabilities of a one, as in the papers' dynamic MNIST and Omniglot."""

import tensorflow as tf

from training.data.rows import scale

SLOPE = 257 + 1 / 256  # 65,536 / 255 to within 1 in 16 million: its products with 8-bit values are exact in float32


def binarize(examples, seed):
    r"""Returns examples of zeros and ones in float32: each is one with probability x, its grey value in [0, 1].

    An 8-bit grey value, :math:`x = g / 255`, is compared with 16 random bits r, half as many as a float takes:

    .. math:: b = [\, r < (257 + 1/256)\, g - 1/2 \,], \qquad P(b = 1) = (257 g + [g > 128]) / 65536

    0 never gives a one and 255 always does; in between, the error of the probability is less than :math:`1.01 \cdot 2^{-17}`. The
    arithmetic is exact, so that XLA gives the same bits.

    Args:
        examples: 8-bit values, or values in [0, 1], [B, *].
        seed: Stateless seed [2] that determines the outcome.
    """
    examples = tf.convert_to_tensor(examples)
    size, shape = tf.size(examples), tf.shape(examples)
    if examples.dtype != tf.uint8:
        noise = tf.cast(random_bits(size, seed) & 0x7FFFFF, tf.float32) / 2**23  # as TensorFlow makes floats; XLA makes them differently
        return tf.cast(tf.reshape(noise, shape) < scale(examples), tf.float32)
    noise = tf.reshape(tf.bitcast(random_bits((size + 1) // 2, seed), tf.uint16), [-1])[:size]
    noise = tf.cast(tf.reshape(noise, shape), tf.float32)
    return tf.cast(noise < tf.cast(examples, tf.float32) * SLOPE - 0.5, tf.float32)


def random_bits(size, seed):
    """Returns random 32-bit integers [size], the same under XLA, which takes only 32 bits of a seed: 31 bits of each seed are used."""
    seed = tf.cast(tf.cast(seed, tf.int64) & 0x7FFFFFFF, tf.int32)
    return tf.random.stateless_uniform([size], seed, None, None, tf.uint32, "philox")
