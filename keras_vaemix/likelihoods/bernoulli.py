"""The Bernoulli likelihood of binary values."""

import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core import supports
from keras_vaemix.core.part import register
from keras_vaemix.likelihoods.base import Likelihood
from keras_vaemix.likelihoods.factors import Factor

tfd = tfp.distributions


@register
class Bernoulli(Likelihood):
    r"""Bernoulli, :math:`\log p(x|z) = \sum_i x_i \log \pi_i + (1 - x_i) \log(1 - \pi_i)`, for binary data only."""

    support = supports.BINARY

    def distribution(self, params):
        return tfd.Bernoulli(logits=params, dtype=tf.float32)

    def mean(self, params):
        return tf.sigmoid(params)

    def draw(self, params, noise):
        return tf.cast(noise < tf.sigmoid(params), tf.float32)

    def factors(self, params):
        return [Factor("Bernoulli", {})]

    def log_probs(self, params, x):
        return x * params - tf.nn.softplus(params)
