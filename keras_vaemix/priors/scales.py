"""Positive scales from unconstrained weights."""

import math

import keras
import tensorflow as tf

FLOOR = 1e-3


def softplus_scale(raw):
    """Returns softplus(raw) + 0.001."""
    return tf.nn.softplus(raw) + FLOOR


def inverse_softplus_scale(scale):
    """Returns an initializer of the unconstrained weight at which `softplus_scale` is `scale`."""
    return keras.initializers.Constant(math.log(math.expm1(scale - FLOOR)))
