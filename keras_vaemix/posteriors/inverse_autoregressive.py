"""The inverse autoregressive flow as posterior, with a context from the encoder."""

import functools
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from keras_vaemix.core.part import check_positive, register
from keras_vaemix.networks.made import made
from keras_vaemix.posteriors.flow import FlowPosterior

GATE_BIAS = 1.5  # near the identity at the start


@register
class InverseAutoregressive(FlowPosterior):
    r"""Inverse autoregressive flow, :math:`z_0 = \mu(x) + \sigma(x) \odot \epsilon` and, for T steps,

    .. math:: z_t = \sigma_t \odot z_{t-1} + (1 - \sigma_t) \odot m_t, \qquad [m_t, s_t] = \mathrm{MADE}_t(z_{t-1}, h(x)),\;
        \sigma_t = \mathrm{sigmoid}(s_t + 1.5) \quad (\text{eq. 12 to 14}),

    with the dimensions reversed after each step. Its density is known only at its own draws, where the Jacobians are triangular (eq. 11):

    .. math:: \log q(z_T|x) = -\sum_i \left(\tfrac12 \epsilon_i^2 + \tfrac12 \log 2\pi + \log \sigma_i(x) + \sum_t \log \sigma_{t,i}\right).

    Args:
        latent_dim: Number of latent dimensions D.
        num_flows: Number of steps T.
        hidden: Units of each hidden layer of a step's network.
        context_size: Number of outputs h(x) of the encoder.
        log_variance_limits: As in `DiagonalNormal`, of :math:`z_0`.

    Reference: D. Kingma et al., *Improved Variational Inference with Inverse Autoregressive Flow*, 2016, Algorithm 1.
    """

    def __init__(
        self,
        latent_dim: int,
        num_flows: int = 2,
        hidden: Sequence[int] = (64,),
        context_size: int = 32,
        log_variance_limits: tuple[float, float] = (-6.0, 2.0),
        **kwargs: Any,
    ) -> None:
        super().__init__(latent_dim, num_flows, context_size, log_variance_limits, **kwargs)
        check_positive(context_size=context_size)
        self.hidden = tuple(hidden)
        self.networks = [made(latent_dim, 2, hidden, context_size) for _ in range(num_flows)]

    def steps(self, context):
        return [functools.partial(self.step, network, context) for network in self.networks]

    def step(self, network, context, z):
        mean, raw = tf.unstack(tf.cast(network([z, context]), tf.float32), axis=-1)
        raw += GATE_BIAS
        gate = tf.sigmoid(raw)
        return tf.reverse(gate * z + (1.0 - gate) * mean, [-1]), tf.reduce_sum(tf.math.log_sigmoid(raw), axis=-1)
