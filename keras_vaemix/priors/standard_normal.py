"""The standard normal prior."""

import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core.part import register
from keras_vaemix.priors.base import Prior

tfd = tfp.distributions


@register
class StandardNormal(Prior):
    r"""Standard normal, :math:`p(z) = N(0, I)`.

    Args:
        latent_dim: Number of latent dimensions D.

    Reference: D. Kingma, M. Welling, *Auto-Encoding Variational Bayes*, 2014.
    """

    def distribution(self, encode=None, training=False):
        return tfd.Independent(tfd.Normal(tf.zeros(self.latent_dim), tf.ones(self.latent_dim)), 1)
