"""The normal likelihood with the scale that maximises it."""

from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core.part import register, require
from keras_vaemix.core.replicas import global_mean
from keras_vaemix.likelihoods.base import sum_event
from keras_vaemix.likelihoods.location_scale import LocationScale

tfd = tfp.distributions


@register
class OptimalScaleNormal(LocationScale):
    r"""Normal with the scale that maximises the likelihood, :math:`s^2 = \mathrm{mean}\,(x - \mu(z))^2`.

    In training the mean is over the batch of all replicas; evaluation uses its running average, a weight, so that reported figures
    are those of a density. At the optimum the bound is stationary in s, so no gradient is taken through it.

    Args:
        momentum: Decay of the running average.

    Reference: O. Rybkin, K. Daniilidis, S. Levine, *Simple and Effective VAE Training with Calibrated Decoders*, 2021, Eq. 7.
    """

    def __init__(self, momentum: float = 0.99, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require(0 <= momentum < 1, "momentum in [0, 1)", momentum=momentum)
        self.momentum = momentum
        self.variance = self.add_weight((), "ones", name="variance", trainable=False, dtype="float32", aggregation="mean")

    def distribution(self, params):
        return tfd.Normal(params, tf.sqrt(self.variance))

    def log_prob(self, params, x, training=False, mask=None):
        if not training:
            return super().log_prob(params, x, mask=mask)
        params = tf.cast(params, tf.float32)
        observed = 1.0 if mask is None else tf.cast(mask, tf.float32)  # x is finite also where it is missing
        share = 1.0 if mask is None else tf.maximum(global_mean(observed), 1e-12)
        variance = tf.maximum(global_mean(observed * tf.square(tf.stop_gradient(params) - x)) / share, 1e-8)
        self.variance.assign(self.momentum * self.variance + (1 - self.momentum) * variance)
        return sum_event(observed * tfd.Normal(params, tf.sqrt(variance)).log_prob(x), x)
