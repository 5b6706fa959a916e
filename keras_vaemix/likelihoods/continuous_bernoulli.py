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
        # lambda / (2 lambda - 1) + 1 / (2 artanh(1 - 2 lambda)), mirrored so that no exponential overflows; both terms diverge at logit 0,
        # so the series of coth is used around it.
        is_near = tf.abs(params) < 1
        far, near = tf.where(is_near, tf.ones_like(params), tf.abs(params)), tf.where(is_near, params, tf.zeros_like(params))
        exact, square = 1.0 / (1.0 - tf.exp(-far)) - 1.0 / far, near**2
        exact = tf.where(params < 0, 1 - exact, exact)
        series = 0.5 + near / 12 * (1 - square / 60 * (1 - square / 42 * (1 - square / 40 * (1 - square * 5 / 198))))
        return tf.where(is_near, series, exact)

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
