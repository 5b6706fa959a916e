"""A Dirichlet process over the weights of a mixture, by which the number of components in use is found."""

import tensorflow as tf

from keras_vaemix.core.part import Part, check_positive, register, require
from keras_vaemix.priors import log_densities


@register
class DirichletWeights(Part):
    r"""Symmetric Dirichlet density of weights, :math:`\pi \sim \mathrm{Dir}(\alpha/K, \ldots, \alpha/K)`, the finite Dirichlet process.

    Training finds the mode: beside the bound, it minimises :math:`-\frac1n \log \mathrm{Dir}(\pi; \alpha/K)`. Given components that take
    the shares :math:`r_k` of the examples, the mode is

    .. math:: \pi_k \propto \max(0,\; n\,r_k + \alpha/K - 1),

    so that components with less than about 1/n of the examples lose their weight, and K need only be large enough. The density is
    unbounded where a weight is zero: the weights of unused components fall without end, and the penalty with them.

    Args:
        concentration: :math:`\alpha`.
        num_examples: Number of examples n. With that of the training set the weights are those of the maximum a posteriori; fewer
            remove larger components.
    """

    def __init__(self, concentration: float = 1.0, num_examples: int = 1000) -> None:
        require(concentration > 0, "concentration > 0", concentration=concentration)
        check_positive(num_examples=num_examples)
        self.concentration, self.num_examples = concentration, num_examples

    def penalty(self, log_weights):
        r"""Returns :math:`-\frac1n \log \mathrm{Dir}(\pi; \alpha/K)`, a scalar, for normalised log-weights [K]."""
        return -log_densities.dirichlet(log_weights, tf.constant(self.concentration, log_weights.dtype)) / self.num_examples
