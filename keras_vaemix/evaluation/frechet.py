"""The Fréchet distance between two sets of features, each taken as a normal distribution."""

from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import svdvals

from keras_vaemix.core.hints import Array
from keras_vaemix.core.part import require
from keras_vaemix.evaluation.features import check_features


class FeatureMoments(NamedTuple):
    """The moments of a set of features, which the Fréchet distance needs instead of the features.

    Attributes:
        mean: Mean, [F].
        covariance: Unbiased covariance, [F, F].
        count: Number of samples N.
    """

    mean: Any
    covariance: Any
    count: int  # type: ignore[assignment]

    @classmethod
    def of(cls, features, name="given"):
        """Returns the moments of features [N, F]; raises `ValueError` if N < F + 1 or a feature is not finite."""
        (features,) = check_features(**{name: features})
        n, size = features.shape
        expected = f"at least {size + 1} {name} samples for {size} features: add samples, or use a network with fewer features"
        require(n > size, expected, num_samples=n)
        return cls(features.mean(axis=0), np.cov(features, rowvar=False).reshape(size, size), n)


def frechet_distance(real: FeatureMoments | Array, fake: FeatureMoments | Array) -> float:
    r"""Returns :math:`\|\mu_1 - \mu_2\|^2 + \mathrm{tr}\,(\Sigma_1 + \Sigma_2 - 2 (\Sigma_1 \Sigma_2)^{1/2})`, a float of at least 0.

    It is only as good as the features, so name it after their network. With features of the 2015 Inception network it is the FID; with
    any others it is not.

    Args:
        real: Features [N, F], or their `FeatureMoments`.
        fake: Features [N', F], or their `FeatureMoments`.

    Raises:
        ValueError: There are fewer than F + 1 samples, features are not finite, or the two sides have different sizes.

    Reference: M. Heusel et al., *GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium*, 2017, Eq. 6.
    """
    real = real if isinstance(real, FeatureMoments) else FeatureMoments.of(real, "real")
    fake = fake if isinstance(fake, FeatureMoments) else FeatureMoments.of(fake, "fake")
    same = np.shape(real.mean) == np.shape(fake.mean)
    require(same, "features of the same size F on both sides", real=np.shape(real.mean), fake=np.shape(fake.mean))
    traces = np.trace(real.covariance) + np.trace(fake.covariance)
    distance = np.sum((real.mean - fake.mean) ** 2) + traces - 2 * trace_of_root(real.covariance, fake.covariance)
    return float(max(distance, 0.0))


def trace_of_root(one, other):
    r"""Returns :math:`\mathrm{tr}\,(\Sigma_1 \Sigma_2)^{1/2}` of two covariances [F, F].

    With :math:`\Sigma_i = R_i R_i^T` it is the sum of the roots of the eigenvalues of the symmetric :math:`(R_1^T R_2)(R_1^T R_2)^T`.
    These roots are the singular values of :math:`R_1^T R_2`, which stay precise for a singular covariance, unlike the eigenvalues.
    """
    return np.sum(svdvals(root(one).T @ root(other)))


def root(covariance):
    """Returns R [F, F] with R R^T = covariance."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0))
