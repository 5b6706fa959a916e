"""Stateless seeds: every draw of the library is a function of one."""

import secrets

import numpy as np
import tensorflow as tf

from keras_vaemix.core.part import require


def check_seed(seed):
    """Raises `ValueError` unless `seed` is an integer of 32 bits: TensorFlow would silently take the last bits of a larger one."""
    is_seed = isinstance(seed, (int, np.integer)) and not isinstance(seed, bool) and -(2**31) <= seed < 2**31
    require(is_seed, "seed to be an integer from -2**31 to 2**31 - 1", seed=seed)


def stateless_seed(seed):
    """Returns a stateless seed [2] for an integer or for such a seed, or a fresh one for None."""
    seed = secrets.randbits(31) if seed is None else seed
    if not tf.is_tensor(seed) and np.ndim(seed) == 0:
        check_seed(seed)
    seed = tf.convert_to_tensor(seed, tf.int32)
    return tf.stack([seed, 0]) if seed.shape.rank == 0 else seed


def fold_in(seed, number):
    """Returns the seed [2] made from `seed` [2] and an integer."""
    return tf.random.experimental.stateless_fold_in(seed, number)
