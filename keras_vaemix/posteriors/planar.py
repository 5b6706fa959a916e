"""The planar flow as posterior, whose steps are the encoder's."""

import functools
import math
from typing import Any

import tensorflow as tf

from keras_vaemix.core.part import check_positive, register
from keras_vaemix.posteriors.flow import FlowPosterior

SHIFT = math.log(math.e - 1)  # where the softplus is one
SLOPE = 1 - math.exp(-1)  # of the softplus there
START = 0.1  # scale of u
TINY = 1e-12  # squared norm below which w is not divided by it


@register
class PlanarFlow(FlowPosterior):
    r"""Planar flow, :math:`z_0 = \mu(x) + \sigma(x) \odot \epsilon` and, for T steps,

    .. math:: z_t = z_{t-1} + \hat u_t \tanh(w_t^\top z_{t-1} + b_t) \quad (\text{eq. 10}),

    of which :math:`u_t, w_t, b_t` are outputs of the encoder, as the parameters of :math:`z_0` are; u is a tenth of its own output, so that
    a new flow of many steps is near the identity. A step is invertible since

    .. math:: \hat u = u + (m(w^\top u) - w^\top u) \frac{w}{\|w\|^2} \quad (\text{appendix A.1})

    has :math:`w^\top \hat u = m(w^\top u) > -1`. Its determinant is :math:`1 + (1 - \tanh^2) w^\top \hat u` (eq. 11 and 12).

    The paper's :math:`m(a) = -1 + \log(1 + e^a)` is shifted and scaled here to :math:`m(a) = -1 + \log(1 + (e - 1) e^{a / s})` with
    :math:`s = 1 - 1/e`, so that m(0) = 0 and m'(0) = 1. Then :math:`\hat u` is u at w = 0, with a bounded gradient, and a step with
    u = 0 is the identity; with the paper's, :math:`\hat u` is infinite at w = 0, which is what a new encoder returns for an empty image.

    Args:
        latent_dim: Number of latent dimensions D.
        num_flows: Number of steps T.
        log_variance_limits: As in `DiagonalNormal`, of :math:`z_0`.

    Reference: D. Rezende, S. Mohamed, *Variational Inference with Normalizing Flows*, 2015.
    """

    def __init__(self, latent_dim: int, num_flows: int = 10, log_variance_limits: tuple[float, float] = (-6.0, 2.0), **kwargs: Any) -> None:
        check_positive(latent_dim=latent_dim, num_flows=num_flows)
        super().__init__(latent_dim, num_flows, num_flows * (2 * latent_dim + 1), log_variance_limits, **kwargs)

    def steps(self, context):
        d = self.latent_dim
        u, w, b = tf.split(tf.reshape(context, [-1, self.num_flows, 2 * d + 1]), [d, d, 1], axis=-1)  # [N, T, D], [N, T, D], [N, T, 1]
        u *= START
        product = tf.reduce_sum(w * u, axis=-1, keepdims=True)
        above = tf.nn.softplus(product / SLOPE + SHIFT)  # 1 + m
        near_zero = tf.math.log1p(SLOPE * tf.math.expm1(tf.minimum(product, 1.0) / SLOPE))  # m, to the precision of a small product
        m = tf.where(product < 1.0, near_zero, above - 1.0)
        u += (m - product) * w / tf.maximum(tf.reduce_sum(tf.square(w), axis=-1, keepdims=True), TINY)
        return [functools.partial(planar, *own) for own in zip(*(tf.unstack(one, axis=1) for one in (u, w, b, above)), strict=True)]


def planar(u, w, b, above, z):
    r"""Returns a step from z [N, D] and its log-determinant [N], given u and w [N, D], b and :math:`1 + w^\top u` [N, 1]."""
    h = tf.tanh(tf.reduce_sum(w * z, axis=-1, keepdims=True) + b)
    determinant = tf.square(h) + (1.0 - tf.square(h)) * above  # in a form that is positive even where 1 + w^T u is rounded to 0
    return z + u * h, tf.math.log(determinant)[:, 0]
