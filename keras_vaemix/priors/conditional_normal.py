"""A normal prior whose mean and variance depend on what examples are conditioned on."""

from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core.hints import Network
from keras_vaemix.core.part import register, require, require_networks
from keras_vaemix.core.sampler import Noise
from keras_vaemix.priors.base import Prior

tfd = tfp.distributions


@register
class ConditionalNormal(Prior):
    r"""Normal whose parameters are a network's, :math:`p(z|y) = N(\mu(y), \mathrm{diag}\,\sigma^2(y))`.

    It is for models that are conditioned on y. With every other prior the latents are independent of y, and only p(x|z, y) depends on it.

    Args:
        latent_dim: Number of latent dimensions D.
        network: Network from conditions [B, A] to means and log-variances, [B, 2 D].
        log_variance_limits: The log-variance is clipped to these limits.

    Raises:
        ValueError: The network does not have these inputs and outputs.

    Reference: K. Sohn, H. Lee, X. Yan, *Learning Structured Output Representation using Deep Conditional Generative Models*, 2015, Eq. 4.
    """

    def __init__(self, latent_dim: int, network: Network, log_variance_limits: tuple[float, float] = (-6.0, 2.0), **kwargs: Any) -> None:
        super().__init__(latent_dim, **kwargs)
        require_networks(network=network)
        self.network, self.log_variance_limits = network, tuple(log_variance_limits)
        shapes = network.input_shape, network.output_shape
        fits = len(shapes[0]) == 2 and shapes[1] == (None, 2 * latent_dim)
        require(fits, f"a network from conditions (None, A) to outputs {(None, 2 * latent_dim)}", shapes=shapes)
        self.condition_size = network.input_shape[-1]

    def parameters(self, condition, training=False):
        """Returns the mean and the scale of z given conditions [B, A], [B, D] each."""
        loc, log_variance = tf.split(tf.cast(self.network(condition, training=training), tf.float32), 2, axis=-1)
        return loc, tf.exp(0.5 * tf.clip_by_value(log_variance, *self.log_variance_limits))

    def given(self, condition, training=False):
        require(condition is not None, "a condition, on which this prior depends", given=None)
        return Given(*self.parameters(condition, training))

    def distribution(self, encode=None, training=False):
        require(False, "given(condition), on which this prior depends, before its distribution", given=None)

    def sampler(self, encode=None):
        return ConditionalSampler(self)


class Given(NamedTuple):
    """A `ConditionalNormal` given conditions: its mean and scale, [B, D] each."""

    loc: Any
    scale: Any

    def distribution(self, encode=None, training=False):
        return tfd.Independent(tfd.Normal(self.loc, self.scale), 1)


class ConditionalSampler(NamedTuple):
    """The sampler of a `ConditionalNormal`, which finds the "condition" [N, A] beside the noise."""

    prior: ConditionalNormal

    @property
    def num_components(self):
        return 1

    def noise(self):
        return {"eps": Noise("Normal", self.prior.latent_dim)}

    def generate(self, noise, component):
        require("condition" in noise, "a condition beside the noise, on which this prior depends", noise=sorted(noise))
        loc, scale = self.prior.parameters(noise["condition"])
        return loc + scale * noise["eps"], tf.zeros_like(component)

    def weights(self):
        return tf.ones([1])

    def constants(self):
        return self
