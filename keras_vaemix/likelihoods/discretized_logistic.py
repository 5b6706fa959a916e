"""The discretised logistic likelihood of 8-bit values."""

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core import supports
from keras_vaemix.core.part import register, require
from keras_vaemix.likelihoods.base import Likelihood
from keras_vaemix.likelihoods.factors import Factor

tfd = tfp.distributions


@register
class DiscretizedLogistic(Likelihood):
    r"""Logistic distribution over 256 levels, :math:`P(k) = \sigma(b) - \sigma(a)`, :math:`a, b = (k/256 - \mu)/s,\ ((k+1)/256 - \mu)/s`.

    The lowest bin extends to minus infinity and the highest to infinity, so that the probabilities sum to one. x is k / 255, and the
    decoder's last axis holds the logit of the location and then the log-scale. The usual :math:`+10^{-7}` inside the logarithm is
    not needed: :math:`\log(\sigma(b) - \sigma(a)) = \log\sigma(b) + \log\sigma(-a) + \log(1 - e^{a - b})`.

    Args:
        log_scale_limits: Limits of the log-scale.

    Reference: D. Kingma et al., *Improved Variational Inference with Inverse Autoregressive Flow*, 2016.
    """

    support = supports.LEVELS
    num_levels = 256

    def __init__(self, log_scale_limits: tuple[float, float] = (-4.5, 0.0), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        low, high = log_scale_limits
        require(low < high, "log_scale_limits (low, high) with low < high", log_scale_limits=log_scale_limits)
        self.log_scale_limits = (low, high)

    def params_size(self, num_channels):
        return 2 * num_channels

    def distribution(self, params):
        logit, log_scale = tf.split(params, 2, axis=-1)
        loc = tf.clip_by_value(tf.sigmoid(logit), 1 / 512, 1 - 1 / 512)
        return QuantizedLogistic(loc, tf.exp(tf.clip_by_value(log_scale, *self.log_scale_limits)))

    def mean(self, params):
        return self.distribution(params).mean()

    def noise(self):
        return tfd.Logistic(0.0, 1.0)

    def draw(self, params, noise):
        return self.distribution(params).quantize(noise)

    def factors(self, params):
        p = self.distribution(params)
        return [Factor("DiscretizedLogistic", {"loc": p.loc, "scale": p.scale})]


class QuantizedLogistic(tfd.Distribution):
    """Logistic distribution in 256 bins of width 1/256 over [0, 1], with outcomes k / 255."""

    def __init__(self, loc, scale):
        parameters = {"loc": loc, "scale": scale}
        self.loc, self.scale = loc, scale
        super().__init__(tf.float32, tfd.NOT_REPARAMETERIZED, validate_args=False, allow_nan_stats=False, parameters=parameters)

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        return {name: tfp.util.ParameterProperties() for name in ("loc", "scale")}

    def _event_shape(self):
        return tf.TensorShape([])

    def _log_prob(self, x):
        level = tf.round(255.0 * x)
        a, b = (level / 256 - self.loc) / self.scale, ((level + 1) / 256 - self.loc) / self.scale
        below_b = tf.where(level == 255, 0.0, tf.math.log_sigmoid(b))
        above_a = tf.where(level == 0, 0.0, tf.math.log_sigmoid(-a))
        width = tf.where((level == 0) | (level == 255), 0.0, log1mexp(1 / (256 * self.scale)))
        return below_b + above_a + width

    def _sample_n(self, n, seed=None):
        return self.quantize(tfd.Logistic(tf.zeros_like(self.loc), 1.0).sample(n, seed=seed))

    def quantize(self, noise):
        """Returns the outcomes of standard logistic draws."""
        return tf.clip_by_value(tf.floor(256 * (self.loc + self.scale * noise)), 0, 255) / 255

    def _mean(self):
        r"""Returns :math:`\frac{1}{255} \sum_{k=1}^{255} P(\mathrm{level} \ge k)`, exact over the 256 levels, 17 levels at a time."""
        edges = np.arange(1, 256, dtype="float32").reshape(15, 17) / 256
        loc, scale = self.loc[..., None], self.scale[..., None]
        return sum(tf.reduce_sum(tf.sigmoid((loc - few) / scale), axis=-1) for few in edges) / 255


def log1mexp(x):
    """Returns log(1 - exp(-x)) for x > 0, without cancellation."""
    x = tf.convert_to_tensor(x)
    return tf.where(x < np.log(2), tf.math.log(-tf.math.expm1(-x)), tf.math.log1p(-tf.exp(-x)))
