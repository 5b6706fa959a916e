"""The Poisson likelihood of counts."""

import math

import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core.part import register
from keras_vaemix.likelihoods.counts import CountLikelihood, log_mean_of
from keras_vaemix.likelihoods.factors import Factor
from keras_vaemix.likelihoods.stirling import deviance, log_poisson

tfd = tfp.distributions
MOST_EXACT = 1e5  # above this mean TensorFlow's igammac is wrong, in float64 too


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
        mean = self.mean(params)
        return tf.where(mean > MOST_EXACT, by_deviance(x, mean), tf.math.igammac(x + 1, tf.minimum(mean, MOST_EXACT)))

    def upper_limit(self, params):
        mean = self.mean(params)
        return mean + 10 * tf.sqrt(mean) + 20

    def log_probs(self, params, x):
        return log_poisson(x, log_mean_of(params))


def by_deviance(x, mean):
    r"""Returns :math:`\Phi(\pm \sqrt{2 D})`, the probability of at most x counts up to terms of the order of 1 / mean.

    D is the deviance of x + 2/3 from the mean: half a count for continuity, and a sixth for the mean of the signed root.

    Reference: D. Peizer, J. Pratt, *A Normal Approximation for Binomial, F, Beta, and Other Common, Related Tail Probabilities*, 1968.
    """
    x = x + 2 / 3
    root = tf.sign(x - mean) * tf.sqrt(2 * deviance(x, tf.math.log(mean) - tf.math.log(x)))
    return 0.5 * tf.math.erfc(-root / math.sqrt(2))
