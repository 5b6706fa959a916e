"""The Householder flow as posterior: reflections, which keep volume."""

import functools
import itertools
from typing import Any

import tensorflow as tf

from keras_vaemix.core.part import register
from keras_vaemix.networks.mlp import mlp
from keras_vaemix.posteriors.flow import FlowPosterior


@register
class HouseholderFlow(FlowPosterior):
    r"""Householder flow, :math:`z_0 = \mu(x) + \sigma(x) \odot \epsilon` and, for T steps,

    .. math:: z_t = \left(I - 2 \frac{v_t v_t^\top}{\|v_t\|^2}\right) z_{t-1},

    of which :math:`v_1` is linear in the encoder's last hidden layer, and :math:`v_t` in :math:`v_{t-1}` (in the published code, every one
    is linear in that layer). The determinant of each step is
    -1, so that :math:`\log q(z_T|x) = \log q(z_0|x)`: a normal whose covariance has the variances of :math:`z_0` along rotated axes.

    Args:
        latent_dim: Number of latent dimensions D.
        num_flows: Number of steps T.
        log_variance_limits: As in `DiagonalNormal`, of :math:`z_0`.

    Reference: J. Tomczak, M. Welling, *Improving Variational Auto-Encoders using Householder Flow*, 2016.
    """

    def __init__(self, latent_dim: int, num_flows: int = 10, log_variance_limits: tuple[float, float] = (-6.0, 2.0), **kwargs: Any) -> None:
        super().__init__(latent_dim, num_flows, latent_dim, log_variance_limits, **kwargs)
        self.networks = [mlp((latent_dim,), latent_dim, ()) for _ in range(num_flows - 1)]

    def steps(self, context):
        vectors = itertools.accumulate(self.networks, lambda v, network: tf.cast(network(v), tf.float32), initial=context)
        return [functools.partial(reflect, v) for v in vectors]


def reflect(v, z):
    """Returns the reflection of z [N, D] along v [N, D], and its log-determinant; z itself where v is zero."""
    largest = tf.stop_gradient(tf.reduce_max(tf.abs(v), axis=-1, keepdims=True))  # the direction of a short v counts too
    v = tf.math.l2_normalize(tf.math.divide_no_nan(v, largest), axis=-1)
    return z - 2.0 * v * tf.reduce_sum(v * z, axis=-1, keepdims=True), 0.0
