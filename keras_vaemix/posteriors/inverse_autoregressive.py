"""The inverse autoregressive flow as posterior, with a context from the encoder."""

import math

import tensorflow as tf

from keras_vaemix.core.part import check_positive, register
from keras_vaemix.core.shapes import fold
from keras_vaemix.networks.made import made
from keras_vaemix.posteriors.base import Posterior, check_limits

GATE_BIAS = 1.5  # near the identity at the start


@register
class InverseAutoregressive(Posterior):
    r"""Inverse autoregressive flow, :math:`z_0 = \mu(x) + \sigma(x) \odot \epsilon` and, for T steps,

    .. math:: z_t = \sigma_t \odot z_{t-1} + (1 - \sigma_t) \odot m_t, \qquad [m_t, s_t] = \mathrm{MADE}_t(z_{t-1}, h(x)),\;
        \sigma_t = \mathrm{sigmoid}(s_t + 1.5) \quad (\text{eq. 13 and 14}),

    with the dimensions reversed between steps. Its density is known only at its own draws, where the Jacobians are triangular (eq. 11):

    .. math:: \log q(z_T|x) = -\sum_i \left(\tfrac12 \epsilon_i^2 + \tfrac12 \log 2\pi + \log \sigma_i(x) + \sum_t \log \sigma_{t,i}\right).

    Args:
        latent_dim: Number of latent dimensions D.
        num_flows: Number of steps T.
        hidden: Units of each hidden layer of a step's network.
        context_size: Number of outputs h(x) of the encoder.
        log_variance_limits: As in `DiagonalNormal`, of :math:`z_0`.

    Reference: D. Kingma et al., *Improving Variational Inference with Inverse Autoregressive Flow*, 2016, Algorithm 1.
    """

    has_density = False

    def __init__(self, latent_dim, num_flows=2, hidden=(64,), context_size=32, log_variance_limits=(-6.0, 2.0), **kwargs):
        super().__init__(**kwargs)
        check_positive(latent_dim=latent_dim, num_flows=num_flows, context_size=context_size)
        self.latent_dim, self.num_flows, self.hidden, self.context_size = latent_dim, num_flows, tuple(hidden), context_size
        self.log_variance_limits = check_limits(log_variance_limits)
        self.networks = [made(latent_dim, 2, hidden, context_size) for _ in range(num_flows)]

    def params_size(self, latent_dim):
        return 2 * latent_dim + self.context_size

    def split(self, params):
        """Returns the location and the log-scale of z_0, [B, D] each, and the context [B, C]."""
        d = self.latent_dim
        loc, log_variance, context = tf.split(tf.cast(params, tf.float32), [d, d, self.context_size], axis=-1)
        return loc, 0.5 * tf.clip_by_value(log_variance, *self.log_variance_limits), context

    def flow(self, z, context):
        """Returns z_T [N, D] and the log-determinant of its Jacobian [N], for z_0 [N, D] and the context [N, C]."""
        log_det = tf.zeros(tf.shape(z)[:1])
        for i, network in enumerate(self.networks):
            z = tf.reverse(z, [-1]) if i else z
            mean, raw = tf.unstack(tf.cast(network([z, context]), tf.float32), axis=-1)
            raw += GATE_BIAS
            gate = tf.sigmoid(raw)
            z = gate * z + (1.0 - gate) * mean
            log_det += tf.reduce_sum(tf.math.log_sigmoid(raw), axis=-1)
        return z, log_det

    def draw(self, params, num_samples, seed):
        loc, log_scale, context = self.split(params)
        shape = tf.concat([[num_samples], tf.shape(loc)], axis=0)
        noise = tf.random.stateless_normal(shape, seed)  # [S, B, D]
        z, log_det = self.flow(fold(loc + tf.exp(log_scale) * noise), tf.tile(context, [num_samples, 1]))
        log_q = tf.reduce_sum(-0.5 * tf.square(noise) - 0.5 * math.log(2 * math.pi) - log_scale, axis=-1)  # [S, B]
        log_weight = tf.fill(tf.shape(log_q), -math.log(num_samples))
        return tf.reshape(z, shape), log_weight, log_q - tf.reshape(log_det, tf.shape(log_q))

    def center(self, params):
        """Returns the point to which the flow maps the mean of z_0, [B, D]."""
        loc, _, context = self.split(params)
        return self.flow(loc, context)[0]
