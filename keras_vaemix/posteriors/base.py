"""What a posterior q(z|x) is, and the normals that posteriors are made of."""

import abc
import math

import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core.hints import Distribution, Tensor
from keras_vaemix.core.part import PartLayer, require

tfd = tfp.distributions


class Posterior(PartLayer, abc.ABC):
    """Abstract: a family of distributions over the latents, parameterised by the encoder's output [B, params_size].

    In mixed precision that output is not float32: cast it. A subclass implements `distribution`, or sets `has_density = False` if it has no
    density at arbitrary points, as a flow may not.

    Attributes:
        num_strata: Number M of strata that `draw` draws from; 1 if all draws come from q itself.
        has_density: Whether `distribution` gives the density at any point; if not, `draw` gives it only at its own draws.
    """

    num_strata = 1
    has_density = True

    @abc.abstractmethod
    def params_size(self, latent_dim: int) -> int:
        """Returns the number of encoder outputs for `latent_dim` latents."""

    @abc.abstractmethod
    def draw(self, params: Tensor, num_samples: int, seed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        r"""Draws from q(z|x) with gradients to every parameter.

        A mixture of M components may draw T = `num_samples` times from each stratum. There are then S = T * M draws, of which
        s = t * M + m is draw t of stratum m, with log-weight :math:`\log \pi_m - \log T`. Weights sum to one over S for each example.

        Args:
            params: The encoder's output [B, params_size].
            num_samples: Number of draws T from each stratum.
            seed: A stateless seed, integer tensor [2].

        Returns:
            The draws z [S, B, D], their `log_weight` [S, B], and the density log q(z|x) at them, [S, B].
        """

    @abc.abstractmethod
    def center(self, params: Tensor) -> Tensor:
        """Returns a point where q(z|x) is high, [B, D], from which x is reconstructed: the mean, unless q has several modes."""

    def mean(self, params: Tensor) -> Tensor:
        """Returns the mean of q(z|x), [B, D], by plain operations that export, or its center if there is no closed form."""
        return self.center(params)

    def distribution(self, params: Tensor) -> Distribution | None:
        """Returns q(z|x), a TFP distribution of batch [B] and event [D], or None without `has_density`."""
        return None

    def summary(self, params: Tensor) -> dict[str, Tensor]:
        """Returns a summary of q(z|x) as plain tensors that export, a dict of [B, D]; the "mean" of a flow is its center."""
        q = self.distribution(params)
        return {"mean": self.center(params)} if q is None else {"mean": q.mean(), "stddev": q.stddev()}


def plain_draws(q, num_samples, seed):
    """Returns draws from a distribution q [S, B, D], their log-weights and their log-densities, [S, B] each."""
    z = q.sample(num_samples, seed=seed)
    return z, tf.fill(tf.shape(z)[:2], -math.log(num_samples)), q.log_prob(z)


def diagonal_normal(loc, log_variance, limits):
    """Returns the normal of event [D] with the log-variance clipped to `limits`."""
    return tfd.Independent(tfd.Normal(loc, tf.exp(0.5 * tf.clip_by_value(log_variance, *limits))), 1)


def check_limits(limits):
    low, high = limits
    require(low < high, "log_variance_limits (low, high) with low < high", log_variance_limits=limits)
    return low, high
