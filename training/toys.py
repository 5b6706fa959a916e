"""Synthetic data whose likelihood is known."""

import numpy as np
from scipy.special import logsumexp
from scipy.stats import norm

from keras_vaemix import supports
from training.splits import Data, Split

NOISE = 0.1  # standard deviation: the MoG-VAE paper's 0.01 is read as a variance


def curve(z):
    """Returns the mean of y given z in (0, 1), of the MoG-VAE paper: two parabolas, so that y has up to four preimages."""
    return np.where(z < 0.5, (2 * z - 0.5) ** 2, (2 * z - 1.5) ** 2)


def true_log_likelihood(y, num_points=20_001):
    r"""Returns :math:`\log p(y) = \log \int_0^1 N(y; f(z), 0.01)\,dz` by quadrature, for y [N]."""
    z = (np.arange(num_points) + 0.5) / num_points
    return np.concatenate([logsumexp(norm(curve(z), NOISE).logpdf(part[:, None]), axis=1) for part in np.array_split(y, 50)]) - np.log(
        num_points
    )


def true_log_joint(y, grid):
    """Returns log p(y, z) for a standard normal z at the points of a grid, [N, G]: the same process, as f(Phi(z))."""
    return norm(curve(norm.cdf(grid)), NOISE).logpdf(y[:, None]) + norm.logpdf(grid)


def mog_toy(sizes=(5000, 1000, 5000), seed=0):
    """Returns draws y [N, 1] of z ~ U(0, 1), y ~ N(f(z), 0.01), in three splits."""
    rng = np.random.default_rng(seed)
    draw = lambda n: (curve(rng.random(n)) + NOISE * rng.standard_normal(n)).astype("float32")[:, None]  # noqa: E731
    return Data("mog_toy", *(Split(draw(n)) for n in sizes), supports.REAL)
