"""What follows the support of the data: the likelihood with the limits of log-variances, and the range of pseudo-inputs."""

from collections.abc import Callable
from typing import NamedTuple

from training.presets.library import arrays, supports, values, vm
from training.presets.registry import choose

AUTO = "auto"
CLIPPED, OPEN = (-6.0, 2.0), (-30.0, 2.0)  # of log-variances: the VampPrior code's, and open below, as in Dai & Wipf's code
Limits = tuple[float, float] | str  # the lowest and the highest log-variance, or "auto": as the likelihood needs them


class Choice(NamedTuple):
    """A likelihood that presets choose.

    Attributes:
        kind: Function without arguments that returns its class.
        has_scale: Whether its constructor takes a scale, fixed or initial.
        gives_mean: Whether the decoder's output is the mean of x; if not, it has logits.
        learns_scale: Whether its scale is learned: as it shrinks, so do the variances of the posteriors.
    """

    kind: Callable
    has_scale: bool = False
    gives_mean: bool = False
    learns_scale: bool = False

    def make(self, scale=1.0):
        """Returns the likelihood."""
        return self.kind()(scale) if self.has_scale else self.kind()()

    def suits(self, data):
        """Returns whether the likelihood is defined for the values of the data, binarised if the data are intensities.

        For supports that data do not declare, those of counts and of shares, the values of the data decide.
        """
        nested = (supports.BINARY, supports.LEVELS, supports.UNIT_INTERVAL, supports.REAL)  # each lies in the next
        support = self.kind().support
        if support in nested:
            return data.binarizes(support) or nested.index(data.support) <= nested.index(support)
        return all(arrays.lies_in(split.x, support) for split in (data.train, data.validation, data.test))

    def activation(self, data):
        """Returns the activation of the decoder's outputs, for networks that have one: it keeps means of data in [0, 1] there."""
        return "sigmoid" if self.gives_mean and data.support is not supports.REAL else None

    def limits(self, given):
        """Returns the limits of log-variances: those given, or for "auto" the protocol's, open below where the scale is learned."""
        return (OPEN if self.learns_scale else CLIPPED) if given == AUTO else tuple(given)


LIKELIHOODS = {
    "bernoulli": Choice(lambda: vm.Bernoulli),
    "cross_entropy": Choice(lambda: vm.PseudoBernoulli),
    "continuous_bernoulli": Choice(lambda: vm.ContinuousBernoulli),
    "discretized_logistic": Choice(lambda: vm.DiscretizedLogistic),
    "normal": Choice(lambda: vm.Normal, has_scale=True, gives_mean=True),
    "laplace": Choice(lambda: vm.Laplace, has_scale=True, gives_mean=True),
    "learned_normal": Choice(lambda: vm.LearnedScaleNormal, has_scale=True, gives_mean=True, learns_scale=True),
    "optimal_normal": Choice(lambda: vm.OptimalScaleNormal, gives_mean=True, learns_scale=True),
    "student_t": Choice(lambda: vm.StudentT, has_scale=True, gives_mean=True, learns_scale=True),
    "poisson": Choice(lambda: vm.Poisson),
    "negative_binomial": Choice(lambda: vm.NegativeBinomial),
    "beta": Choice(lambda: vm.Beta),
}


def by_support(data, own=None):
    """Returns the name of the likelihood for the data.

    Args:
        data: The `Data`.
        own: Name of the family's own likelihood of grey values and colours in [0, 1]; without one, intensities are binarised.
    """
    if own is not None and data.support in (supports.LEVELS, supports.UNIT_INTERVAL):
        return own
    of_support = {
        supports.BINARY: "bernoulli",
        supports.LEVELS: "discretized_logistic",
        supports.UNIT_INTERVAL: "continuous_bernoulli",
        supports.REAL: "learned_normal",
    }
    return of_support[supports.BINARY if data.is_intensity else data.support]


def chosen(data, likelihood=AUTO, own=None):
    """Returns the `Choice` that `--likelihood` names, "auto" being that of `by_support`; raises `ValueError` if it does not fit."""
    name = choose("likelihood", {AUTO: by_support(data, own), **{name: name for name in LIKELIHOODS}}, likelihood)
    if not LIKELIHOODS[name].suits(data):
        suitable = ", ".join([AUTO, *(other for other, choice in LIKELIHOODS.items() if choice.suits(data))])
        hint = "; --value-range 1 keeps counts as they are" if data.support is supports.LEVELS else ""
        raise ValueError(f"Expected --likelihood for values in {data.support.name}, one of {suitable}{hint}. Received: {likelihood!r}")
    return LIKELIHOODS[name]


def params_shape(data, likelihood):
    """Returns the shape of a likelihood's parameters for one example."""
    *size, num_channels = data.shape
    return (*size, likelihood.params_size(num_channels))


def pseudo_inputs(data):
    """Returns the arguments of a `VampPrior` for pseudo-inputs that start amid the values of the data, and have the range of real ones.

    Those of 8-bit images that are not binarised start as the VampPrior code's of the Frey faces; others in [0, 1] as those of MNIST.
    """
    if data.support is supports.LEVELS and not data.is_intensity:
        return {"value_range": supports.UNIT, "initial_mean": 0.5, "initial_stddev": 0.02}
    if data.support is not supports.REAL:
        return {"value_range": supports.UNIT}
    low, high, _ = values.extent([data.train.x])
    return {"value_range": (low, high if high > low else low + 1.0), "initial_mean": 0.5, "initial_stddev": 0.1}
