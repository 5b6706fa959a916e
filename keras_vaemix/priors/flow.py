"""What flows over another prior share: its draws are pushed through affine steps, each after a reversal of the dimensions."""

import abc
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core.hints import Network, Tensor
from keras_vaemix.core.part import require, require_kind
from keras_vaemix.core.sampler import Pushed
from keras_vaemix.priors.base import Prior

tfd, tfb = tfp.distributions, tfp.bijectors

LARGEST_LOG_SCALE = 2.0  # bound on the log-scale of a step


class FlowPrior(Prior):
    r"""Abstract: a flow over a base, :math:`z = f(u)` with :math:`u \sim p_0` and

    .. math:: \log p(z) = \log p_0(f^{-1}(z)) + \log \left|\det \frac{\partial f^{-1}}{\partial z}\right|.

    f is a chain of steps, each after a reversal of the dimensions. The components are those of the base: if it is a mixture, f maps each
    of its components. A subclass has `networks`, one for each step, and implements `step`.

    Args:
        base: A `Prior` :math:`p_0` over D latents that needs no encoder.

    Raises:
        ValueError: The base is made of posteriors or fitted after training.
    """

    def __init__(self, base: Prior, **kwargs: Any) -> None:
        require_kind("base", base, Prior)
        super().__init__(base.latent_dim, **kwargs)
        is_trained = not (base.needs_encoder or base.is_fitted_after_training)
        require(is_trained, "a base that is neither made of posteriors nor fitted after training", base=type(base).__name__)
        self.base = base

    @abc.abstractmethod
    def step(self, network: Network) -> Tensor:
        """Returns the step of a network, a TFP bijector of event [D], by operations that export to ONNX."""

    @property
    def num_components(self):
        return self.base.num_components

    def bijector(self):
        """Returns f, a TFP bijector."""
        backwards = tfb.Permute(list(range(self.latent_dim))[::-1])
        return tfb.Chain([one for network in self.networks for one in (self.step(network), backwards)])

    def distribution(self, encode=None, training=False):
        return tfd.TransformedDistribution(self.base.distribution(None, training), self.bijector())

    def penalty(self, encode=None):
        return self.base.penalty()

    def finish(self, num_samples=2**20):
        self.base.finish(num_samples)

    def estimates(self):
        return self.base.estimates()

    def report(self):
        return self.base.report()

    def log_weights(self):
        return self.base.log_weights()

    def sampler(self, encode=None):
        return Pushed(self.base.sampler(), lambda u: self.bijector().forward(u))  # built in the graph that traces it

    def responsibilities(self, z, encode=None):
        return self.base.responsibilities(self.bijector().inverse(z))


def shift_and_log_scale(network, inputs):
    """Returns the shift and the bounded log-scale that a network from [N, C] to [N, d, 2] has for inputs [..., C], [..., d] each."""
    outputs = tf.cast(network(tf.reshape(inputs, [-1, inputs.shape[-1]])), tf.float32)
    outputs = tf.reshape(outputs, tf.concat([tf.shape(inputs)[:-1], outputs.shape[1:]], axis=0))
    shift, raw = tf.unstack(outputs, axis=-1)
    return shift, LARGEST_LOG_SCALE * tf.tanh(raw / LARGEST_LOG_SCALE)
