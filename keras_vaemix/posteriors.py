"""Posteriors q(z|x): how the encoder's output becomes a distribution, and how it is drawn from."""

import abc
import math

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.part import PartLayer, check_positive, register, require

tfd = tfp.distributions


class Posterior(PartLayer, abc.ABC):
    """Abstract: a family of distributions over the latents, parameterised by the encoder's output [B, params_size].

    Attributes:
        num_strata: Number M of strata in each of which `draw` draws; 1 where all draws come from q itself.
        has_density: Whether `distribution` gives the density at any point, and not `draw` that of its own draws alone.
    """

    num_strata = 1
    has_density = True

    @abc.abstractmethod
    def params_size(self, latent_dim):
        """Returns the number of encoder outputs for `latent_dim` latents."""

    @abc.abstractmethod
    def draw(self, params, num_samples, seed):
        r"""Draws from q(z|x) with gradients to every parameter.

        A mixture of M components may draw `num_samples` times in each stratum: then S = T * M, T independent rows of all M strata, and
        row t's draw of stratum m is s = t * M + m with weight :math:`\log \pi_m - \log T`. They sum to one over S for each example.

        Args:
            params: The encoder's output [B, params_size].
            num_samples: Number of draws T in each stratum.
            seed: A stateless seed, integer tensor [2].

        Returns:
            The draws z [S, B, D], their `log_weight` [S, B], and the density log q(z|x) at them, [S, B].
        """

    @abc.abstractmethod
    def center(self, params):
        """Returns a point where q(z|x) is high, [B, D], from which x is reconstructed: the mean, unless q has several modes."""

    def mean(self, params):
        """Returns the mean of q(z|x), [B, D], by plain operations that export, or its center where there is no closed form."""
        return self.center(params)

    def distribution(self, params):
        """Returns q(z|x), a TFP distribution of batch [B] and event [D], or None without `has_density`."""
        return

    def summary(self, params):
        """Returns what is told of q(z|x) by plain tensors, a dict of [B, D], which export."""
        q = self.distribution(params)
        return {"mean": self.center(params)} if q is None else {"mean": q.mean(), "stddev": q.stddev()}


@register
class DiagonalNormal(Posterior):
    r"""Normal with diagonal covariance, :math:`q(z|x) = N(\mu(x), \mathrm{diag}\,\sigma^2(x))`.

    Args:
        log_variance_limits: The encoder's log-variance is clipped to these limits; `(-6, 2)` is the VampPrior protocol's hardtanh.

    Reference: D. Kingma, M. Welling, *Auto-Encoding Variational Bayes*, 2014.
    """

    def __init__(self, log_variance_limits=(-6.0, 2.0), **kwargs):
        super().__init__(**kwargs)
        self.log_variance_limits = check_limits(log_variance_limits)

    def params_size(self, latent_dim):
        return 2 * latent_dim

    def distribution(self, params):
        loc, log_variance = tf.split(tf.cast(params, tf.float32), 2, axis=-1)
        return diagonal_normal(loc, log_variance, self.log_variance_limits)

    def center(self, params):
        return tf.split(tf.cast(params, tf.float32), 2, axis=-1)[0]

    def draw(self, params, num_samples, seed):
        return plain_draws(self.distribution(params), num_samples, seed)


