"""Posteriors q(z|x): how the encoder's output becomes a distribution, and how it is drawn from."""

import abc
import math

import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.part import Part, register, require

tfd = tfp.distributions


class Posterior(Part, abc.ABC):
    """Abstract: a family of distributions over the latents, parameterised by the encoder's output [B, params_size]."""

    @abc.abstractmethod
    def params_size(self, latent_dim):
        """Returns the number of encoder outputs for `latent_dim` latents."""

    @abc.abstractmethod
    def distribution(self, params):
        """Returns q(z|x), a TFP distribution of batch [B] and event [D]."""

    @abc.abstractmethod
    def mean(self, params):
        """Returns the mean of q(z|x), [B, D], by plain operations that export."""

    @abc.abstractmethod
    def sample(self, q, num_samples, seed):
        """Draws from `q` with gradients to every parameter.

        A mixture of M components may draw `num_samples` times in each stratum: then S = M * num_samples and the weights
        are :math:`\\log \\pi_m - \\log T`. They sum to one over S for each example.

        Args:
            q: What `distribution` returned.
            num_samples: Number of draws T (in each stratum).
            seed: A stateless seed, integer tensor [2].

        Returns:
            The draws z [S, B, D] and their `log_weight` [S, B].
        """


@register
class DiagonalNormal(Posterior):
    r"""Normal with diagonal covariance, :math:`q(z|x) = N(\mu(x), \mathrm{diag}\,\sigma^2(x))`.

    Args:
        log_variance_limits: The encoder's log-variance is clipped to these limits; `(-6, 2)` is the VampPrior protocol's hardtanh.

    Reference: D. Kingma, M. Welling, *Auto-Encoding Variational Bayes*, 2014.
    """

    def __init__(self, log_variance_limits=(-6.0, 2.0)):
        low, high = log_variance_limits
        require(low < high, "log_variance_limits (low, high) with low < high", log_variance_limits=log_variance_limits)
        self.log_variance_limits = (low, high)

    def params_size(self, latent_dim):
        return 2 * latent_dim

    def distribution(self, params):
        loc, log_variance = tf.split(tf.cast(params, tf.float32), 2, axis=-1)
        scale = tf.exp(0.5 * tf.clip_by_value(log_variance, *self.log_variance_limits))
        return tfd.Independent(tfd.Normal(loc, scale), 1)

    def mean(self, params):
        return tf.split(tf.cast(params, tf.float32), 2, axis=-1)[0]

    def sample(self, q, num_samples, seed):
        z = q.sample(num_samples, seed=seed)  # [S, B, D]
        return z, tf.fill(tf.shape(z)[:2], -math.log(num_samples))
