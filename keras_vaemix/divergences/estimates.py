"""What a divergence is, and the two kinds that are exact or unbiased."""

import abc

from keras_vaemix.core.hints import Distribution, Tensor
from keras_vaemix.core.part import Part, register


class Divergence(Part, abc.ABC):
    """Abstract: how KL(q || p) is computed in the bound.

    Attributes:
        is_unbiased: Whether it equals KL(q || p), exactly or in expectation. If not, the model reports the gap.
        is_upper_bound: Whether it is at least KL(q || p), so that subtracting it gives a bound on log p(x).
    """

    is_unbiased = True
    is_upper_bound = True

    @abc.abstractmethod
    def __call__(self, q: Distribution, p: Distribution) -> Tensor:
        """Returns KL(q || p) [B] in nats, or None to estimate it from the draws that the bound uses anyway."""

    def needs_host(self, num_components: int) -> bool:
        """Returns whether it computes outside the graph, where XLA cannot follow, for mixtures of `num_components`."""
        return False


@register
class ClosedForm(Divergence):
    """Exact KL(q || p) if TFP has it in closed form, else the Monte Carlo estimate from the draws."""

    def __call__(self, q, p):
        try:
            return q.kl_divergence(p)
        except NotImplementedError:
            return None


@register
class MonteCarlo(Divergence):
    r"""Unbiased estimate :math:`\log q(z|x) - \log p(z)` of KL(q || p) from the draws, for training and reporting."""

    def __call__(self, q, p):
        return None
