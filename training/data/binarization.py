"""Binarisation at random: grey values are the probabilities of a one, as in the papers' dynamic MNIST and Omniglot."""

import tensorflow as tf

from training.data.rows import scale

SLOPE = 257 + 1 / 256  # 65,536 / 255 but for 1 in 16 million: its products with 8 bits are exact in float32


def binarize(examples, seed):
    r"""Returns examples of zeros and ones in float32: each is one with probability x, its grey value in [0, 1].

    A grey value of 8 bits, :math:`x = g / 255`, is held against 16 random bits r, half of what a float takes:

    .. math:: b = [\, r < (257 + 1/256)\, g - 1/2 \,], \qquad P(b = 1) = (257 g + [g > 128]) / 65536

    0 never and 255 always gives one, and in between the probability errs by less than :math:`1.01 \cdot 2^{-17}`. The arithmetic is exact,
    so that XLA gives the same bits.

    Args:
        examples: 8-bit, or in [0, 1], [B, *].
        seed: Stateless seed [2], of which the outcome is a function.
    """
    examples = tf.convert_to_tensor(examples)
    size, shape = tf.size(examples), tf.shape(examples)
    if examples.dtype != tf.uint8:
        noise = tf.cast(random_bits(size, seed) & 0x7FFFFF, tf.float32) / 2**23  # as TensorFlow makes floats; XLA makes others
        return tf.cast(tf.reshape(noise, shape) < scale(examples), tf.float32)
    noise = tf.reshape(tf.bitcast(random_bits((size + 1) // 2, seed), tf.uint16), [-1])[:size]
    noise = tf.cast(tf.reshape(noise, shape), tf.float32)
    return tf.cast(noise < tf.cast(examples, tf.float32) * SLOPE - 0.5, tf.float32)


def random_bits(size, seed):
    """Returns random integers [size] of 32 bits, the same under XLA, which takes 32 bits of a seed: so of all seeds 31 are taken."""
    seed = tf.cast(tf.cast(seed, tf.int64) & 0x7FFFFFFF, tf.int32)
    return tf.random.stateless_uniform([size], seed, None, None, tf.uint32, "philox")
