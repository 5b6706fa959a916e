"""The categorical likelihood of one-hot vectors."""

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core import supports
from keras_vaemix.core.blocks import as_array, blocks
from keras_vaemix.core.part import register, require
from keras_vaemix.likelihoods.base import Likelihood
from keras_vaemix.likelihoods.factors import Factor

tfd = tfp.distributions


@register
class Categorical(Likelihood):
    r"""One of K categories, :math:`\log p(x|z) = \sum_k x_k \log \mathrm{softmax}_k\, l(z)`, for x that is one-hot over its last axis.

    The decoder's last axis holds the K logits, and the mean the K probabilities. A category is observed as a whole, or not at all,
    which `check` makes sure of.
    """

    support = supports.ONE_HOT

    def distribution(self, params):
        return tfd.OneHotCategorical(logits=params, dtype=tf.float32)

    def mean(self, params):
        return tf.nn.softmax(params)

    def is_observable(self, mask):
        return keras.ops.all(mask == mask[..., :1], -1, keepdims=True)

    def check(self, x, shape=None, name="x", mask=None):
        x = as_array(x)
        supports.check_kind(x, shape, name)
        for start, block in () if mask is None else blocks(x):
            observed = supports.observed(block, mask, start)
            partly = np.argwhere(~np.asarray(self.is_observable(observed)))
            if len(partly):
                first, *rest = partly[0, :-1].tolist()
                expected = f"each category of {name} to be observed as a whole, or not at all: let all of its values be missing, or none"
                require(False, expected, index=(start + first, *rest), observed=observed[first, *rest].tolist())
        super().check(x, shape, name, mask)

    def fillers(self, width):
        return np.eye(1, width, dtype="float32")[0]

    def draw(self, params, noise):
        gumbel = -tf.math.log(-tf.math.log(noise))  # the category with the largest logit after this noise has the right distribution
        return tf.one_hot(tf.argmax(params + gumbel, axis=-1), params.shape[-1])

    def factors(self, params):
        return [Factor("Categorical", {})]

    def log_probs(self, params, x):
        return x * tf.nn.log_softmax(params)
