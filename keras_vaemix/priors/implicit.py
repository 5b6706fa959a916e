"""The implicit optimal prior, IOP: a base times a density ratio that a classifier learns."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from keras_vaemix.core.part import check_positive, register, require
from keras_vaemix.core.sampler import Noise
from keras_vaemix.core.selection import Selected
from keras_vaemix.mixtures.location_scale import choose
from keras_vaemix.networks.mlp import mlp, start_near_zero
from keras_vaemix.priors import Prior
from keras_vaemix.priors.reweighted import ReweightedPrior


@register
class ImplicitPrior(ReweightedPrior):
    r"""Implicit prior, :math:`p(z) = \pi(z)\, e^{T(z)} / Z`, with :math:`T(z) \approx \log q(z) / \pi(z)` for the aggregate posterior q(z).

    `VAEIOP` trains T to tell latents of examples from draws of the base. If T were exact, Z would be one and p(z) the aggregate
    posterior. As it is not, the paper's "log-likelihood" with Z = 1 is that of no density; here Z is estimated, so that **log p(z) is an
    estimate**, and so are ELBO and log p(x), with the error that `report` gives. Z has a large error where the ratio has a heavy tail.

    Draws are resampled: of `num_candidates` draws of the base one is kept, by the weights :math:`e^{T(z)}`. They have the density p(z)
    in the limit of many candidates. At the start the ratio is almost one.

    Args:
        latent_dim: Number of latent dimensions D.
        hidden: Units of each hidden layer of T.
        dropout: Rate of dropout before the last layer of T, when T is trained.
        num_candidates: Number of candidates for each draw.
        base: A `Prior` :math:`\pi` over D latents that needs no encoder; `StandardNormal(D)` by default. Its components are not those of
            this prior, which has one.
        num_samples: Number of draws for an estimate of Z in training.
        decay: Weight of earlier estimates in the moving average of Z.
        seed: Integer; the estimates of Z are a function of it.

    Reference: H. Takahashi et al., *Variational Autoencoder with Implicit Optimal Priors*, 2019.
    """

    def __init__(
        self,
        latent_dim: int,
        hidden: Sequence[int] = (500, 500, 500),
        dropout: float = 0.5,
        num_candidates: int = 100,
        base: Prior | None = None,
        num_samples: int = 1024,
        decay: float = 0.9,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(latent_dim, base, num_samples, decay, seed, **kwargs)
        require(len(hidden) > 0, "hidden with at least one layer", hidden=hidden)
        require(0 <= dropout < 1, "dropout in [0, 1)", dropout=dropout)
        check_positive(num_candidates=num_candidates)
        self.hidden, self.dropout, self.num_candidates = tuple(hidden), dropout, num_candidates
        self.features, self.last = mlp((latent_dim,), hidden[-1], hidden[:-1], "tanh"), start_near_zero(mlp((hidden[-1],), 1, ()))

    def log_weight(self, z, dropout_seed=None):
        """Returns T(z), [...], for z [..., D]; with dropout, for its own training, if there is a stateless seed [2]."""
        h = tf.tanh(self.features(tf.reshape(z, [-1, self.latent_dim])))
        if dropout_seed is not None:
            h = tf.nn.experimental.stateless_dropout(h, self.dropout, dropout_seed)
        return tf.reshape(tf.cast(self.last(h), tf.float32), tf.shape(z)[:-1])

    def log_ratio(self, z, log_z):
        return self.log_weight(z) - log_z

    def sampler(self, encode=None):
        return Selected(self.base.sampler(), self.num_candidates, {"choice": Noise("Uniform", None)}, self.by_weight)

    def by_weight(self, z, noise):
        """Returns the numbers of candidates z [N, T, D] that uniform noise chooses by their weights, [N]."""
        return choose(noise["choice"], tf.nn.softmax(self.log_weight(z)))
