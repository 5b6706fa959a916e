"""What a mixture prior is."""

import abc

import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.mixtures.density import DiagonalNormalMixture, product_dtype
from keras_vaemix.mixtures.location_scale import LocationScaleMixture
from keras_vaemix.mixtures.normal_components import is_normal_mixture
from keras_vaemix.priors.base import Prior

tfd = tfp.distributions


class MixturePrior(Prior):
    r"""Abstract: a mixture :math:`p(z) = \sum_k \pi_k p_k(z)`. Subclasses implement `logits` and `components`."""

    @abc.abstractmethod
    def logits(self):
        """Returns the log-weights up to an additive constant, [K]."""

    @abc.abstractmethod
    def components(self, encode):
        """Returns the components, a TFP distribution of batch [K] and event [D], which may be mixtures themselves."""

    def distribution(self, encode=None, training=False):
        components = self.components(encode)
        weights = tfd.Categorical(logits=self.logits())
        if is_normal_mixture(components):
            return DiagonalNormalMixture(weights, components, product_dtype(components, training))
        return tfd.MixtureSameFamily(weights, components)

    def log_weights(self):
        return tf.nn.log_softmax(self.logits())

    def sampler(self, encode=None):
        return LocationScaleMixture.of(self.logits(), self.components(encode))

    def responsibilities(self, z, encode=None):
        return tf.nn.softmax(self.log_weights() + self.components(encode).log_prob(z[..., None, :]))
