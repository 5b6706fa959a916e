"""The Bernoulli likelihood of binary values, and its pseudo-likelihood of values in between."""

import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix import supports
from keras_vaemix.likelihoods.base import Likelihood, sum_event
from keras_vaemix.part import register

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

    def log_prob(self, params, x, training=False):
        logits = tf.cast(params, tf.float32)
        return sum_event(x * logits - tf.nn.softplus(logits), x)


@register
class PseudoBernoulli(Bernoulli):
    """Bernoulli formula on grey data in [0, 1]: a cross-entropy, no density. Its figures are named `pseudo_*`."""

    support = supports.UNIT_INTERVAL
    is_density = False
