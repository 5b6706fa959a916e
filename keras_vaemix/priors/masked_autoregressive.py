"""A flow over another prior: its draws are pushed through autoregressive steps, dimension by dimension."""

from collections.abc import Sequence
from typing import Any

import tensorflow_probability as tfp

from keras_vaemix.core.part import check_positive, register
from keras_vaemix.networks.made import made
from keras_vaemix.networks.mlp import start_near_zero
from keras_vaemix.priors import Prior
from keras_vaemix.priors.flow import FlowPrior, shift_and_log_scale

tfb = tfp.bijectors


@register
class MaskedAutoregressive(FlowPrior):
    r"""Masked autoregressive flow over a base, :math:`z = f(u)` with :math:`u \sim p_0`. f is a chain of steps

    .. math:: v_i = u_i e^{\alpha_i} + \mu_i, \qquad [\mu_i, \alpha_i] = \mathrm{MADE}(v_{1:i-1}),

    each after a reversal of the dimensions. Its inverse, and so the density, takes one pass through each network:

    .. math:: u_i = (v_i - \mu_i) e^{-\alpha_i}, \qquad
        \log \left|\det \frac{\partial u}{\partial v}\right| = -\sum_i \alpha_i.

    A draw takes D passes through each, in a loop. The components are those of the base: if it is a mixture, f maps each of its components.
    The paper's batch normalisation between steps is left out: it would make the density depend on the batch. :math:`\alpha` is kept in
    (-2, 2) by a hyperbolic tangent.

    Args:
        base: A `Prior` :math:`p_0` over D latents that needs no encoder.
        num_flows: Number of steps.
        hidden: Units of each hidden layer of a step's network.

    Raises:
        ValueError: The base is made of posteriors or fitted after training.

    Reference: G. Papamakarios, T. Pavlakou, I. Murray, *Masked Autoregressive Flow for Density Estimation*, 2017.
    """

    def __init__(self, base: Prior, num_flows: int = 4, hidden: Sequence[int] = (64, 64), **kwargs: Any) -> None:
        super().__init__(base, **kwargs)
        check_positive(num_flows=num_flows)
        self.num_flows, self.hidden = num_flows, tuple(hidden)
        self.networks = [start_near_zero(made(base.latent_dim, 2, hidden)) for _ in range(num_flows)]

    def step(self, network):
        return tfb.MaskedAutoregressiveFlow(lambda v: shift_and_log_scale(network, v))
