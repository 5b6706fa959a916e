"""Augmentation: functions from a batch and a stateless seed to a batch."""

import tensorflow as tf


def flipped(x, seed):
    """Returns images x [B, H, W, C], each mirrored left to right with probability one half.

    Args:
        x: Images.
        seed: Stateless seed [2] that determines the choice.
    """
    is_mirrored = tf.random.stateless_uniform(tf.shape(x)[:1], seed, alg="philox") < 0.5  # [B]
    return tf.where(is_mirrored[:, None, None, None], tf.reverse(x, [2]), x)
