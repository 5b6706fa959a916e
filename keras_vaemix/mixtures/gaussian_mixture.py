"""Gaussian mixtures that scikit-learn fits to latents."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from keras_vaemix.core.part import check_positive, require


def fit_mixture(z, num_components, covariance_type="full", num_starts=10, max_examples=25_000, seed=0, max_iter=100, floor=1e-4):
    """Returns a fitted `sklearn.mixture.GaussianMixture`, the best of several starts; its `converged_` says whether it converged.

    Args:
        z: Latents [N, D].
        num_components: Number of components K.
        covariance_type: "full", which fits clusters of any orientation, or "diag", which a `NormalMixture` can hold.
        num_starts: Number of starts, each from k-means.
        max_examples: Largest number of latents, chosen at random, that are used; all if None.
        seed: Integer; the fit is a function of it.
        max_iter: Largest number of expectation maximisation steps from each start.
        floor: Constant added to all variances.

    Raises:
        ValueError: There are fewer latents than components, or they are not finite, or the fit fails.
    """
    check_positive(num_components=num_components, num_starts=num_starts, max_iter=max_iter)
    z = np.asarray(z, "float64")
    require(z.ndim == 2, "latents [N, D]", shape=z.shape)
    require(len(z) >= num_components, f"at least num_components={num_components} latents", latents=len(z))
    require(np.isfinite(z).all(), "finite latents", finite=f"{np.isfinite(z).mean():.1%}")
    chosen = np.random.default_rng(seed).permutation(len(z))[:max_examples]
    mixture = GaussianMixture(
        num_components, covariance_type=covariance_type, n_init=num_starts, max_iter=max_iter, reg_covar=floor, random_state=seed
    )
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", ConvergenceWarning)  # a start need not converge
            return mixture.fit(z[chosen])
    except ValueError as error:
        raise ValueError(
            f"Expected latents to which {num_components} normals with {covariance_type} covariances can be fitted: "
            f"use fewer components, covariance_type='diag', or more latents. Received: {len(z)} latents, and {error}"
        ) from error
