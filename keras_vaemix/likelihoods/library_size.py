"""Counts whose means are shares of the total of their row: the library size of a cell, an exposure."""

import math
from typing import Any

import tensorflow as tf

from keras_vaemix.core import supports
from keras_vaemix.core.part import register, require, require_kind
from keras_vaemix.likelihoods.base import Likelihood
from keras_vaemix.likelihoods.counts import CountLikelihood

OUT = -1e9  # logit of a share that is zero


@register
class LibrarySize(Likelihood):
    r"""Counts with means :math:`\mu_i = \ell\,\mathrm{softmax}_i\,r(z)` over the last axis, :math:`\ell` an offset to their log-means.

    For x that is given, :math:`\ell` is the total of its observed counts, and the shares are those of observed values. So what is learned
    is log p(x | z, :math:`\ell`), conditional on the total as if it had been measured apart. As the total is that of x itself, this does
    not sum to one over all x: it is not a density, and its figures are named `pseudo_*`. With a `Poisson` it is the multinomial
    log p(x | z, total) plus :math:`\log \mathrm{Poisson}(\ell; \ell)`, which is the same for all models. `mean` and `draw`, which have no
    x, are those of a row with the expected total `size`.

    Args:
        likelihood: The likelihood of counts: a `Poisson`, a `NegativeBinomial`, or one of them `ZeroInflated`.
        size: Expected total of the rows that are decoded or sampled, such as the median of the totals in training.

    Reference: R. Lopez et al., *Deep Generative Modeling for Single-Cell Transcriptomics*, 2018, with the observed library size as in
    scvi-tools.
    """

    support = supports.COUNTS
    is_density = False

    def __init__(self, likelihood: CountLikelihood, size: float = 1e4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_kind("likelihood", likelihood, CountLikelihood)
        require(size > 0 and math.isfinite(size), "a finite size > 0", size=size)
        self.likelihood, self.size = likelihood, size

    def params_size(self, num_channels):
        return self.likelihood.params_size(num_channels)

    def scaled(self, params, log_size):
        """Returns the parameters with log-means in the place of the logits of shares, for log-sizes [..., 1]."""
        num_channels = self.likelihood.num_channels(params)
        log_means = log_size + tf.nn.log_softmax(params[..., :num_channels])
        return tf.concat([log_means, params[..., num_channels:]], axis=-1)

    def expected(self, params):
        return self.scaled(params, math.log(self.size))

    def distribution(self, params):
        return self.likelihood.distribution(self.expected(params))

    def mean(self, params):
        return self.likelihood.mean(self.expected(params))

    def draw(self, params, noise):
        return self.likelihood.draw(self.expected(params), noise)

    def imputed(self, params, noise, x, mask):
        # A missing count has the share of the observed total that it has of the observed shares.
        shares = tf.nn.log_softmax(params[..., : self.likelihood.num_channels(params)])
        total, share = tf.reduce_sum(x, -1, keepdims=True), tf.reduce_logsumexp(tf.where(mask, shares, OUT), -1, keepdims=True)
        is_known = tf.reduce_any(mask, -1, keepdims=True)
        log_size = tf.where(is_known, tf.math.log(total) - share, math.log(self.size))
        scaled = self.scaled(params, log_size)
        return self.likelihood.mean(scaled), self.likelihood.draw(scaled, noise)

    def factors(self, params):
        return self.likelihood.factors(self.expected(params))

    def log_probs(self, params, x):
        return self.likelihood.log_probs(self.scaled(params, tf.math.log(tf.reduce_sum(x, -1, keepdims=True))), x)

    def log_prob(self, params, x, training=False, mask=None, weight=None):
        if mask is None:
            return super().log_prob(params, x, training)
        num_channels = self.likelihood.num_channels(params)
        shares = tf.where(mask, tf.cast(params[..., :num_channels], tf.float32), OUT)
        return super().log_prob(tf.concat([shares, tf.cast(params[..., num_channels:], tf.float32)], -1), x, training, mask)
