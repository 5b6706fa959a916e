"""The divergence split at the aggregate posterior, the mean of the posteriors over examples."""

import functools
import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core.batch import number_of, rows_of
from keras_vaemix.core.hints import Array
from keras_vaemix.core.part import check_positive, require
from keras_vaemix.core.seeds import fold_in, stateless_seed
from keras_vaemix.mixtures.density import DiagonalNormalMixture
from keras_vaemix.mixtures.normal_components import is_normal_mixture
from keras_vaemix.models import CPVAE, GMVAE, VAE, EmpiricalBayesVAE, HierarchicalVAE

tfd = tfp.distributions


def has_divergence_split(model: keras.Model) -> bool:
    """Returns whether `divergence_split` supports a model: its kind, without a condition, with a density at other examples' latents."""
    is_known = _split.dispatch(type(model)) is not _split.dispatch(object)
    return is_known and model.has_posterior_density and model.condition_size is None


def divergence_split(model: keras.Model, x: Array, num_samples: int = 1, seed: int = 0) -> dict[str, Any]:
    r"""Splits the mean divergence from posterior to prior at the aggregate posterior :math:`q(z) = \frac1N \sum_j q(z|x_j)`.

    For one latent, :math:`E_x KL(q(z|x) \| p(z)) = I_q(z; x) + KL(q(z) \| p(z))`: a `VAE`, the upper level of a `HierarchicalVAE`
    (`kl` is that of z2 alone), z and w of a `GMVAE`. For a `CPVAE` it is the paper's eq. 13,
    :math:`I_q((z, c); x) + E_{q(c)} KL(q(z|c) \| p(z|c)) + KL(q(c) \| p(c))`, with every category enumerated; the last term is exact
    for these examples. All parts use the same draws, so that they sum to `kl`.

    The aggregate posterior is that of the N examples themselves. The mutual information is therefore at most log N. The estimate comes
    close to this limit if the latents of different examples do not overlap; the other terms are then too large by what it lacks.

    Args:
        model: A model for which `has_divergence_split` holds.
        x: Examples [N, *], or a dict of them with a mask; time and memory grow with the square of their number.
        num_samples: Draws of z for each example (and category).
        seed: Integer; the estimate is a function of it.

    Returns:
        A dict in nats: `kl` (a Monte Carlo estimate), `mutual_information`, and `aggregate_kl`, or for a `CPVAE` `conditional_kl`,
        `category_kl` and `negative_entropy`, :math:`-H(q(c))`. `mutual_information_limit` is log N.

    Reference: F. Lavda, M. Gregorova, A. Kalousis, *Improving VAE generations of multimodal data through data-dependent conditional
    priors*, 2020, Eq. 13 and 14; M. Hoffman, M. Johnson, *ELBO Surgery*, 2016.
    """
    require(has_divergence_split(model), "a VAE of one or two levels or with categories, without a condition", model=type(model).__name__)
    model.check(x)
    check_positive(num_samples=num_samples)
    seed, n = stateless_seed(seed), number_of(x)
    x = rows_of(x, 0, n)
    draws = [_split(model, x, fold_in(seed, i)) for i in range(num_samples)]
    means = {name: float(np.mean([draw[name] for draw in draws])) for name in draws[0]}
    return {**means, "mutual_information_limit": math.log(n)}


@functools.singledispatch
def _split(model, x, seed):
    """Returns the parts from one draw for each example, as means over examples x [N, *], or a dict of them with a mask."""
    raise NotImplementedError


@_split.register
def _(model: VAE | EmpiricalBayesVAE, x, seed):
    return one_latent(model.encode(x), model.prior.distribution(model.encode).log_prob, seed)


@_split.register
def _(model: HierarchicalVAE, x, seed):
    return one_latent(model.encode_top(x), model.prior.distribution(model.encode_top).log_prob, seed)


@_split.register
def _(model: GMVAE, x, seed):
    q, size = model.posterior_parameters(x), model.latent_sizes["z"]
    normal = tfd.Normal(tf.concat([q["mean"], q["w_mean"]], axis=-1), tf.concat([q["stddev"], q["w_stddev"]], axis=-1))

    def log_p(both):
        z, w = both[None, :, :size], both[None, :, size:]
        return (model.prior.distribution().log_prob(w) + model.lower_prior(w).log_prob(z))[0]

    return one_latent(tfd.Independent(normal, 1), log_p, seed)


@_split.register
def _(model: CPVAE, x, seed):
    log_q, loc, scale = model.infer(x)  # log q(c|x) [N, K]
    log_qc = tf.reduce_logsumexp(log_q, axis=0) - math.log(len(log_q))  # [K]
    log_pc = model.category_log_probs()
    one_hot, rows = tf.eye(model.num_components), []
    for k in range(model.num_components):
        q = model.heads.select(loc, scale, one_hot[k][None])  # q(z|x, c_k), batch [N]
        z = q.sample(seed=fold_in(seed, k))  # [N, D]
        log_pz = model.conditional_prior(one_hot[k][None]).log_prob(z)
        rows.append((q.log_prob(z), aggregate(q, log_q[:, k]).log_prob(z), log_pz))
    log_qz_x, log_qz, log_pz = (np.stack(part, axis=1).astype("float64") for part in zip(*rows, strict=True))  # [N, K]
    log_q, log_qc, log_pc = (np.asarray(part, "float64") for part in (log_q, log_qc, log_pc))

    def mean(values):
        return float(np.mean(np.sum(np.exp(log_q) * values, axis=1)))

    return {
        "kl": mean(log_q + log_qz_x - log_pc - log_pz),
        "mutual_information": mean(log_q + log_qz_x - log_qc - log_qz),
        "conditional_kl": mean(log_qz - log_pz),
        "category_kl": mean(log_qc - log_pc),
        "negative_entropy": mean(np.broadcast_to(log_qc, log_q.shape)),
    }


def one_latent(q, log_p, seed):
    """Returns the parts from one draw from each of the posteriors q, batch [N], given the log-density of the prior."""
    z = q.sample(seed=seed)  # [N, D]
    log_q = aggregate(q, tf.zeros(q.batch_shape)).log_prob
    log_qz_x, log_qz, log_pz = (np.asarray(log_prob(z), "float64") for log_prob in (q.log_prob, log_q, log_p))
    return {
        "kl": np.mean(log_qz_x - log_pz),
        "mutual_information": np.mean(log_qz_x - log_qz),
        "aggregate_kl": np.mean(log_qz - log_pz),
    }


def aggregate(q, logits):
    """Returns the mixture of the posteriors q, batch [N], with these log-weights [N] up to a constant."""
    weights = tfd.Categorical(logits=logits)
    return DiagonalNormalMixture(weights, q, tf.float64) if is_normal_mixture(q) else tfd.MixtureSameFamily(weights, q)
