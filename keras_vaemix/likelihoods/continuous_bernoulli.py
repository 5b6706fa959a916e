"""The continuous Bernoulli likelihood of values in [0, 1]."""

import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core import supports
from keras_vaemix.core.part import register
from keras_vaemix.likelihoods.base import Likelihood
from keras_vaemix.likelihoods.factors import Factor

tfd = tfp.distributions


@register
class ContinuousBernoulli(Likelihood):
    r"""Continuous Bernoulli, :math:`p(x|\lambda) = C(\lambda) \lambda^x (1 - \lambda)^{1 - x}`, for greyscale data in [0, 1].

    Reference: G. Loaiza-Ganem, J. Cunningham, *The continuous Bernoulli: fixing a pervasive error in variational
    autoencoders*, 2019.
    """

    support = supports.UNIT_INTERVAL

    def distribution(self, params):
        return tfd.ContinuousBernoulli(logits=params)

    def mean(self, params):
        # lambda / (2 lambda - 1) + 1 / (2 artanh(1 - 2 lambda)); both terms diverge at logit 0, where a series is used.
        safe = tf.where(tf.abs(params) < 0.1, tf.ones_like(params), params)
        exact = 1.0 / (1.0 - tf.exp(-safe)) - 1.0 / safe
        series = 0.5 + params / 12.0 - params**3 / 720.0
        return tf.where(tf.abs(params) < 0.1, series, exact)

    def factors(self, params):
        return [Factor("ContinuousBernoulli", {"logits": params})]

    def draw(self, params, noise):
        # The quantile log(1 - u + u exp(l)) / l, mirrored so that no exponential overflows; a series is used near logit 0.
        size = tf.maximum(tf.abs(params), 0.1)
        u = tf.where(params < 0, noise, 1 - noise)
        exact = -tf.math.log(1 - u + u * tf.exp(-size)) / size
        exact = tf.where(params < 0, exact, 1 - exact)
        series = noise + noise * (1 - noise) * (params / 2 + params**2 * (1 - 2 * noise) / 6)
        return tf.clip_by_value(tf.where(tf.abs(params) < 0.1, series, exact), 0.0, 1.0)
