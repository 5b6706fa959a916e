"""What a prior is whose normaliser has no closed form: a base times a learned weight."""

import abc
import math
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core.hints import Tensor
from keras_vaemix.core.part import check_positive, require, require_kind
from keras_vaemix.core.replicas import replica_id
from keras_vaemix.core.sampler import draw
from keras_vaemix.core.seeds import fold_in, stateless_seed
from keras_vaemix.priors.base import Prior
from keras_vaemix.priors.standard_normal import StandardNormal

tfd = tfp.distributions

CHUNK = 2**15  # draws weighted at a time


class Reweighted(tfd.Distribution):
    """A distribution [D] whose log-density is that of `base` plus `log_ratio(z)`, [...] for z [..., D]."""

    def __init__(self, base, log_ratio, name="Reweighted"):
        self.base, self.log_ratio = base, log_ratio
        given = {"base": base, "log_ratio": log_ratio, "name": name}
        super().__init__(base.dtype, tfd.NOT_REPARAMETERIZED, validate_args=False, allow_nan_stats=True, parameters=given, name=name)

    def _batch_shape(self):
        return self.base.batch_shape

    def _event_shape(self):
        return self.base.event_shape

    def _log_prob(self, z):
        return self.base.log_prob(z) + self.log_ratio(z)


class ReweightedPrior(Prior):
    r"""Abstract: a base :math:`\pi` with a learned weight w, whose normaliser :math:`Z = E_{\pi(z)} w(z)` is estimated.

    So **log p(z) is an estimate**, and every figure made of it. In training, Z is a moving average of estimates from fresh draws of the
    base, with the gradient of the last one, which lags behind; for validation it is estimated anew, and after training, `finish`
    replaces it by an estimate from many draws, whose error `report` gives. A subclass implements `log_weight`, `log_ratio` and `sampler`.

    Args:
        latent_dim: Number of latent dimensions D.
        base: A `Prior` :math:`\pi` over D latents; `StandardNormal(D)` by default.
        num_samples: Number of draws for an estimate in training.
        decay: Weight of earlier estimates in the moving average.
        seed: Integer; the estimates in training are a function of it.

    Raises:
        ValueError: The base is made of posteriors, is fitted after training, is reweighted itself, or has another number of latents.
    """

    def __init__(self, latent_dim: int, base: Prior | None, num_samples: int, decay: float, seed: Tensor, **kwargs: Any) -> None:
        super().__init__(latent_dim, **kwargs)
        self.base = StandardNormal(latent_dim) if base is None else base
        require_kind("base", self.base, Prior)
        require(self.base.latent_dim == latent_dim, f"a base over latent_dim={latent_dim} latents", base=self.base.latent_dim)
        is_trained = not (self.base.needs_encoder or self.base.is_fitted_after_training)
        require(is_trained, "a base that is neither made of posteriors nor fitted after training", base=type(self.base).__name__)
        require(not self.base.estimates(), "a base whose normaliser is known", base=type(self.base).__name__)
        check_positive(num_samples=num_samples)
        require(0 < decay < 1, "decay in (0, 1)", decay=decay)
        self.num_samples, self.decay, self.seed = num_samples, decay, seed
        constant = {"trainable": False, "initializer": "zeros"}
        self.log_z = self.add_weight((), name="log_z", dtype="float32", aggregation="mean", **constant)
        self.num_estimates = self.add_weight((), name="num_estimates", dtype="int32", aggregation="only_first_replica", **constant)

    # What a subclass implements.

    @abc.abstractmethod
    def log_weight(self, z):
        """Returns log w(z), [...] in float32, for z [..., D]."""

    @abc.abstractmethod
    def log_ratio(self, z, log_z):
        r"""Returns :math:`\log p(z) - \log \pi(z)`, [...], for z [..., D] and log Z."""

    # The density.

    def distribution(self, encode=None, training=False):
        log_z = self.smoothed_log_z() if training else tf.convert_to_tensor(self.log_z)
        return Reweighted(self.base.distribution(None, training), lambda z: self.log_ratio(z, log_z))

    def penalty(self, encode=None):
        return self.base.penalty()

    def smoothed_log_z(self):
        r"""Returns log Z of the moving average, which it updates, with the gradient :math:`\nabla \hat Z / Z` of a new estimate."""
        self.num_estimates.assign_add(1)
        seed = fold_in(fold_in(stateless_seed(self.seed), tf.convert_to_tensor(self.num_estimates)), replica_id())
        z = tf.stop_gradient(draw(self.base.sampler(), self.num_samples, -1, seed)[0])
        log_base = self.base.distribution().log_prob(z)
        share = log_base - tf.stop_gradient(log_base)  # zero, with the gradient of the base's weights
        fresh = tf.reduce_logsumexp(self.log_weight(z) + share) - tf.reduce_logsumexp(share)
        earlier = tf.convert_to_tensor(self.log_z) + math.log(self.decay)
        smoothed = tf.stop_gradient(tfp.math.log_add_exp(earlier, fresh + math.log(1 - self.decay)))
        self.log_z.assign(smoothed)
        ratio = tf.exp(fresh - smoothed)
        return smoothed + ratio - tf.stop_gradient(ratio)

    def log_normalizer(self, num_samples=2**18, seed=0):
        """Returns an estimate of log Z from draws of the base, and its standard error, in nats."""
        check_positive(num_samples=num_samples)
        sampler, sizes = self.base.sampler(), [min(CHUNK, num_samples - start) for start in range(0, num_samples, CHUNK)]
        draws = (draw(sampler, size, -1, fold_in(stateless_seed(seed), i))[0] for i, size in enumerate(sizes))
        log_w = np.concatenate([self.log_weight(z).numpy() for z in draws]).astype("float64")
        w = np.exp(log_w - log_w.max())
        error = w.std(ddof=1) / w.mean() / math.sqrt(num_samples) if num_samples > 1 else math.nan
        return float(log_w.max() + math.log(w.mean())), float(error)

    def finish(self, num_samples=2**20):
        """Sets Z to an estimate from draws of the base, by default a million."""
        self.log_z.assign(self.log_normalizer(num_samples, seed=self.seed)[0])

    def estimates(self):
        return [self.log_z]

    def report(self):
        """Returns log Z by an estimate of its own, its standard error, and how far the log Z of `distribution` is from it."""
        value, error = self.log_normalizer(seed=self.seed + 1)
        return {"log_normalizer": value, "log_normalizer_se": error, "log_normalizer_off": float(self.log_z.numpy()) - value}
