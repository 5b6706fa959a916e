"""Normal likelihoods with a fixed, a learned and an optimal scale."""

import math

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.likelihoods.base import sum_event
from keras_vaemix.likelihoods.location_scale import LocationScale, check_scale
from keras_vaemix.part import register, require
from keras_vaemix.replicas import global_mean

tfd = tfp.distributions


@register
class Normal(LocationScale):
    r"""Normal with known scale, :math:`N(x; \mu(z), s^2 I)`.

    Args:
        scale: Standard deviation s, in the units of x.
    """

    def __init__(self, scale=1.0, **kwargs):
        super().__init__(**kwargs)
        self.scale = check_scale(scale)

    def distribution(self, params):
        return tfd.Normal(params, self.scale)


@register
class LearnedScaleNormal(LocationScale):
    r"""Normal with one learned scale, :math:`N(x; \mu(z), s^2 I)`, s a weight of the model.

    Args:
        initial_scale: Value of s before training.

    Reference: B. Dai, D. Wipf, *Diagnosing and Enhancing VAE Models*, 2019.
    """

    def __init__(self, initial_scale=1.0, **kwargs):
        super().__init__(**kwargs)
        self.initial_scale = check_scale(initial_scale)
        self.log_scale = self.add_weight((), keras.initializers.Constant(math.log(initial_scale)), name="log_scale", dtype="float32")

    def distribution(self, params):
        return tfd.Normal(params, tf.exp(self.log_scale))


@register
class OptimalScaleNormal(LocationScale):
    r"""Normal with the scale that maximises the likelihood, :math:`s^2 = \mathrm{mean}\,(x - \mu(z))^2`.

    In training the mean is over the batch, of all replicas; evaluation uses its running average, a weight, so that what is
    reported is a density. At the optimum the bound is stationary in s: no gradient is taken through it.

    Args:
        momentum: Decay of the running average.

    Reference: O. Rybkin, K. Daniilidis, S. Levine, *Simple and Effective VAE Training with Calibrated Decoders*, 2021, Eq. 7.
    """

    def __init__(self, momentum=0.99, **kwargs):
        super().__init__(**kwargs)
        require(0 <= momentum < 1, "momentum in [0, 1)", momentum=momentum)
        self.momentum = momentum
        self.variance = self.add_weight((), "ones", name="variance", trainable=False, dtype="float32", aggregation="mean")

    def distribution(self, params):
        return tfd.Normal(params, tf.sqrt(self.variance))

    def log_prob(self, params, x, training=False):
        if not training:
            return super().log_prob(params, x)
        params = tf.cast(params, tf.float32)
        variance = tf.maximum(global_mean(tf.square(tf.stop_gradient(params) - x)), 1e-8)
        self.variance.assign(self.momentum * self.variance + (1 - self.momentum) * variance)
        return sum_event(tfd.Normal(params, tf.sqrt(variance)).log_prob(x), x)
