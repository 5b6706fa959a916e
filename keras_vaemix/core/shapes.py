"""Shapes: the sample axis folded into the batch for a network and unfolded again, and the specifications of exported functions."""

import tensorflow as tf


def fold(z):
    """Merges the first two axes: [S, B, ...] to [S * B, ...]."""
    shape = tf.shape(z)
    folded = tf.reshape(z, tf.concat([[shape[0] * shape[1]], shape[2:]], axis=0))
    folded.set_shape([None, *z.shape[2:]])
    return folded


def unfold(y, num_samples):
    """Splits the first axis: [S * B, ...] to [S, B, ...]."""
    shape = tf.shape(y)
    unfolded = tf.reshape(y, tf.concat([[num_samples, shape[0] // num_samples], shape[1:]], axis=0))
    unfolded.set_shape([None, None, *y.shape[1:]])
    return unfolded


def specs_of(sizes):
    """Returns `tf.TensorSpec`s [N, size] for names and sizes; the size None means integers [N]."""
    return [
        tf.TensorSpec([None], tf.int64, name=name) if size is None else tf.TensorSpec([None, size], tf.float32, name=name)
        for name, size in sizes.items()
    ]


def flat_sum(x):
    """Sums over all axes after the batch axis: [B, *] to [B]."""
    return tf.reduce_sum(x, axis=list(range(1, len(x.shape))))
