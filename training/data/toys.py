"""Synthetic data whose likelihood is known."""

import functools

import numpy as np
from scipy.special import logsumexp
from scipy.stats import norm

from keras_vaemix.core import supports
from training.data.splits import Data, Split

NOISE = 0.1  # standard deviation: the MoG-VAE paper's 0.01 is read as a variance
OUTCOMES = np.linspace(-1.0, 1.5, 2501)  # cover all of p(y)
MODES, MODE_STDDEV = (0.1, 1.0), 0.1  # the CP-VAE paper's N(., 0.1), with 0.1 read as the standard deviation: two modes, as in its figure
TWO_MODES = np.linspace(-1.0, 2.1, 1551)  # cover all of p(x) of the two modes


def curve(z):
    """Returns the mean of y given z in (0, 1), of the MoG-VAE paper: two parabolas, so that y has up to four preimages."""
    return np.where(z < 0.5, (2 * z - 0.5) ** 2, (2 * z - 1.5) ** 2)


def true_log_likelihood(y, num_points=4001):
    r"""Returns :math:`\log p(y) = \log \int_0^1 N(y; f(z), 0.01)\,dz` by quadrature, for y [N]."""
    mean = curve((np.arange(num_points) + 0.5) / num_points)
    rows = [logsumexp(norm(mean, NOISE).logpdf(part[:, None]), axis=1) for part in np.array_split(y, 50)]
    return np.concatenate(rows) - np.log(num_points)


def true_log_joint(y, grid):
    """Returns log p(y, z) for a standard normal z at the points of a grid, [N, G]: the same process, as f(Phi(z))."""
    return norm(curve(norm.cdf(grid)), NOISE).logpdf(y[:, None]) + norm.logpdf(grid)


def true_posterior(y, grid):
    """Returns the density p(z|y) of a standard normal z at the points of a grid, [N, G]."""
    return np.exp(true_log_joint(y, grid) - true_log_likelihood(y)[:, None])


@functools.cache
def log_p_of_outcomes():
    """Returns log p(y) at `OUTCOMES`."""
    return true_log_likelihood(OUTCOMES)


def expectation(values):
    """Returns the mean over the true p(y) of a function given at `OUTCOMES`, by quadrature, without the noise of test examples."""
    return float(np.trapezoid(np.exp(log_p_of_outcomes()) * values, OUTCOMES))


def expected_log_likelihood():
    """Returns E log p(y) of the process itself, in nats, which no model of the data exceeds on average."""
    return expectation(log_p_of_outcomes())


def expected_log_likelihood_of_a_normal():
    r"""Returns :math:`-\frac{1}{2} \ln(2 \pi e\,\mathrm{Var}\,y)` nats, the best E log N(y), which a linear decoder attains."""
    variance = expectation(OUTCOMES**2) - expectation(OUTCOMES) ** 2
    return float(-0.5 * np.log(2 * np.pi * np.e * variance))


def mog_toy(sizes=(5000, 1000, 5000), seed=0):
    """Returns draws y [N, 1] of z ~ U(0, 1), y ~ N(f(z), 0.01), in three splits."""
    rng = np.random.default_rng(seed)
    draw = lambda n: (curve(rng.random(n)) + NOISE * rng.standard_normal(n)).astype("float32")[:, None]  # noqa: E731
    return Data("mog_toy", *(Split(draw(n)) for n in sizes), supports.REAL)


def two_modes_log_density(x):
    r"""Returns :math:`\log p(x) = \log \frac12 (N(x; 0.1, 0.1^2) + N(x; 1, 0.1^2))` of the CP-VAE paper, for x [N]."""
    return logsumexp(norm(MODES, MODE_STDDEV).logpdf(np.asarray(x)[:, None]), axis=1) - np.log(len(MODES))


def two_modes_expectation(values):
    """Returns the mean over the true p(x) of a function given at `TWO_MODES`, by quadrature."""
    return float(np.trapezoid(np.exp(two_modes_log_density(TWO_MODES)) * values, TWO_MODES))


def two_modes_expected_log_density():
    """Returns E log p(x) of the two modes, 0.1905 nats, which no model of the data exceeds on average."""
    return two_modes_expectation(two_modes_log_density(TWO_MODES))


def cp_vae_toy(sizes=(40_000, 5000, 5000), seed=0):
    """Returns the CP-VAE paper's 50,000 draws x [N, 1] of two modes, each with its mode as label, in three splits."""
    rng = np.random.default_rng(seed)
    y = [rng.integers(0, len(MODES), n) for n in sizes]
    x = [(np.take(MODES, mode) + MODE_STDDEV * rng.standard_normal(len(mode))).astype("float32")[:, None] for mode in y]
    return Data("cp_vae_toy", *map(Split, x, y), supports.REAL)
