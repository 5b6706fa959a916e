r"""Moments of the aggregate posterior :math:`\frac1b \sum_i N(\mu_i, \sigma_i^2)` over a batch, and their divergence from N(0, I)."""

import abc

import tensorflow as tf

from keras_vaemix.core.hints import Tensor
from keras_vaemix.core.part import Part, register, require
from keras_vaemix.core.replicas import global_sum

FLOOR = 1e-6  # added to variances, so that the logarithm is finite for a latent that is constant over examples


class AggregateMoments(Part, abc.ABC):
    """Abstract: mean and variance of the mixture of a batch's posteriors, over the examples of all replicas.

    Args:
        target_variance: Variance :math:`\\tau^2` towards which eq. 11 pulls that of each posterior.

    Raises:
        ValueError: The target is not positive.
    """

    def __init__(self, target_variance: float) -> None:
        require(target_variance > 0, "target_variance > 0", target_variance=target_variance)
        self.target_variance = target_variance

    @abc.abstractmethod
    def variance(self, of_means, mean_variance):
        """Returns the variance [D] of the mixture, from the variance of the means and the mean of the variances, each [D]."""

    def __call__(self, mean, variance, otherwise=(0.0, 1.0)):
        """Returns mean and variance [D] of the mixture, and the part of its variance that is left out, [D].

        Means are centred first, which takes two sums over replicas: E m^2 - (E m)^2 would cancel if means are far from zero.

        Args:
            mean, variance: Means and variances of the posteriors of one replica, [B, D].
            otherwise: Mean and variance to return for a last batch of one example, which has no moments: by default the prior's.
        """
        total = global_sum(tf.stop_gradient(tf.reduce_sum(tf.concat([tf.ones_like(mean[:, :1]), mean], axis=1), axis=0)))
        count, middle = total[0], total[1:] / total[0]
        apart = mean - middle
        packed = tf.concat([apart, tf.square(apart), variance], axis=1)
        shift, squares, within = tf.split(global_sum(tf.reduce_sum(packed, axis=0)) / count, 3)
        center, of_means = middle + shift, tf.maximum(squares - shift**2, 0.0)
        spread = self.variance(of_means, within) + FLOOR
        moments = (tf.where(count > 1, known, other) for known, other in zip((center, spread), otherwise, strict=True))
        return *moments, of_means + within - self.variance(of_means, within)

    def divergence(self, mean, variance, center, spread):
        """Returns the divergence to the prior (eq. 8), for posteriors [B, D] and the moments [D] of their mixture."""
        return kl_from_moments(center, spread)

    def variance_divergence(self, variance: Tensor) -> Tensor:
        """Returns the divergence of the posteriors' variances [B, D] from their target (eq. 11), a mean over the batch."""
        return tf.reduce_mean(kl_to_target(variance, self.target_variance))


@register
class MeanMoments(AggregateMoments):
    r"""The paper's, :math:`\bar\sigma_j^2 = \frac1b \sum_i (\mu_{ij} - \bar\mu_j)^2` (eq. 10), without the posteriors' own variances.

    With :math:`\tau^2 = 1` as in eq. 11 the aggregate posterior then has variance two, so that samples should not come from N(0, I).

    Reference: M. Rivera, *GAMIX-VAE: A VAE with Gaussian Mixture Based Posterior*, 2023.
    """

    def __init__(self, target_variance: float = 1.0) -> None:
        super().__init__(target_variance)

    def variance(self, of_means, mean_variance):
        return of_means


@register
class TotalMoments(AggregateMoments):
    r"""The aggregate posterior's actual variance, :math:`\mathrm{Var}(\mu_i) + E[\sigma_i^2]`, by the law of total variance.

    Its target must be less than one: with one, all means would have to be the same.
    """

    def __init__(self, target_variance: float = 0.1) -> None:
        super().__init__(target_variance)
        require(target_variance < 1, "target_variance < 1: the rest of one is the variance of the means", target_variance=target_variance)

    def variance(self, of_means, mean_variance):
        return of_means + mean_variance


@register
class EachPosterior(AggregateMoments):
    r"""The plain VAE's divergence of each posterior, :math:`\frac1b \sum_i KL(N(\mu_i, \sigma_i^2) \| N(0, I))`, for ablations.

    Its moments are the aggregate's; the target has no effect.
    """

    def __init__(self, target_variance: float = 1.0) -> None:
        super().__init__(target_variance)

    def variance(self, of_means, mean_variance):
        return of_means + mean_variance

    def divergence(self, mean, variance, center, spread):
        return tf.reduce_mean(0.5 * tf.reduce_sum(variance + tf.square(mean) - 1.0 - tf.math.log(variance), axis=-1))

    def variance_divergence(self, variance):
        return tf.zeros([])


def kl_from_moments(mean, variance):
    r"""Returns the divergence of eq. 8 for moments [D].

    .. math:: KL(N(\bar\mu, \bar\sigma^2) \| N(0, I)) = \frac12 \sum_j \bar\sigma_j^2 + \bar\mu_j^2 - 1 - \ln \bar\sigma_j^2

    For b examples whose posteriors match the prior it is about 1 / b for each latent, not zero:
    :math:`-\frac12 (\psi(\frac{b-1}{2}) + \ln 2 - \ln b)` with the moments of the means.
    """
    return 0.5 * tf.reduce_sum(variance + tf.square(mean) - 1.0 - tf.math.log(variance))


def kl_to_target(variance, target):
    r"""Returns :math:`\frac12 \sum_j [\sigma_{ij}^2 / \tau^2 - 1 - \ln(\sigma_{ij}^2 / \tau^2)]` (eq. 11, with its missing half), [B]."""
    ratio = variance / target
    return 0.5 * tf.reduce_sum(ratio - 1.0 - tf.math.log(ratio), axis=-1)
