"""What models with two continuous latents share, one above the other."""

import abc
from typing import Any

import tensorflow as tf

from keras_vaemix.core.hints import Array, Network, Tensor
from keras_vaemix.core.part import require, require_kind, require_networks
from keras_vaemix.core.seeds import fold_in
from keras_vaemix.divergences import ClosedForm, MonteCarlo
from keras_vaemix.likelihoods import Likelihood
from keras_vaemix.models.base.latent import LatentModel
from keras_vaemix.objectives import Draws, Objective
from keras_vaemix.posteriors import DiagonalNormal, Posterior
from keras_vaemix.priors import Prior


class TwoLevelModel(LatentModel):
    r"""Abstract: :math:`p(x, z_1, z_2) = p(z_2)\,p(z_1|z_2)\,p(x|z_1, z_2)` with posterior :math:`q(z_2|x)\,q(z_1|x, z_2)`.

    Subclasses implement the three densities that need networks: `lower_posterior`, `lower_prior` and `likelihood_params`.

    Args:
        top_encoder: Network from examples [B, *] to the parameters of q(z2|x).
        prior: A `Prior` over z2.
        likelihood: A `Likelihood`.
        posterior: Family of q(z2|x), and of those lower densities that are normal; `DiagonalNormal()` by default.
        objective: The bound that training maximises; `ELBO()` by default.
        seed: Every draw is a function of this integer and of a counter kept as a weight.
    """

    def __init__(
        self,
        top_encoder: Network,
        prior: Prior,
        likelihood: Likelihood,
        posterior: Posterior | None = None,
        objective: Objective | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        require_kind("prior", prior, Prior)
        require_networks(top_encoder=top_encoder)
        super().__init__(likelihood, objective, seed, **kwargs)
        self.top_encoder, self.prior = top_encoder, prior
        self._take_inputs_of(top_encoder)
        prior.check_example_shape(self.example_shape)
        prior.check_support(self.support)
        self.posterior = DiagonalNormal() if posterior is None else posterior
        require(isinstance(self.posterior, DiagonalNormal), "posterior to be a DiagonalNormal", posterior=self.posterior)
        self._check_shape("top_encoder with output", top_encoder.output_shape, self.posterior.params_size(prior.latent_dim))
        has_form = self.objective.kl is None or isinstance(self.objective.kl, ClosedForm | MonteCarlo)
        require(has_form, "kl to be ClosedForm() or MonteCarlo() for two levels", kl=self.objective.kl)
        expected = "an objective that is not pathwise, and has no discrepancy, for two levels"
        require(not self.objective.needs_own_draws, expected, objective=self.objective)

    def _check_shape(self, what, received, size):
        """Raises `ValueError` unless a shape is [B, size]."""
        require(received == (None, size), f"{what} shape {(None, size)}", shape=received)

    # What a subclass implements.

    @abc.abstractmethod
    def lower_posterior(self, x, z2, training=False):
        """Returns q(z1|x, z2), a distribution of batch [S, B], for x [B, *], or a `Batch`, and z2 [S, B, D2]."""

    @abc.abstractmethod
    def lower_prior(self, z2, training=False):
        """Returns p(z1|z2), a distribution of batch [S, B], for z2 [S, B, D2]."""

    @abc.abstractmethod
    def likelihood_params(self, z1, z2, x, training=False):
        """Returns the likelihood's parameters [S, B, *]; x, a `Batch`, is for decoders that look at it."""

    @property
    def example_shape(self):
        return self.top_encoder.inputs[0].shape[1:]

    def top_params(self, x, training=False):
        """Returns the outputs of `top_encoder` for examples [B, *], or a dict or `Batch` of them with what accompanies them."""
        return self.top_encoder(self.as_batch(x).inputs_of(self.top_encoder), training=training)

    def penalty(self):
        return self.prior.penalty(self.encode_top)

    # Draws.

    def encode_top(self, x):
        """Returns q(z2|x), a TFP distribution of batch [B] and event [D2]."""
        return self.posterior.distribution(self.top_params(x))

    def draws(self, batch, objective, seed, training=False):
        batch = self.as_batch(batch)
        params = self.top_params(batch, training)
        q2, p2 = self.posterior.distribution(params), self.prior.of_latents(batch.condition, self.encode_top, training)
        z2, log_weight, _ = self.posterior.draw(params, objective.num_samples, fold_in(seed, 0))  # [S, B, D2], [S, B]
        q1, p1 = self.lower_posterior(batch, z2, training), self.lower_prior(z2, training)
        z1 = q1.sample(seed=fold_in(seed, 1))  # [S, B, D1]
        own = self.likelihood_params(z1, z2, batch, training)
        levels = [(q2, p2, z2), (q1, p1, z1)]
        return Draws(
            log_weight=log_weight,
            log_px=self.log_px(own, batch, log_weight, training),
            log_pz=sum(p.log_prob(z) for _, p, z in levels),
            log_qz=sum(q.log_prob(z) for q, _, z in levels),
            kl=self.kl(objective.kl, log_weight, levels) if objective.kl else None,
            params=own,
            z=(z1, z2),
        )

    def kl(self, divergence, log_weight, levels):
        r"""Returns :math:`KL(q(z_2|x) \| p(z_2)) + E\,KL(q(z_1|x, z_2) \| p(z_1|z_2))`, [B]; by draws where there is no closed form."""
        closed = [divergence(q, p) for q, p, _ in levels]
        if all(kl is None for kl in closed):
            return None
        terms = [kl if kl is not None else q.log_prob(z) - p.log_prob(z) for kl, (q, p, z) in zip(closed, levels, strict=True)]
        return tf.reduce_sum(tf.exp(log_weight) * (terms[0] + terms[1]), axis=0)

    def _log_joint_of(self, x: Array, z1: Tensor, z2: Tensor) -> Tensor:
        """Returns log p(x, z1, z2), [B] in nats."""
        z1, z2, batch = z1[None], z2[None], self.as_batch(x)
        log_px = self.likelihood.log_prob(self.likelihood_params(z1, z2, batch), batch.x, mask=batch.mask)
        log_pz = self.prior.of_latents(batch.condition, self.encode_top).log_prob(z2) + self.lower_prior(z2).log_prob(z1)
        return (log_px + log_pz)[0]

    def _upper_draws(self, x, seed):
        return self.posterior.draw(self.top_params(x), 1, seed)[0][0]

    # Centres of the posteriors, from which examples are reconstructed.

    def centers(self, x):
        """Returns the means of q(z1|x, z2) at the mean of q(z2|x), [B, D1], and of q(z2|x), [B, D2]."""
        z2 = self.posterior.mean(self.top_params(x))
        return self.lower_posterior(x, z2[None]).mean()[0], z2

    def batch_latent_means(self, x):
        """Returns the means of z1 and z2 given x, [B, D1 + D2]."""
        return tf.concat(self.centers(x), axis=-1)
