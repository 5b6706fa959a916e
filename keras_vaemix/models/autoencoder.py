"""The deterministic autoencoder with a regularised latent space: a cost, a discrepancy, penalties, a prior."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from keras_vaemix.core.blocks import batch_size_for
from keras_vaemix.core.hints import Network
from keras_vaemix.core.part import register, require, require_kind
from keras_vaemix.core.progress import progress
from keras_vaemix.core.seeds import fold_in
from keras_vaemix.models.base.autoencoding import AutoencodingModel
from keras_vaemix.priors import Prior
from keras_vaemix.regularizers.costs import Cost
from keras_vaemix.regularizers.discrepancies import Discrepancy
from keras_vaemix.regularizers.penalties import Penalty


@register
class Autoencoder(AutoencodingModel):
    r"""Autoencoder with latents z = E(x) that minimises :math:`E\,c(x, D(E(x))) + \lambda D_Z(Q \| P) + \sum_r \Omega_r`.

    The plain autoencoder, RAE-L2, RAE-GP and WAE-MMD are this class with different parts. The prior is fixed, or is a `FittedMixture`
    that `fit_prior` fits to the codes of the training examples after training.

    Args:
        encoder: Network E from examples [B, *] to latents [B, D].
        decoder: Network D from latents [B, D] to the input of the cost.
        prior: A `Prior` over D latents that needs no encoder.
        cost: A `Cost` c.
        discrepancy: A `Discrepancy` between codes and draws of the prior, or None.
        penalties: A sequence of `Penalty` parts.
        seed: Every draw is a function of this integer and of a counter kept as a weight.

    Raises:
        ValueError: The networks do not fit the prior, or a discrepancy is given with a prior that is fitted after training.

    Reference: I. Tolstikhin et al., *Wasserstein Auto-Encoders*, 2018, eq. 4; P. Ghosh et al., *From Variational to Deterministic
    Autoencoders*, 2020, eq. 3.
    """

    def __init__(
        self,
        encoder: Network,
        decoder: Network,
        prior: Prior,
        cost: Cost,
        discrepancy: Discrepancy | None = None,
        penalties: Sequence[Penalty] = (),
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(encoder, decoder, prior, cost, seed, **kwargs)
        self.discrepancy, self.penalties = discrepancy, tuple(penalties)
        if discrepancy is not None:
            require_kind("discrepancy", discrepancy, Discrepancy)
        for penalty in self.penalties:
            require_kind("penalties", penalty, Penalty)
        is_given = discrepancy is None or not prior.is_fitted_after_training
        require(is_given, "a prior that is known before training, since the discrepancy compares codes with it", prior=type(prior).__name__)
        self._check_networks()

    @property
    def couples_examples(self):
        return self.discrepancy is not None or len(self.penalties) > 0

    def metric_names(self):
        return [*super().metric_names(), *(["discrepancy"] if self.discrepancy else []), *(["penalty"] if self.penalties else [])]

    def terms(self, x, z, seed, training):
        terms = {"cost": self.costs(x, z, training)}
        if self.discrepancy:
            terms["discrepancy"] = self.discrepancy(z, self.prior_draws(tf.shape(z)[0], fold_in(seed, 0)))
        if self.penalties:
            terms["penalty"] = sum(penalty(self, z, fold_in(seed, i + 1)) for i, penalty in enumerate(self.penalties))
        return terms

    def check_batch_size(self, batch_size):
        if self.discrepancy is not None:
            self.discrepancy.check_batch_size(batch_size)

    def fit_prior(self, x, batch_size=None, verbose=0):
        """Fits a prior such as `FittedMixture` to the codes of the training examples x [N, *].

        Raises:
            ValueError: The fit fails; the autoencoder is not changed.
        """
        if self.prior.is_fitted_after_training:
            self.check(x)
            batch_size = batch_size_for(batch_size, self.example_shape, 500)
            starts = progress(range(0, len(x), batch_size), verbose, f"codes of {len(x)} examples")
            codes = [self.latent_means(tf.cast(x[i : i + batch_size], tf.float32)) for i in starts]
            self.prior.fit(tf.concat(codes, axis=0).numpy(), seed=self.seed)

    def can_sample(self):
        return self.prior.can_sample()
