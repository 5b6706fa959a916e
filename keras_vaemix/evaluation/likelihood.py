"""The likelihood report: the ELBO with its parts, the importance-sampled log-likelihood, and their errors."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_vaemix.core.batch import Batch, number_of, rows_of
from keras_vaemix.core.blocks import batch_size_for, blocks
from keras_vaemix.core.hints import Array
from keras_vaemix.core.progress import progress
from keras_vaemix.core.seeds import fold_in, stateless_seed
from keras_vaemix.core.supports import observed
from keras_vaemix.core.warned import warn_caller
from keras_vaemix.evaluation.ladder import has_kl_ladder, has_paper_kl, kl_ladder, paper_kl
from keras_vaemix.evaluation.latent import active_units
from keras_vaemix.importance import LikelihoodEstimate
from keras_vaemix.objectives import ELBO

LEAST_EFFECTIVE = 5  # effective samples, below which the delta method's error only says that there are few: it is at most one


def bound_parts(model, x, batch_size=None, seed=0, verbose=0):
    """Returns the ELBO with beta = 1 and its parts for each example, from one draw each, a dict of arrays [N] in nats.

    `verbose` 1 shows a progress bar.
    """
    model.check(x)
    objective, batch_size = ELBO(), batch_size_for(batch_size, model.example_shape, 100)

    @tf.function
    def parts(batch, seed):
        return model.parts(model.draws(batch, objective, seed))

    starts = progress(range(0, number_of(x), batch_size), verbose, f"ELBO of {number_of(x)} examples")
    results = [parts(rows_of(x, i, i + batch_size), fold_in(stateless_seed(seed), i)) for i in starts]
    return {name: np.concatenate([r[name] for r in results]) for name in results[0]}


def likelihood_report(
    model: keras.Model,
    x: Array,
    num_samples: int = 5000,
    batch_size: int | None = None,
    seed: int = 0,
    num_likelihood_examples: int | None = None,
    verbose: int = 0,
    estimate: LikelihoodEstimate | None = None,
) -> dict[str, Any]:
    """Evaluates a model on examples.

    Args:
        model: A model that gives draws.
        x: Examples [N, *], or a dict of them with what accompanies them, as in `fit`.
        num_samples: Importance samples for each example; the figure `num_samples` is the number drawn, which is rounded up.
        batch_size: Number of examples at a time; if None, 100, or fewer if they are large.
        seed: Integer; every figure is a function of it.
        num_likelihood_examples: Number of examples, the first ones, for the log-likelihood, which takes longest; None for all.
        verbose: 1 shows progress bars.
        estimate: An existing `LikelihoodEstimate` for those examples, or None.

    Returns:
        A dict of figures: means over examples in nats, each with the standard error of the mean as `*_se`; names begin with `pseudo_` if
        the likelihood is not a density. `paper_bound` is the GMMpVAE paper's, `reconstruction` minus `paper_bound_kl` (Eq. 23), for its
        models and others that are trained with a bound on the divergence. `log_likelihood_histogram` has the `counts` of examples between
        `edges`. `log_likelihood_sampling_error` is NaN if the median `effective_sample_size` is below five. `bits_per_dim` is for 8-bit
        data; `kl_ladder`, over the examples of the log-likelihood, for mixture posteriors or priors.
        `num_left_out` gives for each mean that leaves out examples, because their figure is not finite, how many they are. Where the
        prior's normaliser is estimated, `log_normalizer` is an estimate of its logarithm, with its error, and `log_normalizer_off` the
        difference of the one in use, by which all bounds are off.

    Warns:
        UserWarning: A mean leaves out examples.
        FewEffectiveSamples: See `estimate_log_likelihood`.
    """
    name, given = model.figure_name, Batch.of(x)
    some = x if num_likelihood_examples is None else given.map(lambda one: one[:num_likelihood_examples]).inputs()
    estimate = estimate or model.estimate_log_likelihood(some, num_samples, batch_size, seed, verbose=verbose)
    figures = {**bound_parts(model, x, batch_size, seed, verbose), name("log_likelihood"): estimate.log_likelihood}
    if has_paper_kl(model):
        kl = paper_kl(model, x, batch_size)
        figures |= {name("paper_bound"): figures[name("reconstruction")] - kl, name("paper_bound_kl"): kl}
    report = {key: mean_of_finite(values) for key, values in figures.items()}
    report |= {f"{key}_se": standard_error(values) for key, values in figures.items()}
    errors, sizes = finite(estimate.standard_error), finite(estimate.effective_sample_size)
    report["effective_sample_size"] = float(np.median(sizes)) if len(sizes) else math.nan
    is_known = len(errors) and report["effective_sample_size"] >= LEAST_EFFECTIVE
    report["log_likelihood_sampling_error"] = float(np.sqrt(np.sum(errors**2)) / len(errors)) if is_known else math.nan
    figures |= {"log_likelihood_sampling_error": estimate.standard_error, "effective_sample_size": estimate.effective_sample_size}
    report[name("log_likelihood_histogram")] = histogram(estimate.log_likelihood)
    if model.likelihood.num_levels:
        report["bits_per_dim"] = bits_per_dim(estimate.log_likelihood, some)
    if has_kl_ladder(model):
        ladder = kl_ladder(model, some, 1, batch_size, seed)
        report["kl_ladder"] = {rung: mean_of_finite(values) for rung, values in ladder.items()}
        figures |= {f"kl_ladder {rung}": values for rung, values in ladder.items()}
    report["num_left_out"] = {key: count for key, values in figures.items() if (count := len(values) - len(finite(values)))}
    partial = {key: count for key, count in report["num_left_out"].items() if count < len(figures[key])}  # a mean over no examples is NaN
    if partial:
        warn_caller(f"Expected finite figures for every example. Received: means without {partial} of them")
    return {
        **report,
        **model.prior.report(),
        "active_units": active_units(model, x) if len(given.x) > 1 else math.nan,
        "num_samples": estimate.num_samples,
        "num_examples": len(given.x),
        "num_likelihood_examples": number_of(some),
    }


def bits_per_dim(log_likelihood, x):
    """Returns minus the finite ones of `log_likelihood` [N] in bits for each observed value of their examples x."""
    batch, is_finite = Batch.of(x), np.isfinite(log_likelihood)
    mask = True if batch.mask is None else batch.mask
    sizes = np.concatenate([observed(block, mask, i).reshape(len(block), -1).sum(axis=1) for i, block in blocks(batch.x)])
    return -float(np.sum(np.asarray(log_likelihood, "float64")[is_finite]) / (np.sum(sizes[is_finite]) * math.log(2)))


def histogram(values, num_bins=40):
    """Returns the histogram of the finite ones of `values` [N], a dict of `edges` and `counts`."""
    counts, edges = np.histogram(finite(values), num_bins)
    return {"edges": [round(float(edge), 3) for edge in edges], "counts": counts.tolist()}


def finite(values):
    """Returns the finite ones of `values` [N], in double precision."""
    values = np.asarray(values, "float64")
    return values[np.isfinite(values)]


def mean_of_finite(values):
    """Returns the mean of the finite ones of `values` [N], NaN if there are none."""
    values = finite(values)
    return float(np.mean(values)) if len(values) else math.nan


def standard_error(values):
    """Returns the standard error of the mean of the finite ones of `values` [N], NaN if there are fewer than two."""
    values = finite(values)
    return float(np.std(values, ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan
