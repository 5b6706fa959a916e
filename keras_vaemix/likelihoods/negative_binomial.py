"""The negative binomial likelihood of counts that vary more than a Poisson's."""

from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core.part import check_positive, register, require
from keras_vaemix.likelihoods.counts import CountLikelihood, log_mean_of
from keras_vaemix.likelihoods.factors import Factor
from keras_vaemix.likelihoods.stirling import log_binomial

tfd = tfp.distributions
LOG_DISPERSIONS = (-10.0, 10.0)


@register
class NegativeBinomial(CountLikelihood):
    r"""Negative binomial with mean :math:`\mu` and inverse dispersion :math:`\theta`, of variance :math:`\mu + \mu^2 / \theta`.

    .. math:: \log p(x|z) = \sum_i \log \frac{\Gamma(x_i + \theta_i)}{\Gamma(\theta_i)\, x_i!}
        + \theta_i \log \frac{\theta_i}{\theta_i + \mu_i} + x_i \log \frac{\mu_i}{\theta_i + \mu_i}

    :math:`\log \mu`, clipped to [-20, 20], is the first half of the decoder's last axis; :math:`\log \theta`, clipped to [-10, 10], is the
    second half, or a weight. As :math:`\theta` grows it becomes the Poisson.

    Args:
        num_dispersions: Number of learned inverse dispersions, one for each value of the last axis of x (genes) or 1 for all; None for
            one of each value of each example, from the decoder.

    Reference: R. Lopez et al., *Deep Generative Modeling for Single-Cell Transcriptomics*, 2018, in the parametrisation of scvi-tools.
    """

    def __init__(self, num_dispersions: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_dispersions = num_dispersions
        if num_dispersions is not None:
            check_positive(num_dispersions=num_dispersions)
            self.log_dispersions = self.add_weight((num_dispersions,), "zeros", name="log_dispersions", dtype="float32")

    def params_size(self, num_channels):
        return num_channels if self.num_dispersions else 2 * num_channels

    def split(self, params):
        """Returns the log-means and the log inverse dispersions."""
        if self.num_dispersions is None:
            raw, log_theta = tf.split(params, 2, axis=-1)
        else:
            expected = f"num_dispersions of 1 or {params.shape[-1]}, as many as values along the last axis"
            require(self.num_dispersions in (1, params.shape[-1]), expected, num_dispersions=self.num_dispersions)
            raw, log_theta = params, tf.cast(self.log_dispersions, params.dtype)
        return log_mean_of(raw), tf.clip_by_value(log_theta, *LOG_DISPERSIONS)

    def distribution(self, params):
        log_mean, log_theta = self.split(params)
        return tfd.NegativeBinomial(tf.exp(log_theta), logits=log_mean - log_theta)

    def mean(self, params):
        return tf.exp(self.split(params)[0])

    def factors(self, params):
        return [Factor("NegativeBinomial", {"dispersion": tf.exp(self.split(params)[1])})]

    def cumulative(self, params, x):
        log_mean, log_theta = self.split(params)
        return tf.math.betainc(*broadcast(tf.exp(log_theta), x + 1, tf.sigmoid(log_theta - log_mean)))

    def upper_limit(self, params):
        log_mean, log_theta = self.split(params)
        mean, excess = tf.exp(log_mean), 1 + tf.exp(log_mean - log_theta)  # excess of the variance over the mean
        return mean + 20 * (tf.sqrt(mean * excess) + excess)

    def log_probs(self, params, x):
        log_mean, log_theta = self.split(params)
        mean, theta, positive = tf.exp(log_mean), tf.exp(log_theta), tf.maximum(x, 1.0)
        off = (positive - mean) / (theta + mean)  # from -1, where log1p cancels
        near = tf.math.log1p(tf.maximum(off, -0.5))
        log_ratio = tf.where(off < -0.5, tf.math.log((theta + positive) / (theta + mean)), near)
        ratio_x = log_ratio + log_mean - tf.math.log(positive)
        of_positive = log_binomial(theta, positive, log_ratio, ratio_x) - tf.math.log1p(positive / theta)
        return tf.where(x > 0, of_positive, -theta * tf.math.softplus(log_mean - log_theta))


def broadcast(*tensors):
    """Returns tensors of one shape."""
    shape = tf.shape(sum(tensors))
    return [tf.broadcast_to(one, shape) for one in tensors]
