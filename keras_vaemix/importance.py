"""The one likelihood estimator: log p(x) by importance sampling, summed as it streams."""

import warnings
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_vaemix.blocks import at_once
from keras_vaemix.objectives import ImportanceWeighted, log_importance
from keras_vaemix.part import check_positive
from keras_vaemix.seeds import fold_in, stateless_seed

FEW = 200  # effective samples, below which bias and standard error are not those of the delta method


class FewEffectiveSamples(UserWarning):
    """Few draws carry an estimate of log p(x): it is lower, and less certain, than its standard error says."""


class LikelihoodEstimate(NamedTuple):
    r"""An estimate of log p(x) for each example, [N].

    It is the mean of T independent rows :math:`v_t = \sum_m \omega_m w_{tm}`, where m counts the strata: the components or categories
    of which each row draws every one. Strata differ, and that is not noise; so the errors are those of the rows.

    Attributes:
        log_likelihood: :math:`\log \frac1T \sum_t v_t` in nats; in expectation a lower bound, which tightens with T.
        standard_error: Its standard error, by the delta method: :math:`\sqrt{1 / \mathrm{ESS} - 1 / T}`.
        effective_sample_size: :math:`\mathrm{ESS} = (\sum_t v_t)^2 / \sum_t v_t^2`, at most T: near one, a single row carries the
            estimate.
    """

    log_likelihood: Any
    standard_error: Any
    effective_sample_size: Any


class LikelihoodEstimator:
    """Estimates log p(x) batch by batch; a batch is one loop in one compiled graph.

    Args:
        model: A model with `draws(x, objective, seed)`, of which it decodes about `decoded_at_once` at once. The draws [S, B] are T rows
            of `num_strata` strata, S = T * num_strata, and strata vary fastest.
    """

    def __init__(self, model):
        self.model = model
        self.estimate = tf.function(self.estimate, jit_compile=True)

    def __call__(self, x, num_samples, batch_size, seed, chunk_size, verbose):
        """Returns a `LikelihoodEstimate` of NumPy arrays; see `LatentModel.estimate_log_likelihood`."""
        batch_size, chunk_size, num_chunks = self.sizes(x.shape, num_samples, batch_size, chunk_size)
        num_chunks, starts = tf.constant(num_chunks), range(0, len(x), batch_size)
        progress = keras.utils.Progbar(len(starts), verbose=verbose, unit_name="batch")
        results = []
        for i, start in enumerate(starts):
            batch = x[start : start + batch_size].astype("float32")
            # A last batch that is filled up compiles no second graph; what fills it up is dropped again.
            filled = np.resize(batch, (batch_size, *x.shape[1:]))
            estimate = self.estimate(tf.constant(filled), num_chunks, fold_in(stateless_seed(seed), i), chunk_size)
            results.append([figure.numpy()[: len(batch)] for figure in estimate])
            progress.update(i + 1)
        estimate = LikelihoodEstimate(*(np.concatenate(figures) for figures in zip(*results, strict=True)))
        warn_of_few_samples(estimate.effective_sample_size, int(num_chunks) * chunk_size)
        return estimate

    def sizes(self, shape, num_samples, batch_size, chunk_size=None):
        """Returns how examples of a shape [N, *] are estimated: so many at a time, draws in each stratum at a time, and how often."""
        check_positive(num_samples=num_samples, batch_size=batch_size)
        batch_size, strata = min(batch_size, shape[0]), self.model.num_strata
        # As many draws in each stratum as make up a chunk; the number of samples counts those of all strata.
        decoded = at_once(None, shape[1:], self.model.decoded_at_once)
        chunk_size = max(1, (chunk_size or min(num_samples, decoded // batch_size)) // strata)
        return batch_size, chunk_size, -(-num_samples // (chunk_size * strata))

    def estimate(self, x, num_chunks, seed, chunk_size):
        """Returns the estimate for one batch; only another `chunk_size` or batch size compiles anew."""
        objective = ImportanceWeighted(chunk_size)

        def log_rows(seed):
            log_w = log_importance(self.model.draws(x, objective, seed))  # [S, B]
            strata = tf.reshape(log_w, [chunk_size, self.model.num_strata, len(x)])
            return tf.reduce_logsumexp(strata, axis=1)  # [T, B]

        return summarize(*stream(log_rows, num_chunks, len(x), seed))


def warn_of_few_samples(effective_sample_size, num_rows):
    r"""Warns once of all examples whose effective sample size is below 200, and below half of the T rows.

    To second order the estimate is low by :math:`\frac12 \mathrm{s.e.}^2`, and with many effective samples that is all. Of few, large
    weights are mostly those that have not been drawn: the estimate, its error and the effective sample size itself miss them, and the
    bias, always downward, is up to nine times as large.
    """
    few = effective_sample_size[effective_sample_size < min(FEW, num_rows / 2)]
    if len(few):
        warnings.warn(
            f"Expected an effective sample size of at least {FEW}, so that log p(x) is low by half its squared standard error, and not by "
            f"up to nine times as much: raise num_samples, or train the posterior for longer. Received: {len(few)} of "
            f"{len(effective_sample_size)} examples with less, the least {few.min():.1f} of {num_rows}",
            FewEffectiveSamples,
            stacklevel=4,  # where `estimate_log_likelihood` was called
        )


def stream(log_rows, num_chunks, batch_size, seed):
    r"""Averages rows of importance weights over chunks, in one loop in the graph.

    Args:
        log_rows: Function of a seed that returns the logarithms of fresh independent rows, [T, B], whose sum estimates p(x).
        num_chunks: Number of chunks C, a tensor.
        batch_size: Number of examples B.
        seed: Stateless seed [2].

    Returns:
        :math:`\log \hat p(x)`, :math:`\log \sum v^2` over the rows v whose sum is the estimate, and the number of rows.
    """
    empty = tf.fill([batch_size], -float("inf"))

    def body(chunk, total, squares, count):
        log_v = log_rows(fold_in(seed, chunk))  # [T, B]
        total = tf.reduce_logsumexp(tf.stack([total, tf.reduce_logsumexp(log_v, axis=0)]), axis=0)
        squares = tf.reduce_logsumexp(tf.stack([squares, tf.reduce_logsumexp(2 * log_v, axis=0)]), axis=0)
        return chunk + 1, total, squares, count + tf.shape(log_v)[0]

    _, total, squares, count = tf.while_loop(lambda chunk, *_: chunk < num_chunks, body, (0, empty, empty, 0))
    log_chunks = tf.math.log(tf.cast(num_chunks, tf.float32))
    return total - log_chunks, squares - 2 * log_chunks, count


def summarize(log_p, log_squares, count):
    """Returns the `LikelihoodEstimate` of what `stream` summed."""
    inverse_size = tf.exp(log_squares - 2 * log_p)  # sum v^2 / (sum v)^2
    variance = tf.maximum(inverse_size - 1 / tf.cast(count, tf.float32), 0.0)
    return LikelihoodEstimate(log_p, tf.sqrt(variance), 1 / inverse_size)
