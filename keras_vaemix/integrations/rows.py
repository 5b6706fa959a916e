"""Rows of a table: in endless batches for training, and in blocks of one size for everything that is computed of them."""

import numpy as np
import tensorflow as tf

ROWS = 128  # rows of a block


def batches(u, batch_size, seed):
    """Returns an endless data set of full batches of rows; the order of each pass is a function of `seed` and its number."""

    def shuffled(i):
        return tf.random.experimental.stateless_shuffle(u, tf.stack([tf.cast(seed, tf.int64), i]))

    return tf.data.Dataset.counter().map(shuffled).rebatch(batch_size, drop_remainder=True)


def in_blocks(function, rows):
    """Returns `function(rows)` in float64; blocks have one size, so that a row gives the same bits among any others."""
    padded = np.resize(rows, (-(-len(rows) // ROWS) * ROWS, *rows.shape[1:]))
    blocks = [np.float64(function(tf.constant(padded[i : i + ROWS]))) for i in range(0, len(padded), ROWS)]
    return np.concatenate(blocks)[: len(rows)]
