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

    In training the mean is over the batch of all replicas, with the weights that draws have in the loss: those of strata, such as
    :math:`q(c|x)`, and of examples. Evaluation uses its running average, a weight, so that reported figures are those of a density; so
    does training with `trainable = False`, which leaves the average as it is. At the optimum the bound is stationary in s, so no gradient
    is taken through it. An importance-weighted bound counts draws by their importance, of which this knows nothing: s is then too large,
    and `LearnedScaleNormal` is the better choice.

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

    def log_prob(self, params, x, training=False, mask=None, weight=None):
        if not (training and self.trainable):
            return super().log_prob(params, x, mask=mask)
        params = tf.cast(params, tf.float32)
        observed = 1.0 if mask is None else tf.cast(mask, tf.float32)  # x is finite also where it is missing
        variance = tf.stop_gradient(self.best_variance(params, x, observed, weight))
        self.variance.assign(self.momentum * self.variance + (1 - self.momentum) * variance)
        return sum_event(observed * tfd.Normal(params, tf.sqrt(variance)).log_prob(x), x)

    def best_variance(self, params, x, observed, weight):
        """Returns the weighted mean of the squared errors over the batch of all replicas, or the running average if nothing counts."""
        squares = tf.square(params - x)  # [S, B, *]
        counted = tf.ones_like(squares) * observed
        if weight is not None:
            counted *= weight[(..., *[None] * (len(x.shape) - 1))]
        total = global_mean(counted)
        return tf.where(total > 0, tf.maximum(tf.math.divide_no_nan(global_mean(counted * squares), total), 1e-8), self.variance)
