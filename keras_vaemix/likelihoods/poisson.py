"""The Poisson likelihood of counts."""

import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core.part import register
from keras_vaemix.likelihoods.counts import CountLikelihood, log_mean_of
from keras_vaemix.likelihoods.factors import Factor
from keras_vaemix.likelihoods.stirling import log_poisson

tfd = tfp.distributions


@register
class Poisson(CountLikelihood):
    r"""Poisson, :math:`\log p(x|z) = \sum_i x_i \log \mu_i - \mu_i - \log x_i!` with :math:`\log \mu(z)` from the decoder.

    Log-means are clipped to [-20, 20].
    """

    def distribution(self, params):
        return tfd.Poisson(log_rate=log_mean_of(params))

    def mean(self, params):
        return tf.exp(log_mean_of(params))

    def factors(self, params):
        return [Factor("Poisson", {})]

    def cumulative(self, params, x):
        return tf.math.igammac(x + 1, self.mean(params))

    def upper_limit(self, params):
        mean = self.mean(params)
        return mean + 10 * tf.sqrt(mean) + 20

    def log_probs(self, params, x):
        return log_poisson(x, log_mean_of(params))
