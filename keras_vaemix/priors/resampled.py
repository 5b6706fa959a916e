"""Learned accept/reject sampling, LARS: a base whose draws a network accepts or rejects."""

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core.part import check_positive, register
from keras_vaemix.core.sampler import Noise
from keras_vaemix.core.selection import Selected
from keras_vaemix.networks.mlp import mlp, start_near_zero
from keras_vaemix.priors import Prior
from keras_vaemix.priors.reweighted import ReweightedPrior

ALMOST_ONE = -1e-6  # largest log Z: all draws are accepted
LOG_HALF = -math.log(2.0)
ALMOST_NEVER = -1e-30  # largest log-probability that every try is rejected, for T = 1


@register
class ResampledPrior(ReweightedPrior):
    r"""Resampled prior, LARS: draws of a base :math:`\pi`, accepted with probability a(z), the T-th in any case,

    .. math:: p_T(z) = \frac{1 - (1 - Z)^{T - 1}}{Z}\, \pi(z) a(z) + (1 - Z)^{T - 1} \pi(z), \qquad Z = E_{\pi(z)} a(z).

    This is the exact density of the sampler, up to Z, which has no closed form: **log p(z) is an estimate**, and so are ELBO and log p(x);
    `report` gives the standard error of log Z. To first order log p(z) moves by at most as much, except where a(z) is so small that
    draws come from the last try alone: there by :math:`(T - 1) Z / (1 - Z)` times as much.

    At the start a(z) is almost 1/2, and p almost :math:`\pi`. Z in training is as in `ReweightedPrior`; the paper's estimate also has an
    importance-weighted term for each draw of the posterior, which is left out here.

    Args:
        latent_dim: Number of latent dimensions D.
        num_tries: Number of tries T.
        hidden: Units of each hidden layer of the acceptance network.
        base: The proposal, a `Prior` over D latents that needs no encoder; `StandardNormal(D)` by default. Its components are not those
            of this prior, which has one.
        num_samples: Number of draws for an estimate of Z in training.
        decay: Weight of earlier estimates in the moving average of Z.
        seed: Integer; the estimates of Z are a function of it.

    Reference: M. Bauer, A. Mnih, *Resampled Priors for Variational Autoencoders*, 2019.
    """

    def __init__(
        self,
        latent_dim: int,
        num_tries: int = 100,
        hidden: Sequence[int] = (100, 100),
        base: Prior | None = None,
        num_samples: int = 1024,
        decay: float = 0.99,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(latent_dim, base, num_samples, decay, seed, **kwargs)
        check_positive(num_tries=num_tries)
        self.num_tries, self.hidden = num_tries, tuple(hidden)
        self.acceptance = start_near_zero(mlp((latent_dim,), 1, hidden, "tanh"))
        self.log_z.assign(math.log(0.5))

    def log_weight(self, z):
        """Returns log a(z), [...], for z [..., D]."""
        logits = self.acceptance(tf.reshape(z, [-1, self.latent_dim]))
        return tf.math.log_sigmoid(tf.reshape(tf.cast(logits, tf.float32), tf.shape(z)[:-1]))

    def log_ratio(self, z, log_z):
        log_z = tf.minimum(log_z, ALMOST_ONE)
        log_rejected = (self.num_tries - 1) * log1mexp(log_z)  # T - 1 times
        log_factor = log1mexp(tf.minimum(log_rejected, ALMOST_NEVER)) - log_z
        return tfp.math.log_add_exp(self.log_weight(z) + log_factor, log_rejected)

    def sampler(self, encode=None):
        return Selected(self.base.sampler(), self.num_tries, {"accept": Noise("Uniform", self.num_tries)}, self.first_accepted)

    def first_accepted(self, z, noise):
        """Returns the number of the first try z [N, T, D] that is accepted, or else of the last, [N]."""
        is_accepted = tf.cast(noise["accept"] < tf.exp(self.log_weight(z)), tf.int32)
        tries_after = tf.range(self.num_tries - 1, -1, -1)  # [T]
        return self.num_tries - 1 - tf.reduce_max(is_accepted * tries_after, axis=1)


def log1mexp(x):
    r"""Returns :math:`\log(1 - e^x)` for x < 0, to the precision of the result, with finite gradients."""
    near_zero, far = tf.maximum(x, LOG_HALF), tf.minimum(x, LOG_HALF)
    return tf.where(x > LOG_HALF, tf.math.log(-tf.math.expm1(near_zero)), tf.math.log1p(-tf.exp(far)))
