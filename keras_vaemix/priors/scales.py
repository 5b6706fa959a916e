"""Positive scales from unconstrained weights."""

import keras
import numpy as np
import tensorflow as tf

FLOOR = 1e-3


def softplus_scale(raw):
    """Returns softplus(raw) + 0.001."""
    return tf.nn.softplus(raw) + FLOOR


def inverse_softplus_scale(scale):
    r"""Returns the unconstrained values for which `softplus_scale` is `scale`, a number or an array above 0.001.

    The inverse of the softplus is :math:`y + \log(1 - e^{-y})`, which does not overflow.
    """
    y = np.asarray(scale, "float64") - FLOOR
    return y + np.log(-np.expm1(-y))


def initial_scale(scale):
    """Returns an initializer of the unconstrained weight for which `softplus_scale` is `scale`."""
    return keras.initializers.Constant(float(inverse_softplus_scale(scale)))
