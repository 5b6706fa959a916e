"""The one likelihood estimator: log p(x) by importance sampling, summed as it streams."""

from typing import Any, NamedTuple

import tensorflow as tf

from keras_vaemix.seeds import fold_in


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
