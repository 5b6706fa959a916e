"""What likelihoods of counts share: a mean that is an exponential, and draws by a search in the cumulative distribution."""

import abc

import tensorflow as tf

from keras_vaemix.core import supports
from keras_vaemix.likelihoods.base import Likelihood

LOG_MEANS = (-20.0, 20.0)  # from 2e-9 to 5e8, all of whose logarithms and gradients are finite in float32


class CountLikelihood(Likelihood):
    """Abstract: counts whose log-means are the first C values of the decoder's last axis, for data whose last axis has C.

    Log-means are clipped to [-20, 20]. A number added to them multiplies the means, as an exposure does. The size of the decoder's last
    axis is a multiple of C.
    """

    support = supports.COUNTS

    @abc.abstractmethod
    def cumulative(self, params, x):
        """Returns the probability of at most x counts, for params [..., P] and whole numbers x [..., C] of at least zero."""

    @abc.abstractmethod
    def upper_limit(self, params):
        """Returns counts [..., C] that are exceeded with a probability below 1e-7."""

    def num_channels(self, params):
        """Returns the size C of the last axis of data with parameters params [..., P]."""
        return params.shape[-1] // self.params_size(1)

    def draw(self, params, noise):
        """Returns the quantiles of uniform noise: the least counts whose cumulative probability is at least the noise.

        They are searched in float64: in float32 TensorFlow's cumulative probabilities of counts of a large dispersion are wrong.
        """
        params, noise = tf.cast(params, tf.float64), tf.cast(noise, tf.float64)

        def halve(low, high):  # the quantile is above low and at most high
            middle = tf.floor((low + high) / 2)
            is_above = (self.cumulative(params, tf.maximum(middle, 0)) < noise) | (middle < 0)
            return tf.where(is_above, middle, low), tf.where(is_above, high, middle)

        high = tf.floor(self.upper_limit(params)) + 1
        start = -tf.ones_like(high), high
        found = tf.while_loop(lambda low, high: tf.reduce_any(high - low > 1), halve, start, maximum_iterations=60)
        return tf.cast(found[1], tf.float32)


def log_mean_of(raw):
    """Returns the log-means that a decoder's outputs stand for."""
    return tf.clip_by_value(raw, *LOG_MEANS)
