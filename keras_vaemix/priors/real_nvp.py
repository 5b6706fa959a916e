"""A flow over another prior: its draws are pushed through affine couplings."""

from collections.abc import Sequence
from typing import Any

import tensorflow_probability as tfp

from keras_vaemix.core.part import check_positive, register, require
from keras_vaemix.networks.mlp import mlp, start_near_zero
from keras_vaemix.priors import Prior
from keras_vaemix.priors.flow import FlowPrior, shift_and_log_scale

tfb = tfp.bijectors


@register
class RealNVP(FlowPrior):
    r"""Flow over a base, :math:`z = f(u)` with :math:`u \sim p_0` and

    .. math:: \log p(z) = \log p_0(f^{-1}(z)) + \log \left|\det \frac{\partial f^{-1}}{\partial z}\right| \quad (\text{eq. 3}).

    f is a chain of couplings :math:`v_{1:d} = u_{1:d},\; v_{d+1:D} = u_{d+1:D} \odot e^{s(u_{1:d})} + t(u_{1:d})` (eq. 4 and 5), each after
    a reversal of the dimensions; s is kept in (-2, 2) by a hyperbolic tangent. The components are those of the base: if it is a mixture,
    f maps each of its components.

    Args:
        base: A `Prior` :math:`p_0` over D latents that needs no encoder.
        num_couplings: Number of couplings.
        hidden: Units of each hidden layer of s and t, which share a network.

    Raises:
        ValueError: There are fewer than two latents, or the base is made of posteriors or fitted after training.

    Reference: L. Dinh, J. Sohl-Dickstein, S. Bengio, *Density Estimation Using Real NVP*, 2017.
    """

    def __init__(self, base: Prior, num_couplings: int = 4, hidden: Sequence[int] = (64, 64), **kwargs: Any) -> None:
        super().__init__(base, **kwargs)
        check_positive(num_couplings=num_couplings)
        require(base.latent_dim >= 2, "a base over at least 2 latents: a coupling needs two halves", latent_dim=base.latent_dim)
        self.num_couplings, self.hidden, self.num_kept = num_couplings, tuple(hidden), base.latent_dim // 2
        sizes = (self.num_kept,), (base.latent_dim - self.num_kept, 2)
        self.networks = [start_near_zero(mlp(*sizes, hidden)) for _ in range(num_couplings)]

    def step(self, network):
        return tfb.RealNVP(self.num_kept, shift_and_log_scale_fn=lambda kept, units: shift_and_log_scale(network, kept))
