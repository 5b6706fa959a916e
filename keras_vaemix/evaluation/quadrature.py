"""Exact likelihoods and posteriors of models with one latent dimension, by quadrature."""

import numpy as np
import tensorflow as tf
from scipy.special import logsumexp

from keras_vaemix.part import require

GRID = (-10.0, 10.0, 4001)


def log_joint(model, x, grid=None, batch_size=500):
    r"""Returns :math:`\log p(x, z)` at the points of a grid, [N, G] in nats and double precision, and the grid [G].

    Args:
        model: A `VAE` with one latent dimension.
        x: Examples [N, *].
        grid: Equally spaced points that hold all of p(z), [G]; 4,001 on [-10, 10] by default.
        batch_size: Number of examples at a time.

    Raises:
        ValueError: The model has another number of latents.
    """
    require(model.prior.latent_dim == 1, "a model with latent_dim=1: quadrature is for one dimension", latent_dim=model.prior.latent_dim)
    model.check(x)
    grid = np.linspace(*GRID) if grid is None else np.asarray(grid, "float64")
    z = tf.constant(grid[:, None, None], tf.float32)  # [G, 1, 1]
    params = model.decode_params(z)
    log_pz = model.prior.distribution(model.encode).log_prob(z)  # [G, 1]
    rows = [
        model.likelihood.log_prob(params, tf.cast(x[i : i + batch_size], tf.float32)) + log_pz  # [G, B]
        for i in range(0, len(x), batch_size)
    ]
    return np.concatenate([np.asarray(row, "float64").T for row in rows]), grid


def exact_log_likelihood(model, x, grid=None):
    r"""Returns :math:`\log p(x) = \log \int p(x|z) p(z)\,dz` for each example, [N] in nats. Args as in `log_joint`."""
    joint, grid = log_joint(model, x, grid)
    return logsumexp(joint, axis=1) + np.log(grid[1] - grid[0])


def exact_posterior(model, x, grid=None):
    """Returns the density p(z|x) at the points of the grid, [N, G]. Args as in `log_joint`."""
    joint, grid = log_joint(model, x, grid)
    return np.exp(joint - logsumexp(joint, axis=1, keepdims=True)) / (grid[1] - grid[0])


def learned_posterior(model, x, grid=None):
    """Returns the density q(z|x) at the points of the grid, [N, G]. Args as in `log_joint`."""
    grid = np.linspace(*GRID) if grid is None else np.asarray(grid, "float64")
    q = model.encode(tf.cast(x, tf.float32))
    return np.exp(np.asarray(q.log_prob(tf.constant(grid[:, None, None], tf.float32)), "float64")).T


def posterior_kl(model, x, grid=None):
    r"""Returns :math:`KL(q(z|x) \| p(z|x))` for each example, [N] in nats: what the ELBO lacks of log p(x). Args as in `log_joint`."""
    joint, grid = log_joint(model, x, grid)
    step = grid[1] - grid[0]
    log_posterior = joint - logsumexp(joint, axis=1, keepdims=True) - np.log(step)
    q = learned_posterior(model, x, grid)
    return step * np.sum(np.where(q > 0, q * (np.log(np.maximum(q, 1e-300)) - log_posterior), 0.0), axis=1)
