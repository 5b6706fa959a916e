"""The categorical likelihood of one-hot vectors."""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core import supports
from keras_vaemix.core.part import register
from keras_vaemix.likelihoods.base import Likelihood
from keras_vaemix.likelihoods.factors import Factor

tfd = tfp.distributions


@register
class Categorical(Likelihood):
    r"""One of K categories, :math:`\log p(x|z) = \sum_k x_k \log \mathrm{softmax}_k\, l(z)`, for x that is one-hot over its last axis.

    The decoder's last axis holds the K logits, and the mean the K probabilities. A category is observed as a whole, or not at all.
    """

    support = supports.ONE_HOT

    def distribution(self, params):
        return tfd.OneHotCategorical(logits=params, dtype=tf.float32)

    def mean(self, params):
        return tf.nn.softmax(params)

    def fillers(self, width):
        return np.eye(1, width, dtype="float32")[0]

    def draw(self, params, noise):
        gumbel = -tf.math.log(-tf.math.log(noise))  # the category with the largest logit after this noise has the right distribution
        return tf.one_hot(tf.argmax(params + gumbel, axis=-1), params.shape[-1])

    def factors(self, params):
        return [Factor("Categorical", {})]

    def log_probs(self, params, x):
        return x * tf.nn.log_softmax(params)
