"""Starts of mixtures: a Gaussian mixture fitted to latents by scikit-learn."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from keras_vaemix.part import check_positive, require


def fit_mixture(z, num_components, covariance_type="full", num_starts=10, max_examples=25_000, seed=0):
    """Returns a fitted `sklearn.mixture.GaussianMixture`, the likeliest of several starts.

    Args:
        z: Latents [N, D].
        num_components: Number of components K.
        covariance_type: "full", which follows clusters of any orientation, or "diag", which is what the prior can hold.
        num_starts: Number of starts, each from k-means.
        max_examples: The fit is to at most so many of the latents.
        seed: Integer; the fit is a function of it.

    Raises:
        ValueError: There are fewer latents than components, or they are not finite, or the fit fails.
    """
    check_positive(num_components=num_components, num_starts=num_starts)
    z = np.asarray(z, "float64")
    require(len(z) >= num_components, f"at least num_components={num_components} latents", latents=len(z))
    require(np.isfinite(z).all(), "finite latents", finite=f"{np.isfinite(z).mean():.1%}")
    chosen = np.random.default_rng(seed).permutation(len(z))[:max_examples]
    mixture = GaussianMixture(num_components, covariance_type=covariance_type, n_init=num_starts, reg_covar=1e-4, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a start need not converge
        return mixture.fit(z[chosen])