class MixturePosterior(Posterior):
    r"""Abstract: a mixture of M diagonal normals, :math:`q(z|x) = \sum_m \pi_m N(\mu_m(x), \mathrm{diag}\,\sigma_m^2(x))`.

    A draw is a draw of one component, never an average of draws: :math:`\sum_m \pi_m z_m` has the variance
    :math:`\sum_m \pi_m^2 \sigma_m^2`, and a divergence that is charged for q then understates what was used.

    Args:
        num_components: Number of components M.
        fixed_weights: Fixed weights :math:`\pi_m`; None for uniform ones.
        learn_weights: Whether the weights come from the encoder, :math:`\pi_m(x)`.
        log_variance_limits: As in `DiagonalNormal`.
    """

    reparameterize = False

    def __init__(self, num_components=2, fixed_weights=None, learn_weights=False, log_variance_limits=(-6.0, 2.0), **kwargs):
        super().__init__(**kwargs)
        check_positive(num_components=num_components)
        is_one = fixed_weights is None or not learn_weights
        require(is_one, "fixed_weights=None where learn_weights=True", fixed_weights=fixed_weights)
        self.num_components, self.learn_weights = num_components, learn_weights
        self.fixed_weights = None if fixed_weights is None else check_weights(fixed_weights, num_components)
        self.log_variance_limits = check_limits(log_variance_limits)

    def params_size(self, latent_dim):
        return self.num_components * (2 * latent_dim + self.learn_weights)

    def split(self, params):
        """Returns locations and log-variances [B, M, D] and logits [B, M] from the encoder's output."""
        params = tf.cast(params, tf.float32)
        m = self.num_components
        size = (params.shape[-1] - m * self.learn_weights) // 2
        loc, log_variance = (tf.reshape(part, [-1, m, size // m]) for part in (params[..., :size], params[..., size : 2 * size]))
        if self.learn_weights:
            return loc, log_variance, params[..., 2 * size :]
        fixed = np.log(self.fixed_weights or [1 / m] * m).astype("float32")
        return loc, log_variance, tf.broadcast_to(fixed, tf.shape(loc)[:-1])

    def distribution(self, params):
        loc, log_variance, logits = self.split(params)
        components = diagonal_normal(loc, log_variance, self.log_variance_limits)  # batch [B, M], event [D]
        return tfd.MixtureSameFamily(tfd.Categorical(logits=logits), components, reparameterize=self.reparameterize)

    def mean(self, params):
        loc, _, logits = self.split(params)
        return tf.reduce_sum(tf.nn.softmax(logits)[..., None] * loc, axis=1)

    def center(self, params):
        """Returns the mean of the heaviest component, [B, D]; the first of equal ones."""
        loc, _, logits = self.split(params)
        return tf.reduce_sum(tf.one_hot(tf.argmax(logits, axis=-1), self.num_components)[..., None] * loc, axis=1)


@register
class NormalMixturePosterior(MixturePosterior):
    r"""Mixture of M diagonal normals, each component drawn: strata with the exact weights :math:`\pi_m`.

    The estimate :math:`\sum_m \pi_m f(z_m)` is unbiased, has a gradient to the weights, and costs M decodings.

    Args: as in `MixturePosterior`.

    Reference: W. Morningstar et al., *Automatic Differentiation Variational Inference with Mixtures*, 2020 (arXiv 2003.01687), Eq. 6;
    the GMMpVAE paper, Eq. 16 and 17; the MoG posterior of the MoG-VAE paper.
    """

    @property
    def num_strata(self):
        return self.num_components

    def draw(self, params, num_samples, seed):
        q = self.distribution(params)
        z = q.components_distribution.sample(num_samples, seed=seed)  # [T, B, M, D]
        log_weight = tf.nn.log_softmax(q.mixture_distribution.logits_parameter())  # [B, M]
        z = tf.transpose(z, [0, 2, 1, 3])  # [T, M, B, D]
        z = tf.reshape(z, [num_samples * self.num_components, -1, z.shape[-1]])  # [S, B, D]
        return z, tf.tile(tf.transpose(log_weight), [num_samples, 1]) - math.log(num_samples), q.log_prob(z)


@register
class SampledMixturePosterior(MixturePosterior):
    r"""Mixture of M diagonal normals, one component drawn at a time: one decoding for any M.

    The gradient through the draw is that of implicit reparameterisation, :math:`dz/d\phi = -(\partial F/\partial z)^{-1}
    \partial F / \partial\phi` for the conditional distribution functions F of q: unbiased for every parameter while components overlap.

    Between components that are far apart it is not to be relied on for the weights. What a weight moves there is the mass that crosses from
    one component to the other, and the gradient has it on draws that fall between them, of which there are none: for two components of
    scale 1 at :math:`\pm 10`, 200,000 draws give half the gradient that is right, or less. Where weights are learned take
    `NormalMixturePosterior`, whose strata have the exact gradient at any distance.

    Args: as in `MixturePosterior`.

    Reference: M. Figurnov, S. Mohamed, A. Mnih, *Implicit Reparameterization Gradients*, 2018, Section 4.
    """

    reparameterize = True

    def draw(self, params, num_samples, seed):
        return plain_draws(self.distribution(params), num_samples, seed)


def plain_draws(q, num_samples, seed):
    """Returns draws of a distribution q [S, B, D], their log-weights and their densities, [S, B] each."""
    z = q.sample(num_samples, seed=seed)
    return z, tf.fill(tf.shape(z)[:2], -math.log(num_samples)), q.log_prob(z)


def diagonal_normal(loc, log_variance, limits):
    """Returns the normal of event [D] with the log-variance clipped to `limits`."""
    return tfd.Independent(tfd.Normal(loc, tf.exp(0.5 * tf.clip_by_value(log_variance, *limits))), 1)


def check_limits(limits):
    low, high = limits
    require(low < high, "log_variance_limits (low, high) with low < high", log_variance_limits=limits)
    return low, high


def check_weights(weights, num_components):
    weights = [float(weight) for weight in weights]
    is_distribution = len(weights) == num_components and min(weights) > 0 and abs(sum(weights) - 1) < 1e-6
    require(is_distribution, f"{num_components} positive weights that sum to one, or None for uniform ones", weights=weights)
    return weights
