"""The two-stage VAE: a second VAE, trained on the latents of a first, trained one."""

from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core.batch import Batch
from keras_vaemix.core.hints import Array, Tensor
from keras_vaemix.core.part import register, require, require_kind
from keras_vaemix.core.seeds import fold_in
from keras_vaemix.core.shapes import fold, unfold
from keras_vaemix.models.base.latent import LatentModel
from keras_vaemix.models.base.step import Update
from keras_vaemix.models.vae import VAE
from keras_vaemix.objectives import ELBO, Draws, Objective

tfd = tfp.distributions


@register
class TwoStageVAE(LatentModel):
    r"""Two-stage VAE, :math:`p(x, z, u) = p(u)\,p(z|u)\,p(x|z)` with posterior :math:`q(z|x)\,q(u|z)`.

    q(z|x) and p(x|z) are those of a trained VAE, which stays as it is. Training q(u|z) and p(z|u) maximises a bound on log p(x) of the
    whole model, in which the marginal p(z) replaces the first VAE's prior.

    Args:
        first: A trained `VAE` of the examples.
        second: A `VAE` of its latents [B, D], with a normal likelihood p(z|u).
        objective: The bound that training maximises; `ELBO()` by default.
        seed: Every draw is a function of this integer and of a counter kept as a weight.

    Raises:
        ValueError: The second VAE does not take the first's latents as examples, its likelihood is not normal, an objective has beta != 1,
            or the objective has a bound on the divergence, which is estimated from the draws.

    Reference: B. Dai, D. Wipf, *Diagnosing and Enhancing VAE Models*, 2019, Section 4.
    """

    can_warm_up = False

    def __init__(self, first: VAE, second: VAE, objective: Objective | None = None, seed: int = 0, **kwargs: Any) -> None:
        require_kind("first", first, VAE)
        require_kind("second", second, VAE)
        super().__init__(first.likelihood, objective, seed, **kwargs)
        shape = (first.prior.latent_dim,)
        expected = f"a second VAE of examples of shape {shape}, the latents of the first"
        require(second.example_shape == shape, expected, shape=second.example_shape)
        is_alone = not (first.accompanied_by or second.accompanied_by)
        require(is_alone, "VAEs of examples alone", accompanied_by=(first.accompanied_by, second.accompanied_by))
        expected = "an objective that is not pathwise, and has no discrepancy"
        require(not self.objective.needs_own_draws, expected, objective=self.objective)
        expected = "objective.kl=None, ClosedForm() or MonteCarlo(): the divergence is estimated from the draws"
        require(self.has_unbiased_kl(), expected, kl=self.objective.kl)
        expected = "a second VAE with a normal likelihood p(z|u), which standard normal noise samples"
        require(isinstance(second.likelihood.noise(), tfd.Normal), expected, likelihood=second.likelihood)
        expected = "objective.beta=1: beta would scale all that trains the second VAE"
        require(self.objective.beta == 1, expected, beta=self.objective.beta)
        is_plain = isinstance(second.objective, ELBO) and second.objective.beta == 1
        require(is_plain, "a second VAE with ELBO(): it is trained by the objective given here, not by its own", objective=second.objective)
        strata = (first.num_strata, second.num_strata)
        require(strata == (1, 1), "posteriors of one stratum", num_strata=strata)
        self.first, self.second = first, second
        self._extra_noise = {"eps_lower": shape[0]}
        self.built = True

    def updates(self):
        return [Update({"model": self.second.trainable_variables}, self.losses)]

    def penalty(self):
        return self.second.penalty()

    def draws(self, batch, objective, seed, training=False):
        x, weight = Batch.of(batch).x, Batch.of(batch).weight
        params = self.first.encoder(x, training=False)
        z, log_weight, log_qz = self.first.posterior.draw(params, objective.num_samples, fold_in(seed, 0))  # [S, B, D], [S, B], [S, B]
        u, log_qu = self._second_draws(z, fold_in(seed, 1), training)
        of_z, counted = self.second.decode_params(u, training=training), tf.exp(log_weight) * (1.0 if weight is None else weight)
        log_pzu = self.second.likelihood.log_prob(fold(of_z)[None], fold(z), training, weight=tf.reshape(counted, [1, -1]))
        return Draws(
            log_weight=log_weight,
            log_px=self.first.likelihood.log_prob(self.first.decode_params(z, x), x),
            log_pz=self.second.prior.distribution(self.second.encode, training).log_prob(u) + unfold(log_pzu[0], tf.shape(z)[0]),
            log_qz=log_qz + log_qu,
        )

    def _second_draws(self, z, seed, training):
        """Returns a draw from q(u|z) for each z [S, B, D], [S, B, D'], and its log-density, [S, B]."""
        params = self.second.encoder(fold(z), training=training)
        u, _, log_qu = self.second.posterior.draw(params, 1, seed)  # [1, S * B, D']
        return unfold(u[0], tf.shape(z)[0]), unfold(log_qu[0], tf.shape(z)[0])

    def lower_prior(self, u):
        """Returns p(z|u), a distribution of batch [S, B] and event [D], for u [S, B, D']."""
        params = tf.cast(self.second.decode_params(u), tf.float32)
        return tfd.Independent(self.second.likelihood.distribution(params), 1)

    @property
    def prior(self):
        return self.second.prior

    @property
    def example_shape(self):
        return self.first.example_shape

    @property
    def latent_sizes(self):
        return self.first.latent_sizes

    @property
    def joint_sizes(self):
        return {**self.first.latent_sizes, "u": self.second.prior.latent_dim}

    @property
    def num_components(self):
        return self.second.num_components

    def encode(self, x):
        """Returns q(z|x), a TFP distribution of batch [B] and event [D]."""
        return self.first.encode(x)

    def posterior_parameters(self, x):
        return self.first.posterior_parameters(x)

    def batch_latent_means(self, x):
        return self.first.batch_latent_means(x)

    def decoder_params(self, z):
        return self.first.decoder_params(z)

    def call(self, x: Array) -> Tensor:
        """Returns the reconstruction of x: the mean of p(x|z) at the centre of q(z|x)."""
        return self.first.call(x)

    def log_joint(self, x, z, u):
        """Returns log p(x, z, u), [B] in nats."""
        log_px = self.first.likelihood.log_prob(self.first.decode_params(z[None], x), x)[0]
        log_pu = self.second.prior.distribution(self.second.encode).log_prob(u)
        return log_px + self.lower_prior(u[None]).log_prob(z)[0] + log_pu

    def _upper_draws(self, x, seed):
        return self.second._upper_draws(self.first._upper_draws(x, fold_in(seed, 0)), fold_in(seed, 1))

    def sampler(self):
        return self.second.sampler()

    def _decoder_inputs(self, z, component, noise):
        params = tf.cast(self.second.decode_params(z[None]), tf.float32)
        return (self.second.likelihood.draw(params, noise["eps_lower"])[0],)

    def batch_responsibilities(self, x, num_samples, seed):
        r"""Returns :math:`E_{q(u|z)}\, p(k|u)` at the mean z of q(z|x), [B, K]."""
        return self.second.batch_responsibilities(self.batch_latent_means(x), num_samples, seed)
