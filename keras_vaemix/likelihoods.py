"""Likelihoods p(x|z): how the decoder's output becomes a distribution over data."""

import abc
import math

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix import supports
from keras_vaemix.part import register, require
from keras_vaemix.replicas import global_mean

tfd = tfp.distributions


class Likelihood(keras.layers.Layer, abc.ABC):
    """Abstract: a family of distributions over data, parameterised by the decoder's output.

    Attributes:
        support: The values of x for which it is defined.
        is_density: False for a pseudo-likelihood, which does not integrate to one: figures made with it say so in their names.
        num_levels: 256 for a distribution over 8-bit values, where bits per dimension make sense; else None.
    """

    support = supports.REAL
    is_density = True
    num_levels = None

    def params_size(self, num_channels):
        """Returns the size of the decoder's last axis for data whose last axis has `num_channels`."""
        return num_channels

    @abc.abstractmethod
    def distribution(self, params):
        """Returns p(x|z) for params [..., *shape]: a TFP distribution with one scalar factor for each value of x."""

    @abc.abstractmethod
    def mean(self, params):
        """Returns the mean of p(x|z) by plain operations that export."""

    def noise(self):
        """Returns the standard distribution whose draws `draw` turns into x."""
        return tfd.Uniform()

    def draw(self, params, noise):
        """Returns draws of p(x|z) made of `noise`, which has the shape of x; by plain operations where it is to export."""
        return self.distribution(params).quantile(noise)

    def log_prob(self, params, x, training=False):
        """Returns log p(x|z) in nats, summed over the dimensions of x: params [S, B, *], x [B, *] to [S, B]."""
        return sum_event(self.distribution(tf.cast(params, tf.float32)).log_prob(x), x)

    def check(self, x, shape=None, name="x"):
        """Raises `ValueError` unless `x` is a non-empty array of finite values in the support."""
        supports.check_array(x, self.support, shape, name)


def sum_event(log_prob, x):
    """Sums over the axes that `x` [B, *] has behind its batch."""
    return tf.reduce_sum(log_prob, axis=list(range(1 - len(x.shape), 0)))


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


@register
class ContinuousBernoulli(Likelihood):
    r"""Continuous Bernoulli, :math:`p(x|\lambda) = C(\lambda) \lambda^x (1 - \lambda)^{1 - x}`, for grey data in [0, 1].

    Reference: G. Loaiza-Ganem, J. Cunningham, *The continuous Bernoulli: fixing a pervasive error in variational
    autoencoders*, 2019.
    """

    support = supports.UNIT_INTERVAL

    def distribution(self, params):
        return tfd.ContinuousBernoulli(logits=params)

    def mean(self, params):
        # lambda / (2 lambda - 1) + 1 / (2 artanh(1 - 2 lambda)); both terms diverge at logit 0, where the series holds.
        safe = tf.where(tf.abs(params) < 0.1, tf.ones_like(params), params)
        exact = 1.0 / (1.0 - tf.exp(-safe)) - 1.0 / safe
        series = 0.5 + params / 12.0 - params**3 / 720.0
        return tf.where(tf.abs(params) < 0.1, series, exact)

    def draw(self, params, noise):
        # The quantile log(1 - u + u exp(l)) / l, mirrored so that no exponential overflows; the series holds at logit 0.
        size = tf.maximum(tf.abs(params), 0.1)
        u = tf.where(params < 0, noise, 1 - noise)
        exact = -tf.math.log(1 - u + u * tf.exp(-size)) / size
        exact = tf.where(params < 0, exact, 1 - exact)
        series = noise + noise * (1 - noise) * (params / 2 + params**2 * (1 - 2 * noise) / 6)
        return tf.clip_by_value(tf.where(tf.abs(params) < 0.1, series, exact), 0.0, 1.0)


class LocationScale(Likelihood):
    """Abstract: the decoder gives the mean of each value; the scale belongs to the likelihood."""

    def mean(self, params):
        return params

    def noise(self):
        return tfd.Normal(0.0, 1.0)

    def draw(self, params, noise):
        p = self.distribution(params)
        return p.loc + p.scale * noise


def check_scale(scale):
    require(scale > 0 and math.isfinite(scale), "a finite scale > 0", scale=scale)
    return scale


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


@register
class Laplace(LocationScale):
    r"""Laplace with known scale, :math:`\log p(x|z) = -\sum_i |x_i - \mu_i| / s - m \log 2s`.

    Args:
        scale: Scale s, in the units of x.
    """

    def __init__(self, scale=1.0, **kwargs):
        super().__init__(**kwargs)
        self.scale = check_scale(scale)

    def distribution(self, params):
        return tfd.Laplace(params, self.scale)

    def noise(self):
        return tfd.Laplace(0.0, 1.0)


@register
class DiscretizedLogistic(Likelihood):
    r"""Logistic distribution over 256 levels, :math:`P(k) = \sigma(b) - \sigma(a)`, :math:`a, b = (k/256 - \mu)/s,\ ((k+1)/256 - \mu)/s`.

    The lowest bin reaches to minus infinity and the highest to infinity, so that the levels sum to one. x is k / 255, and the
    decoder's last axis holds the logit of the mean and then the log-scale. The recipe's :math:`+10^{-7}` inside the logarithm is
    not needed: :math:`\log(\sigma(b) - \sigma(a)) = \log\sigma(b) + \log\sigma(-a) + \log(1 - e^{a - b})`.

    Args:
        log_scale_limits: Limits of the log-scale.

    Reference: D. Kingma et al., *Improved Variational Inference with Inverse Autoregressive Flow*, 2016.
    """

    support = supports.LEVELS
    num_levels = 256

    def __init__(self, log_scale_limits=(-4.5, 0.0), **kwargs):
        super().__init__(**kwargs)
        low, high = log_scale_limits
        require(low < high, "log_scale_limits (low, high) with low < high", log_scale_limits=log_scale_limits)
        self.log_scale_limits = log_scale_limits

    def params_size(self, num_channels):
        return 2 * num_channels

    def distribution(self, params):
        _, log_scale = tf.split(params, 2, axis=-1)
        return QuantizedLogistic(self.mean(params), tf.exp(tf.clip_by_value(log_scale, *self.log_scale_limits)))

    def mean(self, params):
        return tf.clip_by_value(tf.sigmoid(tf.split(params, 2, axis=-1)[0]), 1 / 512, 1 - 1 / 512)

    def noise(self):
        return tfd.Logistic(0.0, 1.0)

    def draw(self, params, noise):
        return self.distribution(params).quantize(noise)


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
        return self.loc


def log1mexp(x):
    """Returns log(1 - exp(-x)) for x > 0, without cancellation."""
    x = tf.convert_to_tensor(x)
    return tf.where(x < np.log(2), tf.math.log(-tf.math.expm1(-x)), tf.math.log1p(-tf.exp(-x)))
