"""What a divergence is, and the two that are exact or unbiased."""

import abc

from keras_vaemix.core.part import Part, register


class Divergence(Part, abc.ABC):
    """Abstract: how KL(q || p) is taken in the bound.

    Attributes:
        is_unbiased: Whether it is KL(q || p) exactly or in expectation. Where it is not, the model reports its gap.
        is_upper_bound: Whether a bound on log p(x) that subtracts it is one.
    """

    is_unbiased = True
    is_upper_bound = True

    @abc.abstractmethod
    def __call__(self, q, p):
        """Returns KL(q || p) [B] in nats, or None: estimate it from the draws that the bound uses anyway."""

    def needs_host(self, num_components):
        """Returns whether it computes outside of the graph for mixtures of so many components, where XLA cannot follow."""
        return False


@register
class ClosedForm(Divergence):
    """Exact KL(q || p) where TFP has it in closed form, else the Monte Carlo estimate from the draws."""

    def __call__(self, q, p):
        try:
            return q.kl_divergence(p)
        except NotImplementedError:
            return None


@register
class MonteCarlo(Divergence):
    r"""Unbiased estimate :math:`\log q(z|x) - \log p(z)` of KL(q || p) from the draws: for training, and the only one for reporting."""

    def __call__(self, q, p):
        return None
