"""What a mixture prior is."""

import abc

import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core.hints import Distribution, Encode, Tensor
from keras_vaemix.mixtures.density import DiagonalNormalMixture, product_dtype
from keras_vaemix.mixtures.full_density import FullNormalMixture
from keras_vaemix.mixtures.location_scale import LocationScaleMixture
from keras_vaemix.mixtures.normal_components import is_normal_mixture
from keras_vaemix.priors.base import Prior

tfd = tfp.distributions


class MixturePrior(Prior):
    r"""Abstract: a mixture :math:`p(z) = \sum_k \pi_k p_k(z)`. Subclasses implement `logits` and `components`."""

    @abc.abstractmethod
    def logits(self) -> Tensor:
        """Returns the log-weights up to an additive constant, [K]."""

    @abc.abstractmethod
    def components(self, encode: Encode | None) -> Distribution:
        """Returns the components, a TFP distribution of batch [K] and event [D], which may be mixtures themselves."""

    def distribution(self, encode=None, training=False):
        components = self.components(encode)
        weights = tfd.Categorical(logits=self.logits())
        if is_normal_mixture(components):
            return DiagonalNormalMixture(weights, components, product_dtype(components, training))
        if isinstance(components, tfd.MultivariateNormalTriL):
            return FullNormalMixture(weights, components, product_dtype(components, training))
        return tfd.MixtureSameFamily(weights, components)

    def log_weights(self):
        return tf.nn.log_softmax(self.logits())

    def sampler(self, encode=None):
        return LocationScaleMixture.of(self.logits(), self.components(encode))

    def log_joint(self, z: Tensor, encode: Encode | None = None) -> Tensor:
        r"""Returns :math:`\log \pi_k + \log p_k(z)`, [..., K], for z [..., D]."""
        return self.log_weights() + self.components(encode).log_prob(z[..., None, :])

    def responsibilities(self, z, encode=None):
        return tf.nn.softmax(self.log_joint(z, encode))

    def expected_log_joint(self, z, encode=None):
        """Returns `log_joint`, or its expectation for components whose parameters are distributions, [..., K], for z [..., D]."""
        return self.log_joint(z, encode)

    def expectation_loss(self, z, encode=None):
        r"""Returns :math:`-\sum_k r_k (\log \pi_k + E \log p_k(z))`, [...], for z [..., D].

        The responsibilities :math:`r` are the softmax of the bracket, and constants: a gradient step down this is a step of expectation
        maximisation, and up :math:`\log \sum_k \pi_k\, e^{E \log p_k(z)}`.
        """
        log_joint = self.expected_log_joint(z, encode)
        return -tf.reduce_sum(tf.stop_gradient(tf.nn.softmax(log_joint)) * log_joint, axis=-1)
