"""Costs c(x, x') of reconstructions in autoencoders without a likelihood."""

import abc

import tensorflow as tf

from keras_vaemix.core import supports
from keras_vaemix.core.hints import Array, Shape, Tensor
from keras_vaemix.core.part import Part, register, require
from keras_vaemix.likelihoods import sum_event


class Cost(Part, abc.ABC):
    """Abstract: the cost of a reconstruction, summed over dimensions.

    Args:
        weight: Factor of the sum; 1 / (number of dimensions) makes it a mean.

    Attributes:
        support: The values of x for which it is defined.
        has_unbounded_params: Whether its argument is any real values, the logits, which a decoder's sigmoid would bound.

    Raises:
        ValueError: The weight is not positive.
    """

    support = supports.UNIT_INTERVAL
    has_unbounded_params = True

    def __init__(self, weight: float = 1.0) -> None:
        require(weight > 0, "weight > 0", weight=weight)
        self.weight = weight

    @abc.abstractmethod
    def __call__(self, x: Array, params: Tensor) -> Tensor:
        """Returns the cost [B] of the decoder's output `params` [B, *] for x [B, *]."""

    def mean(self, params: Tensor) -> Tensor:
        """Returns the reconstruction [B, *] for the decoder's output."""
        return tf.sigmoid(params)

    def check(self, x: Array, shape: Shape | None = None, name: str = "x") -> None:
        """Raises `ValueError` unless `x` is a non-empty array of finite values in the support."""
        supports.check_array(x, self.support, shape, name)


@register
class SquaredError(Cost):
    r"""Squared error, :math:`c(x, x') = w \sum_i (x_i - x'_i)^2` with :math:`x' = \sigma(\mathrm{logits})` for data in [0, 1]."""

    def __call__(self, x, params):
        return self.weight * sum_event(tf.square(x - self.mean(tf.cast(params, tf.float32))), x)


@register
class RealSquaredError(SquaredError):
    r"""Squared error of real data, :math:`c(x, x') = w \sum_i (x_i - x'_i)^2` with the decoder's output as x'."""

    support = supports.REAL
    has_unbounded_params = False

    def mean(self, params):
        return params


@register
class CrossEntropy(Cost):
    r"""Cross-entropy, :math:`c(x, x') = -w \sum_i x_i \log x'_i + (1 - x_i) \log(1 - x'_i)`, for data in [0, 1].

    It is not a likelihood of greyscale values (see `PseudoBernoulli`), and is not used in bounds.
    """

    def __call__(self, x, params):
        return self.weight * sum_event(tf.nn.sigmoid_cross_entropy_with_logits(x, tf.cast(params, tf.float32)), x)
