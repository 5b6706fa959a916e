"""Figures of latents: how many are in use, how they depend on each other, and how far they are from the prior."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from scipy.spatial.distance import cdist

from keras_vaemix.core.batch import number_of, rows_of
from keras_vaemix.core.blocks import batch_size_for
from keras_vaemix.core.hints import Array, Tensor
from keras_vaemix.core.part import check_positive, require
from keras_vaemix.evaluation.features import check_features
from keras_vaemix.evaluation.frechet import frechet_distance

ACTIVE_STDDEV = 0.01  # least standard deviation of an active dimension
MMD_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def posterior_means(model: keras.Model, x: Array, batch_size: int | None = None) -> np.ndarray:
    """Returns the means of the latents given each of x [N, *], [N, D]."""
    batch_size = batch_size_for(batch_size, model.example_shape, 500)
    means = [model.latent_means(rows_of(x, i, i + batch_size)) for i in range(0, number_of(x), batch_size)]
    return np.concatenate([np.asarray(batch) for batch in means])


def active_units(model: keras.Model, x: Array, threshold: float = 0.01, batch_size: int | None = None) -> int:
    r"""Returns the number of latents j with :math:`\mathrm{Var}_x(E_{q(z|x)}[z_j]) > 0.01`, the means being `latent_means` of the model.

    Raises:
        ValueError: There are fewer than two examples.

    Reference: Y. Burda, R. Grosse, R. Salakhutdinov, *Importance Weighted Autoencoders*, 2016, Section 5.2.
    """
    require(number_of(x) >= 2, "at least two examples, so that latents vary", examples=number_of(x))
    return int(np.sum(np.var(posterior_means(model, x, batch_size), axis=0) > threshold))


def active_dimensions(mask: Array, threshold: float = 0.1) -> np.ndarray:
    """Returns which dimensions of a mask [D] of values in [0, 1] are above the threshold, boolean [D]."""
    mask = np.asarray(mask)
    in_range = mask.ndim == 1 and np.all((mask >= 0) & (mask <= 1))
    require(in_range, "a mask [D] of values in [0, 1]", shape=mask.shape)
    return mask > threshold


def normalized_absolute_correlation(z: Tensor, active: Array | None = None) -> float:
    r"""Returns the mean of :math:`|\mathrm{corr}(z_i, z_j)|` over active dimensions i != j, 0 if none are correlated.

    The MaskAAE slides (Table 2) give the figure without a formula; this is how we interpret its name.

    Args:
        z: Codes [N, D].
        active: Which dimensions count, boolean [D]; None for all.

    Raises:
        ValueError: There are fewer than two active dimensions, one of them is constant, or a code is not finite.

    Reference: A. Mondal et al., *MaskAAE: Latent Space Optimization for Adversarial Auto-Encoders*, 2020.
    """
    (z,) = check_features(z=z)
    active = np.ones(z.shape[1], bool) if active is None else np.asarray(active, bool)
    require(active.shape == z.shape[1:], f"active [D] with D={z.shape[1]}", shape=active.shape)
    z, size = z[:, active], int(active.sum())
    require(size >= 2, "at least two active dimensions to correlate", num_active=size)
    stuck = np.flatnonzero(active)[np.ptp(z, axis=0) == 0]
    require(len(stuck) == 0, "active dimensions that vary: exclude constant ones with active=", constant=stuck.tolist())
    return float(np.mean(np.abs(np.corrcoef(z, rowvar=False))[~np.eye(size, dtype=bool)]))


def mmd(x: Array, y: Array, scales: Sequence[float] = MMD_SCALES, block_size: int = 2000) -> float:
    r"""Returns the unbiased squared maximum mean discrepancy of two sets, which can be negative if they are alike.

    The kernel is a sum of inverse multiquadratics, :math:`k(x, y) = \sum_s C_s / (C_s + \|x - y\|^2)` with :math:`C_s = 2 D s`. More
    than `block_size` pairs (x_i, y_i) are split into blocks whose estimates are averaged, which is still unbiased and linear in N. The
    blocks are chosen at random, by a fixed seed, because data sets are often sorted by class.

    Args:
        x: Codes [N, D].
        y: As many draws [N, D].
        scales: The scales s.
        block_size: Largest number of pairs in a block.

    Raises:
        ValueError: The sets have different sizes or fewer than two members, or are not finite.

    Reference: I. Tolstikhin et al., *Wasserstein Auto-Encoders*, 2018, Section 4; W. Zaremba et al., *B-tests*, 2013 (the blocks).
    """
    check_positive(block_size=block_size)
    x, y = check_features(x=x, y=y)
    require(len(x) == len(y) >= 2, "as many of y as of x, at least two", x=len(x), y=len(y))
    num_blocks = min(-(-len(x) // block_size), len(x) // 2)  # at least two pairs each
    if num_blocks > 1:
        x, y = (one[np.random.default_rng(seed).permutation(len(one))] for seed, one in enumerate((x, y)))
    blocks = zip(np.array_split(x, num_blocks), np.array_split(y, num_blocks), strict=True)
    return float(np.mean([block_mmd(one, other, scales) for one, other in blocks]))


def block_mmd(x, y, scales):
    """Returns the unbiased estimate of `mmd` from one block of pairs [n, D]."""
    n, size = x.shape

    def kernel_sum(one, other):
        distances = cdist(one, other, "sqeuclidean")
        return sum(np.sum(2 * size * s / (2 * size * s + distances)) for s in scales)

    diagonal = n * len(scales)  # k(x, x) = 1 for each scale
    within = kernel_sum(x, x) + kernel_sum(y, y) - 2 * diagonal
    return within / (n * (n - 1)) - 2 * kernel_sum(x, y) / n**2


def latent_report(codes: Array, prior_draws: Array) -> dict[str, Any]:
    """Compares codes of examples with as many draws of the prior.

    Args:
        codes: Codes [N, D], N > D.
        prior_draws: Draws [N, D].

    Returns:
        A dict: `active_dimensions`, the number of dimensions whose codes have a standard deviation above 0.01; `nac`, their
        `normalized_absolute_correlation`, if there are at least two; `mmd`; `latent_fd`, the Fréchet distance between codes and draws.
    """
    codes, prior_draws = check_features(codes=codes, prior_draws=prior_draws)
    active = np.std(codes, axis=0) > ACTIVE_STDDEV
    nac = {"nac": normalized_absolute_correlation(codes, active)} if active.sum() >= 2 else {}
    distances = {"mmd": mmd(codes, prior_draws), "latent_fd": frechet_distance(codes, prior_draws)}
    return {"active_dimensions": int(active.sum()), **nac, **distances}
