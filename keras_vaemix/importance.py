"""The one likelihood estimator: log p(x) by importance sampling, summed as it streams."""

from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_vaemix.blocks import at_once
from keras_vaemix.objectives import ImportanceWeighted, log_importance
from keras_vaemix.part import check_positive
from keras_vaemix.seeds import fold_in, stateless_seed


class LikelihoodEstimate(NamedTuple):
    """An estimate of log p(x) for each example, [N].

    Attributes:
        log_likelihood: Estimate in nats; in expectation a lower bound, which tightens with the number of samples.
        standard_error: Its standard error, by the delta method.
        effective_sample_size: :math:`(\\sum w)^2 / \\sum w^2`: near one, a single sample carries the estimate.
    """

    log_likelihood: Any
    standard_error: Any
    effective_sample_size: Any


class LikelihoodEstimator:
    """Estimates log p(x) batch by batch; a batch is one loop in one compiled graph.

    Args:
        model: A model with `draws(x, objective, seed)`, in `num_strata` strata, of which it decodes about `decoded_at_once` at once.
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
        return LikelihoodEstimate(*(np.concatenate(figures) for figures in zip(*results, strict=True)))

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
        return summarize(*stream(lambda seed: log_importance(self.model.draws(x, objective, seed)), num_chunks, len(x), seed))


def stream(log_importance, num_chunks, batch_size, seed):
    r"""Averages importance weights over chunks of samples, in one loop in the graph.

    Args:
        log_importance: Function of a seed that returns :math:`\log \omega_s w_s`, [S, B], with fresh samples; its weights sum to
            one over S.
        num_chunks: Number of chunks C, a tensor.
        batch_size: Number of examples B.
        seed: Stateless seed [2].

    Returns:
        :math:`\log \hat p(x)`, :math:`\log \sum v^2` over the terms v whose sum is the estimate, and the number of terms.
    """
    empty = tf.fill([batch_size], -float("inf"))

    def body(chunk, total, squares, count):
        log_w = log_importance(fold_in(seed, chunk))  # [S, B]
        total = tf.reduce_logsumexp(tf.stack([total, tf.reduce_logsumexp(log_w, axis=0)]), axis=0)
        squares = tf.reduce_logsumexp(tf.stack([squares, tf.reduce_logsumexp(2 * log_w, axis=0)]), axis=0)
        return chunk + 1, total, squares, count + tf.shape(log_w)[0]

    _, total, squares, count = tf.while_loop(lambda chunk, *_: chunk < num_chunks, body, (0, empty, empty, 0))
    log_chunks = tf.math.log(tf.cast(num_chunks, tf.float32))
    return total - log_chunks, squares - 2 * log_chunks, count


def summarize(log_p, log_squares, count):
    """Returns the `LikelihoodEstimate` of what `stream` summed."""
    inverse_size = tf.exp(log_squares - 2 * log_p)  # sum v^2 / (sum v)^2
    variance = tf.maximum(inverse_size - 1 / tf.cast(count, tf.float32), 0.0)
    return LikelihoodEstimate(log_p, tf.sqrt(variance), 1 / inverse_size)
