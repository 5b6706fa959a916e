"""The one likelihood estimator: log p(x) by importance sampling, with running sums over chunks of draws."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_vaemix.core.batch import Batch
from keras_vaemix.core.blocks import batch_size_for
from keras_vaemix.core.part import check_positive, require
from keras_vaemix.core.progress import progress
from keras_vaemix.core.seeds import fold_in, stateless_seed
from keras_vaemix.core.warned import warn_caller
from keras_vaemix.core.xla import Compiled
from keras_vaemix.objectives import ImportanceWeighted, log_importance

RESOLVED = 2.0**30  # nats; beyond this, float32 resolves log p(x|z) only to 64 nats or worse, and draws no longer differ
ON_GPU = 10  # times as many draws in a chunk: a GPU takes hardly longer for them, and encodes examples and pseudo-inputs in each chunk
FEW = 200  # effective samples, below which the delta method does not give bias and standard error
TOLERATED = 0.01  # share of examples with few effective samples up to which there is no warning


class FewEffectiveSamples(UserWarning):
    """An estimate of log p(x) depends on few draws: it is lower and less certain than its standard error says."""


class LikelihoodEstimate(NamedTuple):
    r"""An estimate of log p(x) for each example, [N].

    It is the mean of T independent rows :math:`v_t = \sum_m \omega_m w_{tm}`, where m runs over the strata: the components or categories,
    each of which is drawn in every row. Differences between strata are not noise, so errors are computed over rows.

    A figure that is undefined is NaN: all of them if the weights of an example are all zero or any is NaN, the standard error and the
    effective sample size if :math:`|\log p(x)| > 2^{30}`, beyond what float32 resolves, and the standard error of a single row.

    Attributes:
        log_likelihood: :math:`\log \frac1T \sum_t v_t` in nats; in expectation a lower bound that tightens with T.
        standard_error: Its standard error, by the delta method: :math:`\sqrt{1 / \mathrm{ESS} - 1 / T}`. It is at most one, however far
            off the estimate is: with few effective samples it says no more than that.
        effective_sample_size: :math:`\mathrm{ESS} = (\sum_t v_t)^2 / \sum_t v_t^2`, at most T; near one, the estimate depends on
            a single row.
        num_samples: Number of samples that were drawn for each example, T times the number of strata.
    """

    log_likelihood: Any
    standard_error: Any
    effective_sample_size: Any
    num_samples: Any


class LikelihoodEstimator:
    """Estimates log p(x) batch by batch; a batch is one loop in one compiled graph.

    Args:
        model: A model with `draws(x, objective, seed)`, about `decoded_batch_size` of which are decoded at once. The draws [S, B] are T
            rows of `num_strata` strata, S = T * num_strata, and strata vary fastest.
    """

    def __init__(self, model):
        self.model, self.is_checked = model, False
        self.estimate = Compiled(self.estimate)

    def __call__(self, given, num_samples, batch_size, seed, chunk_size, verbose):
        """Returns a `LikelihoodEstimate` of NumPy arrays for a `Batch` of arrays [N, *]; see `LatentModel.estimate_log_likelihood`."""
        n = len(given.x)
        batch_size, chunk_size, num_chunks = self.sizes(given.x.shape, num_samples, batch_size, chunk_size)
        num_rows, strata = num_chunks * chunk_size, self.model.num_strata
        if not self.is_checked:
            self.check_weights(given.map(lambda one: tf.constant(one[:1], tf.float32)).inputs())
            self.is_checked = True
        title = f"log-likelihood: {num_rows * strata} samples for each of {n} examples"
        num_chunks, results = tf.constant(num_chunks), []
        for i, start in enumerate(progress(range(0, n, batch_size), verbose, title)):
            rows = given.map(lambda one, start=start: padded(one[start : start + batch_size], batch_size)).inputs()
            figures = self.estimate(rows, num_chunks, fold_in(stateless_seed(seed), i), chunk_size)
            results.append([figure.numpy()[: n - start] for figure in figures])
        estimate = LikelihoodEstimate(*(np.concatenate(figures) for figures in zip(*results, strict=True)), num_rows * strata)
        warn_of_few_samples(estimate.effective_sample_size, num_rows, strata)
        return estimate

    def check_weights(self, x):
        """Raises `ValueError` unless the weights of draws add up to one, without which no estimate is one of log p(x)."""
        log_weight = self.model.draws(x, ImportanceWeighted(2), tf.constant([0, 0])).log_weight
        total = float(np.exp(log_weight).sum(axis=0)[0])
        expected = "draws whose weights add up to one: the `draw` of a posterior returns -log(S) as the log-weight of each of S equal ones"
        require(np.isnan(total) or abs(total - 1) < 1e-3, expected, total=total, draws=len(log_weight))

    def sizes(self, shape, num_samples, batch_size, chunk_size=None, is_for_gpu=None):
        """Returns the batch size, the draws per stratum in a chunk, and the number of chunks for examples of a shape [N, *].

        `is_for_gpu` is whether they are drawn on a GPU, by default whether there is one.
        """
        check_positive(num_samples=num_samples, batch_size=batch_size)
        batch_size, strata = min(batch_size, shape[0]), self.model.num_strata
        # The chunk size becomes draws per stratum; the number of samples counts all strata.
        is_for_gpu = bool(tf.config.list_physical_devices("GPU")) if is_for_gpu is None else is_for_gpu
        decoded = batch_size_for(None, shape[1:], self.model.decoded_batch_size) * (ON_GPU if is_for_gpu else 1)
        chunk_size = max(1, (chunk_size or min(num_samples, decoded // batch_size)) // strata)
        return batch_size, chunk_size, -(-num_samples // (chunk_size * strata))

    def estimate(self, x, num_chunks, seed, chunk_size):
        """Returns the figures of the estimate for one batch; recompiled only for a new `chunk_size` or batch size."""
        objective, size = ImportanceWeighted(chunk_size), len(Batch.of(x).x)

        def log_weights(seed):
            d = self.model.draws(x, objective, seed)
            wide = {name: tf.cast(getattr(d, name), tf.float64) for name in ("log_weight", "log_px", "log_pz", "log_qz")}
            return tf.reshape(log_importance(d._replace(**wide)), [chunk_size, self.model.num_strata, size])

        return summarize(*stream(log_weights, num_chunks, size, seed), num_chunks, chunk_size)


def padded(rows, size):
    """Returns rows [N, *], repeated up to `size` of them, so that no second graph is compiled for a last batch of fewer."""
    return tf.constant(np.resize(rows.astype("float32"), (size, *rows.shape[1:])))


def warn_of_few_samples(effective_sample_size, num_rows, num_strata=1):
    r"""Warns once about all examples whose effective sample size is below 200 and below half of the T rows.

    If they are fewer than one in a hundred, which hardly affects a mean, there is no warning unless the smallest effective sample size is
    below a twentieth of that limit: below ten for 400 rows or more.

    To second order the estimate is too low by :math:`\frac12 \mathrm{s.e.}^2`, which is the whole bias if there are many effective samples.
    If there are few, most large weights have not been drawn: the estimate, its error and the effective sample size itself miss them, and
    the bias, always downward, is up to nine times as large.
    """
    limit = min(FEW, num_rows / 2)
    few = effective_sample_size[effective_sample_size < limit]
    drawn = f" ({num_rows * num_strata} samples, {num_rows} for each of {num_strata} components)" if num_strata > 1 else ""
    if len(few) and (len(few) >= TOLERATED * len(effective_sample_size) or few.min() < limit / 20):
        warn_caller(
            f"Expected an effective sample size of at least {limit:.0f}, below which log p(x) is estimated too low: raise num_samples, or "
            f"train the posterior for longer. Received: {len(few)} of {len(effective_sample_size)} examples with less, "
            f"the smallest {few.min():.1f} of {num_rows} possible{drawn}",
            FewEffectiveSamples,
        )


def stream(log_weights, num_chunks, batch_size, seed):
    r"""Sums rows of importance weights and their squares over chunks, in one loop in the graph.

    The sums are relative to the largest weight so far, because log-weights of a million nats may differ by only a few.

    Args:
        log_weights: Function of a seed that returns :math:`\log \omega_m w_{tm}` of fresh draws, [T, M, B] in float64.
        num_chunks: Number of chunks, a tensor.
        batch_size: Number of examples B.
        seed: Stateless seed [2].

    Returns:
        The largest log-weight c, :math:`\sum_t v_t e^{-c}` and :math:`\sum_t (v_t e^{-c})^2` over the rows of all chunks, [B] in float64.
    """
    zeros = tf.zeros([batch_size], tf.float64)

    def body(chunk, largest, total, squares):
        log_w = log_weights(fold_in(seed, chunk))  # [T, M, B]
        higher = tf.maximum(largest, tf.reduce_max(log_w, axis=[0, 1]))
        shift = tf.where(tf.math.is_finite(higher), higher, 0.0)  # all weights zero, or not numbers
        rows, scale = tf.reduce_sum(tf.exp(log_w - shift), axis=1), tf.exp(largest - shift)
        total = scale * total + tf.reduce_sum(rows, axis=0)
        squares = tf.square(scale) * squares + tf.reduce_sum(tf.square(rows), axis=0)
        return chunk + 1, higher, total, squares

    start = (0, zeros - float("inf"), zeros, zeros)
    return tf.while_loop(lambda chunk, *_: chunk < num_chunks, body, start)[1:]


def summarize(largest, total, squares, num_chunks, chunk_size):
    """Returns the figures [B] of a `LikelihoodEstimate`, in its order, from the sums of `stream`; undefined figures are NaN."""
    num_chunks = tf.cast(num_chunks, tf.float64)
    num_rows = num_chunks * chunk_size
    log_p = largest + tf.math.log(total / num_chunks)
    inverse_size = squares / tf.square(total)
    error = tf.sqrt(tf.maximum(inverse_size - 1 / num_rows, 0.0))
    has_size = tf.math.is_finite(log_p) & (tf.abs(log_p) < RESOLVED)
    known = (tf.math.is_finite(log_p), has_size & (num_rows > 1), has_size)
    return [tf.where(is_known, figure, np.nan) for is_known, figure in zip(known, (log_p, error, 1 / inverse_size), strict=True)]
