r"""Log-probabilities without cancellation: what is large in them cancels on paper, so that float32 keeps five digits of any size.

With Stirling's error :math:`\delta(n) = \log \Gamma(n + 1) - (n + \frac12) \log n + n - \frac12 \log 2\pi` and the deviance
:math:`D(a, t) = a\,(e^t - 1 - t)` of a from its expectation :math:`a e^t`.

Reference: C. Loader, *Fast and Accurate Computation of Binomial Probabilities*, 2000, of which R's `dpois`, `dnbinom` and `dbeta` are made.
"""

import math

import tensorflow as tf
import tensorflow_probability as tfp

SERIES = 8.0  # from here on the series of the error is exact in float32


def stirling_error(n):
    """Returns the error of Stirling's formula for n > 0."""
    few, many = tf.minimum(n, SERIES), tf.maximum(n, SERIES)
    direct = tf.math.lgamma(few + 1) - (few + 0.5) * tf.math.log(few) + few - 0.5 * math.log(2 * math.pi)
    return tf.where(n < SERIES, direct, tfp.math.log_gamma_correction(many))


def deviance(a, t):
    """Returns the deviance of a > 0 from the expectation a exp(t)."""
    return a * (tf.math.expm1(t) - t)


def log_poisson(x, log_mean):
    """Returns the log-probability of counts x."""
    positive = tf.maximum(x, 1.0)
    away = deviance(positive, log_mean - tf.math.log(positive))
    of_positive = -stirling_error(positive) - away - 0.5 * tf.math.log(2 * math.pi * positive)
    return tf.where(x > 0, of_positive, -tf.exp(log_mean))


def log_binomial(a, b, log_ratio_a, log_ratio_b):
    r"""Returns :math:`\log \frac{\Gamma(n + 1)}{\Gamma(a + 1) \Gamma(b + 1)} p^a (1 - p)^b` with n = a + b, for real a, b > 0.

    Args:
        a, b: Numbers of the two outcomes.
        log_ratio_a, log_ratio_b: Logarithms of their expectations n p and n (1 - p), over a and over b.
    """
    error = stirling_error(a + b) - stirling_error(a) - stirling_error(b)
    away = deviance(a, log_ratio_a) + deviance(b, log_ratio_b)
    return error - away + 0.5 * (tf.math.log(a + b) - tf.math.log(a) - tf.math.log(2 * math.pi * b))
