r"""Discrepancies :math:`D_Z(Q, P)` between codes and draws of the prior, without a further network."""

import abc
from collections.abc import Sequence

import tensorflow as tf

from keras_vaemix.core.hints import Tensor
from keras_vaemix.core.part import Part, register, require
from keras_vaemix.core.replicas import gathered


class Discrepancy(Part, abc.ABC):
    r"""Abstract: :math:`\lambda D_Z(Q, P)`, estimated from draws of both.

    Args:
        weight: :math:`\lambda`.

    Attributes:
        min_batch_size: Number of codes that the estimate needs, over all replicas; training on smaller batches is refused.

    Raises:
        ValueError: The weight is negative.
    """

    min_batch_size = 1

    def __init__(self, weight: float = 10.0) -> None:
        require(weight >= 0, "weight >= 0: it is the factor lambda of the discrepancy", weight=weight)
        self.weight = weight

    def check_batch_size(self, batch_size: int) -> None:
        """Raises `ValueError` unless the estimate exists for `batch_size` codes, over all replicas."""
        expected = f"a global batch of at least {self.min_batch_size} codes, which the discrepancy needs: raise batch_size"
        require(batch_size >= self.min_batch_size, expected, batch_size=batch_size)

    @abc.abstractmethod
    def __call__(self, codes, draws):
        """Returns the weighted discrepancy, a scalar over all replicas, for one replica's codes [N, D] and draws of the prior [N, D]."""


class Kernel(Part, abc.ABC):
    """Abstract: a positive definite function of the squared distance."""

    @abc.abstractmethod
    def __call__(self, squared_distance, latent_dim):
        """Returns the kernel, elementwise."""


@register
class InverseMultiquadratic(Kernel):
    r"""Sum of inverse multiquadratics, :math:`k(z, z') = \sum_s \frac{C_s}{C_s + \|z - z'\|^2}`, :math:`C_s = 2 D s \sigma^2`.

    Args:
        scales: The values of s, around one.
        variance: Variance :math:`\sigma^2` of the prior.

    Reference: I. Tolstikhin et al., *Wasserstein Auto-Encoders*, 2018, Section 4, and their code.
    """

    def __init__(self, scales: Sequence[float] = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0), variance: float = 1.0) -> None:
        require(len(scales) > 0 and min(scales) > 0, "scales > 0", scales=scales)
        require(variance > 0, "variance > 0", variance=variance)
        self.scales, self.variance = tuple(scales), variance

    def __call__(self, squared_distance, latent_dim):
        widths = [2.0 * latent_dim * scale * self.variance for scale in self.scales]
        return sum(c / (c + squared_distance) for c in widths)


@register
class RadialBasis(Kernel):
    r"""Gaussian kernel, :math:`k(z, z') = \exp(-\|z - z'\|^2 / (2 h^2))`.

    Args:
        bandwidth: h, in units of the latents; if None, :math:`2 h^2 = 2 D`, the mean squared distance of standard normal draws.

    The bandwidth is fixed: the median heuristic of the WAE paper's code follows the codes, and so does not penalise their spread.
    """

    def __init__(self, bandwidth: float | None = None) -> None:
        require(bandwidth is None or bandwidth > 0, "bandwidth > 0, or None", bandwidth=bandwidth)
        self.bandwidth = bandwidth

    def __call__(self, squared_distance, latent_dim):
        return tf.exp(-squared_distance / (2.0 * (latent_dim if self.bandwidth is None else self.bandwidth**2)))


@register
class MMD(Discrepancy):
    r"""Maximum mean discrepancy, the unbiased estimate

    .. math:: \frac{\lambda}{N (N - 1)} \sum_{i \ne j} k(z_i, z_j) + k(z'_i, z'_j) - \frac{2 \lambda}{N^2} \sum_{i, j} k(z_i, z'_j),

    which can be negative. On several replicas it is that of the global batch.

    A single code, which may be left over in a last batch, has no pair: the estimate does not exist, and is zero without a gradient. The
    terms between codes and draws alone would not be a discrepancy, but would pull the code to the nearest draws.

    Args:
        kernel: A `Kernel`; `InverseMultiquadratic()` by default.
        weight: :math:`\lambda`.

    Reference: I. Tolstikhin et al., *Wasserstein Auto-Encoders*, 2018, Algorithm 2.
    """

    min_batch_size = 2

    def __init__(self, kernel: Kernel | None = None, weight: float = 10.0) -> None:
        super().__init__(weight)
        self.kernel = InverseMultiquadratic() if kernel is None else kernel

    def __call__(self, codes, draws):
        codes, draws = gathered(codes), gathered(draws)
        n, d = tf.cast(tf.shape(codes)[0], codes.dtype), codes.shape[-1]
        within = sum(off_diagonal_sum(self.kernel(squared_distances(z, z), d)) for z in (codes, draws))
        across = tf.reduce_mean(self.kernel(squared_distances(codes, draws), d))
        discrepancy = tf.math.divide_no_nan(within, n * (n - 1)) - 2 * across
        return self.weight * tf.where(n >= self.min_batch_size, discrepancy, 0.0)


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Returns the squared Euclidean distances between rows, [N, M], by a matrix product, centred to limit cancellation."""
    center = tf.reduce_mean(b, axis=0)
    a, b = a - center, b - center
    squared = tf.reduce_sum(a**2, 1)[:, None] - 2 * tf.matmul(a, b, transpose_b=True) + tf.reduce_sum(b**2, 1)[None, :]
    return tf.maximum(squared, 0.0)


def off_diagonal_sum(k):
    """Returns the sum of a square matrix without its diagonal."""
    return tf.reduce_sum(k) - tf.linalg.trace(k)
