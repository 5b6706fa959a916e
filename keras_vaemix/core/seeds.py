"""Stateless seeds: every draw of the library is a function of one."""

import secrets

import tensorflow as tf


def stateless_seed(seed):
    """Returns a stateless seed [2] for an integer or for such a seed, or a fresh one for None."""
    seed = tf.convert_to_tensor(secrets.randbits(31) if seed is None else seed, tf.int32)
    return tf.stack([seed, 0]) if seed.shape.rank == 0 else seed


def fold_in(seed, number):
    """Returns the seed [2] made from `seed` [2] and an integer."""
    return tf.random.experimental.stateless_fold_in(seed, number)
