"""The beta likelihood of shares."""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core import supports
from keras_vaemix.core.part import register
from keras_vaemix.likelihoods.base import Likelihood
from keras_vaemix.likelihoods.factors import Factor
from keras_vaemix.likelihoods.stirling import log_binomial

tfd = tfp.distributions
LOGITS, LOG_CONCENTRATIONS = (-15.0, 15.0), (-10.0, 10.0)
INSIDE = (float(np.finfo("float32").tiny), float(np.nextafter(np.float32(1), np.float32(0))))  # the least and the greatest share


@register
class Beta(Likelihood):
    r"""Beta density of shares in (0, 1), :math:`p(x|z) = \prod_i x_i^{a_i - 1} (1 - x_i)^{b_i - 1} / B(a_i, b_i)`.

    The decoder's last axis holds the logits of the means :math:`m = a / (a + b)`, clipped to [-15, 15], and then the logarithms of the
    concentrations :math:`a + b`, clipped to [-10, 10]. Zeros and ones have no density: shares that can be zero are not beta.

    Reference: S. Ferrari, F. Cribari-Neto, *Beta Regression for Modelling Rates and Proportions*, 2004, for the parametrisation.
    """

    support = supports.OPEN_INTERVAL
    filler = 0.5

    def params_size(self, num_channels):
        return 2 * num_channels

    def split(self, params):
        """Returns the logits of the means, and a and b."""
        logits, log_concentration = tf.split(params, 2, axis=-1)
        logits = tf.clip_by_value(logits, *LOGITS)
        concentration = tf.exp(tf.clip_by_value(log_concentration, *LOG_CONCENTRATIONS))
        return logits, concentration * tf.sigmoid(logits), concentration * tf.sigmoid(-logits)

    def distribution(self, params):
        return tfd.Beta(*self.split(params)[1:])

    def mean(self, params):
        return tf.sigmoid(self.split(params)[0])

    def draw(self, params, noise):
        return tf.clip_by_value(self.distribution(params).quantile(noise), *INSIDE)

    def factors(self, params):
        _, a, b = self.split(params)
        return [Factor("Beta", {"a": a, "b": b})]

    def log_probs(self, params, x):
        logits, a, b = self.split(params)
        x = tf.clip_by_value(x, *INSIDE)
        log_x, log_rest = tf.math.log(x), tf.math.log1p(-x)
        binomial = log_binomial(a, b, log_x + tf.math.softplus(-logits), log_rest + tf.math.softplus(logits))
        return binomial + tf.math.log(a) + tf.math.log(b) - tf.math.log(a + b) - log_x - log_rest
