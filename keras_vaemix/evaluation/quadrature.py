"""Exact likelihoods, bounds and posteriors of models with one latent dimension, by quadrature."""

import functools
import itertools
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from scipy.special import logsumexp

from keras_vaemix.core.batch import Batch, rows_of
from keras_vaemix.core.hints import Array
from keras_vaemix.core.part import check_positive, require
from keras_vaemix.models import CPVAE, OneLevelModel

GRID = (-10.0, 10.0, 4001)
MASS_ERROR = 1e-3  # fraction of p(z) or q(z|x) that may lie outside the grid
RESOLUTION = 1e-2  # nats by which an integral over every second point may differ; that over all points is then far closer to the truth
VALUES = 2_000_000  # number of densities computed at a time


def log_densities(model, x, grid=None, batch_size=None, y=None):
    r"""Yields the densities at the points of a grid, batch by batch.

    They are :math:`\log p(x|z)` [B, G], :math:`\log p(z)` [G], a function that returns :math:`\log q(z|x)` [B, G], which not every
    posterior has, and the weights of the trapezoidal rule with all points and with every second one, [2, G], from which `log_integral`
    tells whether the grid is fine enough.

    Args:
        model: A `VAE` with one latent dimension and any prior, posterior and likelihood; or such a `CPVAE`, for which the G points are
            those of the grid with each category, and (z, c) takes the place of z.
        x: Examples [N, *], or a dict of them with what accompanies them, as in `fit`.
        grid: Increasing points that cover all of p(z), [G]; 4,001 on [-10, 10] by default.
        batch_size: Number of examples at a time; if None, chosen from the number of points.
        y: What x is conditioned on, [A] for all examples or [N, A], of a model that is conditioned, where x is no dict that has it. The
            densities are then those given y, and z is decoded anew for every run of examples with the same y.

    Raises:
        ValueError: The model has more than one latent dimension, or the grid does not cover p(z).
    """
    require(model.prior.latent_dim == 1, "a model with latent_dim=1: quadrature is for one dimension", latent_dim=model.prior.latent_dim)
    given, grid = model.checked(x, y=y), points(grid)
    weights = np.zeros([2, len(grid)])
    weights[0], weights[1, ::2] = trapezoidal(grid), trapezoidal(grid[::2])
    for start, stop in runs(given.condition, len(given.x)):
        condition = None if given.condition is None else rows_of(given.condition, start, start + 1)
        nodes = nodes_of(model, tf.constant(grid[:, None, None], tf.float32), condition)  # [G, 1, 1]
        log_pz = np.asarray(nodes.log_pz, "float64")
        of_nodes = np.repeat(weights, len(log_pz) // len(grid), axis=1)
        mass = float(np.sum(of_nodes[0] * np.exp(log_pz)))
        require(abs(mass - 1) < MASS_ERROR, "a grid that covers all of p(z) and is fine enough for it", mass_on_the_grid=round(mass, 4))
        size = batch_size or max(1, VALUES // len(log_pz))
        check_positive(batch_size=size)
        for i in range(start, stop, size):
            batch = model.as_batch(rows_of(given, i, min(i + size, stop)))
            log_px = model.likelihood.log_prob(nodes.params, batch.x, mask=batch.mask)  # [G, B]
            yield as_rows(log_px), log_pz, lambda nodes=nodes, batch=batch: as_rows(nodes.log_qz(batch)), of_nodes


def as_rows(log_density):
    """Returns log-densities at G points of B examples, a tensor [G, B], as an array [B, G] in double precision."""
    return np.asarray(log_density, "float64").T


def trapezoidal(grid):
    """Returns the weights of the trapezoidal rule: half the distance between a point's neighbours, or to the only one."""
    weights = np.gradient(grid)
    weights[[0, -1]] /= 2
    return weights


def log_integral(log_density, weights, of="p(x|z) p(z)"):
    """Returns the logarithm of the integral of a density [B, G] over z, [B].

    Raises:
        ValueError: The grid is too coarse for it: with every second point, the integral is another one.
    """
    fine, coarse = (logsumexp(log_density, b=own, axis=1) for own in weights)
    agrees = np.isclose(fine, coarse, rtol=0, atol=RESOLUTION, equal_nan=True)
    expected = f"a finer grid, on which every second point gives nearly the same integral of {of}"
    off = float(np.max(np.abs(fine - coarse)[~agrees], initial=0))
    require(agrees.all(), expected, examples=int(np.sum(~agrees)), log_difference=round(off, 3))
    return fine


def posterior_weights(log_qz, weights):
    """Returns the weights [B, G] of an expectation over q(z|x); raises `ValueError` unless the grid covers it and is fine enough."""
    q = weights[0] * np.exp(log_qz)
    mass = float(max(q.sum(axis=1), key=lambda one: abs(one - 1)))
    require(abs(mass - 1) < MASS_ERROR, "a grid that covers all of q(z|x) and is fine enough for it", mass_on_the_grid=round(mass, 4))
    log_integral(log_qz, weights, "q(z|x)")
    return q


def runs(condition, num_examples):
    """Returns the first and the last index plus one of each run of examples with the same condition [N, A]; all if it is None."""
    changes = [] if condition is None else np.flatnonzero(np.any(np.diff(condition, axis=0) != 0, axis=1)) + 1
    return itertools.pairwise([0, *changes, num_examples])


@functools.singledispatch
def nodes_of(model, z, condition=None):
    """Returns the nodes to sum over, for a kind of model, the points of a grid [G, 1, 1], and a condition [1, A] or None."""
    raise ValueError(f"Expected a VAE or a CPVAE. Received: {type(model).__name__}")


@nodes_of.register(OneLevelModel)
class OverLatents:
    """The points of a grid [G, 1, 1] as latents of a `VAE`: the likelihood's parameters there, p(z) and q(z|x)."""

    def __init__(self, model, z, condition=None):
        self.model, self.z, self.params = model, z, model.decode_params(z, Batch(None, condition=condition))
        self.log_pz = model.prior.given(condition).distribution(model.encode).log_prob(z)[:, 0]  # [G]

    def log_qz(self, x):
        return self.model.encode(x).log_prob(self.z)  # [G, B]


@nodes_of.register(CPVAE)
class OverCategories:
    """The points of a grid with each category of a `CPVAE`, z varying slowest, so that sums over them include c."""

    def __init__(self, model, z, condition=None):
        k, num_points = model.num_components, len(z)
        every = tf.eye(k)
        conditions = None if condition is None else tf.tile(condition, [k, 1])
        params = model.decode_params(tf.tile(z, [1, k, 1]), tf.tile(every[None], [num_points, 1, 1]), condition=conditions)
        self.model, self.z, self.num_nodes = model, z, num_points * k
        self.params = tf.reshape(params, [self.num_nodes, 1, *params.shape[2:]])
        log_pz = model.category_log_probs() + model.conditional_prior(every).log_prob(z)  # [G, K]
        self.log_pz = tf.reshape(log_pz, [self.num_nodes])

    def log_qz(self, x):
        log_q, loc, scale = self.model.infer(x)
        q_z = self.model.heads.select(loc, scale, tf.eye(self.model.num_components)[:, None])  # batch [K, B]
        return tf.reshape(tf.transpose(log_q) + q_z.log_prob(self.z[:, None]), [self.num_nodes, len(log_q)])


def points(grid=None):
    """Returns the points of a grid in double precision; None means the default grid."""
    grid = np.linspace(*GRID) if grid is None else np.asarray(grid, "float64")
    is_grid = grid.ndim == 1 and len(grid) > 2 and (np.diff(grid) > 0).all()
    require(is_grid, "a grid of at least three increasing points [G]", shape=grid.shape)
    return grid


def exact_log_likelihood(model: keras.Model, x: Array, grid: Any | None = None, y: Array | None = None) -> np.ndarray:
    r"""Returns :math:`\log p(x) = \log \int p(x|z)\,p(z)\,dz` for each example, [N] in nats.

    Args and Raises as in `log_densities`; it also raises `ValueError` if the grid is too coarse for :math:`p(x|z)\,p(z)`.
    """
    return np.concatenate([log_integral(log_px + log_pz, w) for log_px, log_pz, _, w in log_densities(model, x, grid, y=y)])


def exact_posterior(model: keras.Model, x: Array, grid: Any | None = None, y: Array | None = None) -> np.ndarray:
    r"""Returns the density :math:`p(z|x) = p(x|z)\,p(z) / p(x)` at the points of the grid, [N, G].

    Args and Raises as in `exact_log_likelihood`.
    """
    rows = []
    for log_px, log_pz, _, weights in log_densities(model, x, grid, y=y):
        rows.append(np.exp(log_px + log_pz - log_integral(log_px + log_pz, weights)[:, None]))
    return np.concatenate(rows)


def learned_posterior(model, x, grid=None, y=None):
    """Returns the density q(z|x) at the points of the grid, [N, G]. Args and Raises as in `log_densities`."""
    return np.concatenate([np.exp(log_qz()) for _, _, log_qz, _ in log_densities(model, x, grid, y=y)])


def exact_parts(model: keras.Model, x: Array, grid: Any | None = None, y: Array | None = None) -> dict[str, Any]:
    r"""Returns the ELBO and its parts for each example, a dict of arrays [N] in nats, without sampling noise.

    `reconstruction` is :math:`E_q \log p(x|z)`, `kl` is :math:`KL(q(z|x) \| p(z))`, and `elbo` is their difference, :math:`\beta = 1`.
    Args and Raises as in `log_densities`; it also raises `ValueError` if the grid does not cover q(z|x) or is too coarse for it.
    """
    rows = []
    for log_px, log_pz, of_posterior, weights in log_densities(model, x, grid, y=y):
        log_qz = of_posterior()
        q = posterior_weights(log_qz, weights)
        rows.append((np.sum(q * log_px, axis=1), np.sum(q * (log_qz - log_pz), axis=1)))
    reconstruction, kl = (np.concatenate(part) for part in zip(*rows, strict=True))
    return {"elbo": reconstruction - kl, "reconstruction": reconstruction, "kl": kl}


def posterior_kl(model: keras.Model, x: Array, grid: Any | None = None, y: Array | None = None) -> np.ndarray:
    r"""Returns :math:`KL(q(z|x) \| p(z|x)) = E_q \log q(z|x) - \log p(z|x)` for each example, [N] in nats: log p(x) minus the ELBO.

    Args and Raises as in `exact_log_likelihood` and `exact_parts`.
    """
    rows = []
    for log_px, log_pz, of_posterior, weights in log_densities(model, x, grid, y=y):
        log_qz = of_posterior()
        log_posterior = log_px + log_pz - log_integral(log_px + log_pz, weights)[:, None]
        rows.append(np.sum(posterior_weights(log_qz, weights) * (log_qz - log_posterior), axis=1))
    return np.concatenate(rows)
