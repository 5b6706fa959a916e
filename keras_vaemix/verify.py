"""Checks, also for your own models, of bounds against log p(x) itself, and of its standard error against repeats."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from scipy.special import logsumexp

from keras_vaemix.core.batch import Batch, number_of, rows_of
from keras_vaemix.core.blocks import as_array, batch_size_for
from keras_vaemix.core.part import check_positive, require
from keras_vaemix.core.progress import progress
from keras_vaemix.core.seeds import fold_in, stateless_seed
from keras_vaemix.divergences import MonteCarlo
from keras_vaemix.evaluation.ladder import bounds_of
from keras_vaemix.objectives import ELBO, ImportanceWeighted

ERRORS = 4.0  # a bound may exceed log p(x) by this many standard errors
ROUNDING = 1e-5  # and by this fraction of it, for float32's rounding
NORMAL_95 = 1.96  # standard deviations within which 95 % of a normal's draws lie


class BoundExceeded(ArithmeticError):
    """A supposed bound on log p(x) lies above it."""


class StandardErrorWrong(ArithmeticError):
    """The standard error that an estimator reports differs from the spread of its repeats."""


class Compared(NamedTuple):
    """A bound compared with log p(x), means over the examples in nats.

    Attributes:
        name: Name of the bound.
        value: The bound.
        excess: The bound minus log p(x); negative for a true bound.
        standard_error: Standard error of the excess, from the bound's draws and from the estimate of log p(x).
        num_left_out: Number of examples left out of these means because the bound or log p(x) is not finite.
    """

    name: str
    value: float
    excess: float
    standard_error: float
    num_left_out: int = 0

    def is_exceeded(self) -> bool:
        """Returns whether the bound exceeds log p(x) by more than four standard errors and rounding."""
        return self.excess > ERRORS * self.standard_error + ROUNDING * abs(self.value)


class BoundReport(NamedTuple):
    """Every bound compared with log p(x); prints as a table.

    Attributes:
        log_likelihood: Mean log p(x) in nats.
        source: "exact", or how it was estimated.
        bounds: A list of `Compared`.
    """

    log_likelihood: float
    source: str
    bounds: Any

    def __str__(self):
        lines = [f"log p(x) {self.log_likelihood:.3f} nats, {self.source}"]
        lines += [f"{'bound':24} {'value':>10} {'minus log p(x)':>15} {'error':>8}"]
        for b in self.bounds:
            left_out = f"  {b.num_left_out} examples left out" * (b.num_left_out > 0)
            lines += [f"{b.name:24} {b.value:10.3f} {b.excess:15.4f} {b.standard_error:8.4f}{'  NOT A BOUND' * b.is_exceeded()}{left_out}"]
        return "\n".join(lines)


def check_bound(model, x, exact=None, num_samples=5000, repetitions=20, batch_size=None, seed=0, verbose=0, y=None):
    r"""Compares every bound that a model reports with log p(x), and raises if one lies above it.

    The bounds are the model's own objective at beta = 1 if it is one, the ELBO by Monte Carlo and with every upper bound on the
    divergence that fits the model, and importance-weighted bounds. log p(x) is what you give, or a long importance-sampled estimate,
    corrected for its bias by adding half its squared standard error.

    Args:
        model: A model with `draws` (see `LatentModel`), yours or the library's.
        x: Examples [N, *], or a dict of them with what accompanies them, as in `fit`.
        exact: Exact log p(x) [N], if it is known.
        num_samples: Importance samples for each example if it is not.
        repetitions: Number of times that each bound is drawn, at least two.
        batch_size: Number of examples at a time; if None, 100, or fewer if they are large.
        seed: Integer; the report is a function of it.
        verbose: 1 shows progress bars.
        y: What x is conditioned on, as in `estimate_log_likelihood`.

    Returns:
        A `BoundReport`.

    Raises:
        BoundExceeded: A "bound" exceeds log p(x) by more than four standard errors.
        ValueError: `exact` is not of shape [N] or not finite, or there is no example for which bound and log p(x) are finite.
    """
    x = conditioned(model, x, y)
    model.check(x)
    x = Batch.of(x).map(as_array).inputs()
    num_examples = number_of(x)
    batch_size = batch_size_for(batch_size, Batch.of(x).x.shape[1:], 100)
    check_positive(num_samples=num_samples, repetitions=repetitions, batch_size=batch_size)
    require(repetitions > 1, "repetitions of at least 2: their spread is the noise of a bound", repetitions=repetitions)
    if exact is None:
        estimate = model.estimate_log_likelihood(x, num_samples, batch_size, seed, verbose=verbose)
        errors = np.asarray(estimate.standard_error, "float64")
        log_p = estimate.log_likelihood + 0.5 * errors**2
        source = f"estimated with {num_samples} importance samples, standard error {root_sum(errors[np.isfinite(errors)]):.4f}"
    else:
        log_p, errors, source = np.asarray(exact, "float64"), np.zeros(num_examples), "exact"
        is_exact = log_p.shape == (num_examples,) and np.isfinite(log_p).all()
        require(is_exact, f"exact log p(x) of shape ({num_examples},), finite", shape=log_p.shape)
    compared = []
    for name, objective in progress(objectives_of(model).items(), verbose, f"bounds, {repetitions} times each", "bound"):
        values = repeat(model, objective, x, repetitions, batch_size, seed)  # [R, N]
        known = np.isfinite(log_p) & np.isfinite(values).all(axis=0)
        require(known.any(), f"log p(x) and {name} both finite for at least one example", num_finite=0)
        values, excess = values[:, known], values[:, known].mean(axis=0) - log_p[known]
        noise = root_sum(np.std(values, axis=0, ddof=1)) / np.sqrt(repetitions)
        error = float(np.hypot(noise, root_sum(errors[known])))
        compared.append(Compared(name, float(values.mean()), float(excess.mean()), error, int(np.sum(~known))))
    report = BoundReport(float(np.mean(log_p[np.isfinite(log_p)])), source, compared)
    if any(bound.is_exceeded() for bound in compared):
        raise BoundExceeded(f"Expected every bound at or below log p(x), within {ERRORS:g} standard errors. Received:\n{report}")
    return report


class StandardErrorReport(NamedTuple):
    """A reported standard error compared with the spread of independent repeats; prints as a line.

    Attributes:
        standard_error: Root mean square of the reported standard errors over examples and repeats.
        spread: Root mean square of the repeats' standard deviation over examples.
        excess: Mean of squared spread minus squared standard error.
        excess_error: Standard error of that mean.
        coverage: Share of estimates whose interval of 1.96 standard errors covers log p(x): 0.95 for a normal.
    """

    standard_error: float
    spread: float
    excess: float
    excess_error: float
    coverage: float

    def is_wrong(self) -> bool:
        """Returns whether the two differ by more than a quarter, and by more than four standard errors of the difference."""
        is_other = max(self.spread, self.standard_error) > 1.25 * min(self.spread, self.standard_error)
        return is_other and abs(self.excess) > ERRORS * self.excess_error

    def __str__(self):
        return f"standard error {self.standard_error:.4g} nats, spread of repeats {self.spread:.4g}, coverage {100 * self.coverage:.1f} %"


def check_standard_error(model, x, repeats=20, num_samples=1000, batch_size=None, seed=0, verbose=0, y=None):
    r"""Compares the standard error of the estimate of log p(x) with the spread of independent repeats, and raises if they differ.

    Args:
        model: A model with `estimate_log_likelihood` (see `LatentModel`), yours or the library's.
        x: Examples [N, *], or a dict of them with what accompanies them, as in `fit`.
        repeats: Number of repeats R, at least two, each with its own seed.
        num_samples: Importance samples for each example in each repeat.
        batch_size: Number of examples at a time; if None, 100, or fewer if they are large.
        seed: Integer; the report is a function of it.
        verbose: 1 shows a progress bar.
        y: What x is conditioned on, as in `estimate_log_likelihood`.

    Returns:
        A `StandardErrorReport`.

    Raises:
        StandardErrorWrong: The standard error and the spread differ by more than a quarter, and by more than noise explains.
    """
    x = conditioned(model, x, y)
    check_positive(repeats=repeats)
    require(repeats > 1, "repeats of at least 2: their spread is compared", repeats=repeats)
    seeds = np.random.default_rng(seed).integers(2**31, size=repeats)
    shown = progress(seeds, verbose, f"log-likelihood, {repeats} times", "repeat")
    estimates = [model.estimate_log_likelihood(x, num_samples, batch_size, int(one)) for one in shown]
    log_p, error = (np.asarray([getattr(e, name) for e in estimates], "float64") for name in ("log_likelihood", "standard_error"))  # [R, N]
    known = np.isfinite(log_p + error).all(axis=0)
    require(known.all(), "x for which log p(x) and its standard error are finite: leave out the others", num_not_finite=int(np.sum(~known)))
    of_all = logsumexp(log_p, axis=0) - np.log(repeats)  # [N]; its own noise is in every difference from it
    squares = np.square(log_p - of_all) * repeats / (repeats - 1)
    excess = squares - np.square(error)
    noise = np.std(excess, ddof=1) / np.sqrt(excess.size) + np.mean(np.square(ROUNDING * log_p))
    coverage = np.mean(squares <= np.square(NORMAL_95 * error) + np.square(ROUNDING * log_p))
    mean = [float(np.sqrt(np.mean(values))) for values in (np.square(error), squares)]
    report = StandardErrorReport(*mean, float(np.mean(excess)), float(noise), float(coverage))
    if report.is_wrong():
        raise StandardErrorWrong(f"Expected the standard error to equal the spread of {repeats} repeats. Received: {report}")
    return report


def conditioned(model, x, y):
    """Returns examples as they are, or a dict of them with the condition y, [A] or [N, A], if there is one."""
    return x if y is None else model.checked(x, y=y).inputs()


def objectives_of(model):
    """Returns the bounds that are checked for a model, by name."""
    bounds = bounds_of(model)
    return {
        **({"objective": model.objective} if model.objective.is_bound else {}),
        "elbo": ELBO(kl=MonteCarlo()),
        **{f"elbo, {name}": ELBO(kl=bound) for name, bound in bounds.items() if bound.is_upper_bound},
        **{f"importance_weighted, {k}": ImportanceWeighted(k) for k in (5, 50)},
    }


def root_sum(errors):
    """Returns the standard error of the mean of terms with these standard errors, [N]."""
    return float(np.sqrt(np.sum(np.square(errors))) / max(1, len(errors)))


def repeat(model, objective, x, repetitions, batch_size, seed):
    """Returns the bound of every example, drawn anew each time, [R, N] in double precision."""
    bound = tf.function(lambda batch, seed: objective(model.draws(batch, objective, seed)))
    batches = [rows_of(x, i, i + batch_size) for i in range(0, number_of(x), batch_size)]
    rows = []
    for repetition in range(repetitions):
        row_seed = fold_in(stateless_seed(seed), repetition + 1)
        rows.append(np.concatenate([bound(batch, fold_in(row_seed, i)) for i, batch in enumerate(batches)]))
    return np.asarray(rows, "float64")
