"""The additive couplings of NICE as posterior, which keep volume."""

import functools
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from keras_vaemix.core.part import register, require
from keras_vaemix.networks.mlp import mlp, start_near_zero
from keras_vaemix.posteriors.flow import FlowPosterior


@register
class AdditiveCoupling(FlowPosterior):
    r"""Flow of additive couplings (NICE), :math:`z_0 = \mu(x) + \sigma(x) \odot \epsilon` and, for T steps,

    .. math:: z_{t,1:d} = z_{t-1,1:d}, \qquad z_{t,d+1:D} = z_{t-1,d+1:D} + m_t(z_{t-1,1:d}, h(x)),

    with d = D / 2, rounded down, and the dimensions reversed after each step. Every Jacobian is triangular with ones on its diagonal
    before the reversal, so that :math:`\log q(z_T|x) = \log q(z_0|x)`.

    Args:
        latent_dim: Number of latent dimensions D, at least 2.
        num_flows: Number of steps T.
        hidden: Units of each hidden layer of m, whose activation is a ReLU.
        context_size: Number of outputs h(x) of the encoder; 0 for couplings that do not depend on x.
        log_variance_limits: As in `DiagonalNormal`, of :math:`z_0`.

    Reference: L. Dinh, D. Krueger, Y. Bengio, *NICE: Non-linear Independent Components Estimation*, 2015.
    """

    def __init__(
        self,
        latent_dim: int,
        num_flows: int = 4,
        hidden: Sequence[int] = (64,),
        context_size: int = 0,
        log_variance_limits: tuple[float, float] = (-6.0, 2.0),
        **kwargs: Any,
    ) -> None:
        super().__init__(latent_dim, num_flows, context_size, log_variance_limits, **kwargs)
        require(latent_dim >= 2, "at least 2 latents: a coupling needs two halves", latent_dim=latent_dim)
        self.hidden, self.num_kept = tuple(hidden), latent_dim // 2
        sizes = (self.num_kept + context_size,), latent_dim - self.num_kept
        self.networks = [start_near_zero(mlp(*sizes, hidden, "relu")) for _ in range(num_flows)]

    def steps(self, context):
        return [functools.partial(self.step, network, context) for network in self.networks]

    def step(self, network, context, z):
        kept, moved = z[:, : self.num_kept], z[:, self.num_kept :]
        moved += tf.cast(network(tf.concat([kept, context], axis=-1)), tf.float32)
        return tf.reverse(tf.concat([kept, moved], axis=-1), [-1]), 0.0
