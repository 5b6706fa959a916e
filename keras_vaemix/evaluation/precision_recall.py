"""Precision and recall of generated images: how many look real, and how much of the real data they cover."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.cluster import MiniBatchKMeans
from threadpoolctl import threadpool_limits

from keras_vaemix.core.hints import Array
from keras_vaemix.core.part import check_positive, require
from keras_vaemix.evaluation.features import check_features

CANCELLED = 1e-7  # squared distances below this fraction of the squared lengths are not taken from a matrix product
ROUNDING = 1e-6  # relative tolerance of a radius, larger than the error of squared distances


class PRDCurve(NamedTuple):
    """Precision and recall of a set along a curve, [num_angles] each."""

    precision: Any
    recall: Any

    def f_beta(self, beta: float) -> float:
        """Returns the largest F_beta along the curve: beta = 8 emphasises recall, beta = 1/8 precision."""
        precision, recall = np.maximum(self.precision, 1e-12), np.maximum(self.recall, 1e-12)
        f = (1 + beta**2) * precision * recall / (beta**2 * precision + recall)
        return float(np.max(np.where((self.precision > 0) & (self.recall > 0), f, 0)))


def prd_curve(real: Array, fake: Array, num_angles: int = 1001) -> PRDCurve:
    r"""Returns the `PRDCurve` of two histograms, :math:`\alpha(\lambda) = \sum_\omega \min(\lambda P(\omega), Q(\omega))` and
    :math:`\beta(\lambda) = \alpha(\lambda) / \lambda`, at :math:`\lambda = \tan\theta` of equal angles in :math:`(0, \pi/2)`.

    Args:
        real: P, the fractions of the real images in K bins, which sum to one.
        fake: Q, the fractions of the generated images.
        num_angles: Number of points on the curve.

    Reference: M. Sajjadi et al., *Assessing Generative Models via Precision and Recall*, 2018, Eq. 4 and Algorithm 1.
    """
    check_positive(num_angles=num_angles)
    p, q = (np.asarray(values, "float64") for values in (real, fake))
    require(p.ndim == 1 and p.shape == q.shape, "two histograms of the same bins [K]", real=p.shape, fake=q.shape)
    for name, shares in {"real": p, "fake": q}.items():
        require(np.all(shares >= 0) and np.isclose(shares.sum(), 1), f"{name} shares that sum to one", sum=float(shares.sum()))
    slope = np.tan(np.pi / 2 * np.arange(1, num_angles + 1) / (num_angles + 1))[:, None]
    precision = np.sum(np.minimum(slope * p, q), axis=1)
    recall = np.sum(np.minimum(p, q / slope), axis=1)
    return PRDCurve(np.minimum(precision, 1), np.minimum(recall, 1))


def precision_recall_distributions(
    real: Array, fake: Array, num_clusters: int = 20, num_angles: int = 1001, num_runs: int = 10, seed: int = 0
) -> PRDCurve:
    """Returns the `PRDCurve` of two sets of features, from their histograms over the clusters of their union.

    The curve is a mean over runs of k-means.

    Args:
        real: Features [N, F].
        fake: Features [N, F], as many, since clusters favour the larger set.
        num_clusters: Number of clusters K.
        num_angles: Number of points on the curve.
        num_runs: Number of runs of k-means.
        seed: Integer; the curve is a function of it.

    Raises:
        ValueError: The sides have different numbers of samples, or fewer than clusters, or features that are not finite.

    Reference: M. Sajjadi et al., *Assessing Generative Models via Precision and Recall*, 2018.
    """
    check_positive(num_clusters=num_clusters, num_angles=num_angles, num_runs=num_runs)
    real, fake = check_features(real=real, fake=fake)
    require(len(real) == len(fake), "as many generated samples as real ones", real=len(real), fake=len(fake))
    require(len(real) >= num_clusters, f"at least {num_clusters} samples, one for each cluster", num_samples=len(real))
    union, curves = np.concatenate([real, fake]), []
    with threadpool_limits(1):  # ten times as fast as several threads for such small batches, with the same sums on every machine
        for state in np.random.SeedSequence(seed).generate_state(num_runs):
            clusters = MiniBatchKMeans(num_clusters, n_init=10, random_state=int(state)).fit_predict(union)
            one, other = [np.bincount(side, minlength=num_clusters) / len(side) for side in np.split(clusters, [len(real)])]
            curves.append(prd_curve(one, other, num_angles))
    return PRDCurve(*np.mean(curves, axis=0))


def improved_precision_recall(real: Array, fake: Array, k: int = 3, batch_size: int = 500) -> tuple[float, float]:
    """Returns precision, the fraction of `fake` inside the manifold of `real`, and recall, the reverse, as a pair of floats.

    The manifold of a set is the union of balls around its samples, whose radius is the distance to the k-th nearest other sample.

    Args:
        real: Features [N, F].
        fake: Features [N', F]; should be as many, since the smaller set has larger balls.
        k: Number of the neighbour that determines the radius.
        batch_size: Number of samples whose distances to the whole other side are computed at a time.

    Raises:
        ValueError: A side has no more than k samples, or features that are not finite.

    Reference: T. Kynkäänniemi et al., *Improved Precision and Recall Metric for Assessing Generative Models*, 2019, Eq. 1 and 2.
    """
    check_positive(k=k, batch_size=batch_size)
    real, fake = check_features(real=real, fake=fake)
    require(min(len(real), len(fake)) > k, f"more than k={k} samples on each side", real=len(real), fake=len(fake))
    return share_inside(fake, real, k, batch_size), share_inside(real, fake, k, batch_size)


def share_inside(points, centres, k, batch_size):
    """Returns the fraction of points [N, F] in a ball around one of the centres [N', F], up to its k-th neighbour."""
    middle = np.median(centres, axis=0)  # robust to outliers
    points, centres = points - middle, centres - middle
    radii = []
    for start in range(0, len(centres), batch_size):
        squares = squared_distances(centres[start : start + batch_size], centres)
        squares[np.arange(len(squares)), start + np.arange(len(squares))] = np.inf  # not itself
        radii.append(np.partition(squares, k - 1, axis=1)[:, k - 1])
    reach = np.concatenate(radii) * (1 + ROUNDING)
    batches = [points[i : i + batch_size] for i in range(0, len(points), batch_size)]
    inside = [np.any(squared_distances(batch, centres) <= reach, axis=1) for batch in batches]
    return float(np.mean(np.concatenate(inside)))


def squared_distances(a, b):
    """Returns the squared distances [N, N'] of rows [N, F] and [N', F], by a matrix product, or by differences where it cancels."""
    lengths = np.sum(a**2, axis=1)[:, None] + np.sum(b**2, axis=1)
    squares = lengths - 2 * a @ b.T
    cancelled = squares < CANCELLED * lengths
    for row in np.flatnonzero(cancelled.any(axis=1)):
        near = cancelled[row]
        squares[row, near] = np.sum((a[row] - b[near]) ** 2, axis=1)
    return squares
