"""Synthetic data on a curved manifold whose dimension is known, and lower than that of the surrounding space."""

import functools

import numpy as np
from scipy.special import expit

from keras_vaemix.core import supports
from training.data.splits import Data, Split

NUM_OUTPUTS = NUM_UNITS = 128
SPREAD, SHIFT = 0.7, 0.5  # standard deviations of the inputs to first-layer units, and of biases: curved, but not saturated
SEED = 8191


@functools.cache
def weights(latent_dim):
    """Returns the weights of `embed` for n = latent_dim, (W, b) of each layer: a function of n and a fixed seed.

    The layers after the first are square and orthogonal, so that none is singular. The outputs of the last have mean zero and
    unit variance over z.
    """
    rng = np.random.default_rng([SEED, latent_dim])
    first = SPREAD * rng.standard_normal((latent_dim, NUM_UNITS)) / np.sqrt(latent_dim)
    second, last = (np.linalg.qr(rng.standard_normal((NUM_UNITS, NUM_UNITS)))[0] for _ in range(2))
    layers = [(weight, SHIFT * rng.standard_normal(NUM_UNITS)) for weight in (first, second)]
    h = hidden(rng.standard_normal((5000, latent_dim)), layers) @ last
    layers.append((last / h.std(axis=0), -h.mean(axis=0) / h.std(axis=0)))
    return [tuple(part.astype("float32") for part in layer) for layer in layers]


def hidden(z, layers):
    """Returns the outputs of layers of tanh units."""
    for weight, bias in layers:
        z = np.tanh(z @ weight + bias)
    return z


def embed(z):
    r"""Returns :math:`x = f(z) \in (0, 1)^{128}` for z [N, n]: two layers of 128 tanh units and a linear one with logistic outputs.

    f is injective, since its matrices have full rank and its units are monotonic, so the points lie on a manifold of n dimensions, which
    is not flat.
    """
    *layers, (weight, bias) = weights(z.shape[1])
    return expit(hidden(z, layers) @ weight + bias)


def manifold(latent_dim, sizes=(50_000, 5000, 10_000), seed=0):
    """Returns draws x [N, 128] of z ~ N(0, I_n), x = f(z), without noise, in three splits.

    They stand in for the synthetic data of the MaskAAE paper (A. Mondal et al., 2020, Fig. 5), whose true latent dimensions n are 8 and 16.
    The paper's own mixture and network are not known, so a standard normal and `embed` take their place.
    """
    rng = np.random.default_rng([seed, latent_dim])
    splits = (Split(embed(rng.standard_normal((n, latent_dim), "float32"))) for n in sizes)
    return Data(f"manifold{latent_dim}", *splits, supports.UNIT_INTERVAL, intrinsic_dim=latent_dim)
