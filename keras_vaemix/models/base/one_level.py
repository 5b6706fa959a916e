"""What models with one level of latents share: encoder, decoder, posterior, prior and likelihood."""

from typing import Any

import tensorflow as tf

from keras_vaemix.core.batch import Batch, inputs_of_decoder
from keras_vaemix.core.hints import Array, Network, Tensor
from keras_vaemix.core.part import require, require_kind, require_networks
from keras_vaemix.core.seeds import fold_in
from keras_vaemix.core.shapes import fold, unfold
from keras_vaemix.likelihoods import Likelihood
from keras_vaemix.models.base.latent import LatentModel, one_of_each
from keras_vaemix.objectives import Draws, Objective, weighted_path
from keras_vaemix.posteriors import DiagonalNormal, Posterior
from keras_vaemix.priors import Prior

PRIOR = 1  # folded into the seed of draws from the prior, which posteriors do not use


class OneLevelModel(LatentModel):
    r"""Abstract: :math:`p(x, z) = p(x|z)\,p(z)` with posterior :math:`q(z|x)`. Args and Raises as in `VAE`."""

    accompaniments: tuple[str, ...] = ("mask",)

    def __init__(
        self,
        encoder: Network,
        decoder: Network,
        prior: Prior,
        likelihood: Likelihood,
        posterior: Posterior | None = None,
        objective: Objective | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        require_kind("prior", prior, Prior)
        require_networks(encoder=encoder, decoder=decoder)
        super().__init__(likelihood, objective, seed, **kwargs)
        self.encoder, self.decoder, self.prior = encoder, decoder, prior
        self.posterior = DiagonalNormal() if posterior is None else posterior
        require_kind("posterior", self.posterior, Posterior)
        prior.check_example_shape(self.example_shape)
        prior.check_support(self.support)
        self._take_inputs_of(encoder)
        for what, received, expected in (
            ("encoder with output", encoder.output_shape, (None, self.posterior.params_size(prior.latent_dim))),
            ("decoder with input", decoder.input_shape, self._decoder_input_shape()),
        ):
            require(received == expected, f"{what} shape {expected} for latent_dim={prior.latent_dim}", shape=received)
        self._check_decoder(decoder)
        self._check_conditioning(decoder)
        expected = "posterior.num_strata == 1 for an objective that needs draws from q itself: choose SampledMixturePosterior"
        require(not self.objective.needs_own_draws or self.posterior.num_strata == 1, expected, num_strata=self.posterior.num_strata)
        is_given = self.objective.discrepancy is None or not prior.is_fitted_after_training
        is_alone = self.condition_size is None or self.objective.discrepancy is None
        require(is_alone, "an objective without a discrepancy for a model that is conditioned", objective=self.objective)
        require(is_given, "a prior that is known before training, since the discrepancy compares codes with it", prior=type(prior).__name__)
        is_enough = self.posterior.has_density or not (prior.needs_encoder or self.objective.pathwise)
        expected = "a posterior with a density at any point, since the prior is made of posteriors or the objective is pathwise"
        require(is_enough, expected, posterior=self.posterior)
        is_computed = self.posterior.has_density or self.has_unbiased_kl()
        expected = "objective.kl=ClosedForm() or MonteCarlo() for a posterior without a density at any point, as a bound needs it"
        require(is_computed, expected, kl=self.objective.kl)
        self.built = True

    @property
    def num_strata(self):
        return self.posterior.num_strata

    @property
    def has_posterior_density(self):
        return self.posterior.has_density

    @property
    def example_shape(self):
        return self.encoder.inputs[0].shape[1:]

    @property
    def latent_sizes(self):
        return {"z": self.prior.latent_dim}

    @property
    def num_components(self):
        return self.prior.num_components

    def penalty(self):
        return self.prior.penalty(self.encode)

    def supports_xla(self):
        return self.objective.kl is None or not self.objective.kl.needs_host(getattr(self.posterior, "num_components", 1))

    def _decoder_input_shape(self):
        """Returns the `input_shape` that the decoder must have."""
        z = (None, self.prior.latent_dim)
        return z if self.condition_size is None else [z, (None, self.condition_size)]

    # Distributions and draws.

    def encode(self, x):
        """Returns q(z|x), a TFP distribution of batch [B] and event [D].

        Raises:
            ValueError: The posterior's density is known only at its own draws.
        """
        expected = "a posterior with a density at any point: `draws` gives that of its own draws"
        require(self.posterior.has_density, expected, posterior=self.posterior)
        return self.posterior.distribution(self._posterior_params(x))

    def _posterior_params(self, x, training=False):
        """Returns the encoder's outputs [B, P] for examples [B, *], or a dict or `Batch` of them with what accompanies them."""
        return self.encoder(self.as_batch(x).inputs_of(self.encoder), training=training)

    def draws(self, batch, objective, seed, training=False):
        batch = self.as_batch(batch)
        params = self._posterior_params(batch, training)
        z, log_weight, log_qz = self.posterior.draw(params, objective.num_samples, seed)  # [S, B, D], [S, B], [S, B]
        drawn, path = z, None
        if objective.pathwise and training:
            z, path = weighted_path(z)
            log_qz = self.posterior.distribution(tf.stop_gradient(params)).log_prob(z)
        own = self.decode_params(z, batch, training)
        q, p = self.posterior.distribution(params), self.prior.of_latents(batch.condition, self.encode, training)
        return Draws(
            log_weight=log_weight,
            log_px=self.log_px(own, batch, log_weight, training),
            log_pz=p.log_prob(z),
            log_qz=log_qz,
            kl=objective.kl(q, p) if objective.kl and q is not None else None,
            path=path,
            discrepancy=self.discrepancy(objective, drawn, seed),
            z=drawn,
            params=own,
        )

    def discrepancy(self, objective: Objective, z: Tensor, seed: Tensor) -> Tensor:
        """Returns the discrepancy between the first draw of each code, z [S, B, D], and as many of the prior; None without one."""
        if objective.discrepancy is None:
            return None
        return objective.discrepancy(z[0], self.prior_draws(tf.shape(z)[1], fold_in(seed, PRIOR)))

    def prior_draws(self, n: int, seed: Tensor) -> Tensor:
        """Returns n draws from the prior, [n, D]; `seed` is stateless, [2]."""
        return self.draw(self.sampler(), n, -1, seed)[0][0]

    def decode_params(self, z, x=None, training=False):
        """Returns the likelihood's parameters [S, B, *] for z [S, B, D].

        The examples x [B, *], or a dict or `Batch` of them, are for decoders that look at them, or at what they are conditioned on.
        """
        num_samples = tf.shape(z)[0]
        seen = inputs_of_decoder(self.decoder, [fold(z)], Batch.of(x).condition, num_samples)
        return unfold(self.decoder(seen, training=training), num_samples)

    def _decoder_inputs(self, z, component, noise):
        return (z,) if self.condition_size is None else (z, noise["condition"])

    # Plain tensors, which export.

    def decoder_params(self, z, condition=None):
        return tf.cast(self.decoder(inputs_of_decoder(self.decoder, [z], condition), training=False), tf.float32)

    def call(self, x: Array) -> Tensor:
        """Returns the reconstruction of x: the mean of p(x|z) at the centre of q(z|x)."""
        return self.decode(self.posterior.center(self._posterior_params(x)), Batch.of(x).condition)

    def posterior_parameters(self, x):
        return self.posterior.summary(self._posterior_params(x))

    def batch_latent_means(self, x):
        return self.posterior.mean(self._posterior_params(x))

    def log_joint(self, x, z):
        batch = self.as_batch(x)
        log_px = self.likelihood.log_prob(self.decode_params(z[None], batch), batch.x, mask=batch.mask)[0]
        return log_px + self.prior.of_latents(batch.condition, self.encode).log_prob(z)

    def _upper_draws(self, x, seed):
        z, log_weight, _ = self.posterior.draw(self._posterior_params(x), 1, fold_in(seed, 0))
        return one_of_each(z, log_weight, fold_in(seed, 1))

    # Components.

    def sampler(self):
        return self.prior.sampler(self.encode)

    def batch_responsibilities(self, x, num_samples, seed):
        r"""Returns :math:`E_{q(z|x)}\, p(k|z)`, [B, K]."""
        z, log_weight, _ = self.posterior.draw(self._posterior_params(x), num_samples, seed)
        share = self.prior.responsibilities(z, self.encode)  # [S, B, K]
        return tf.reduce_sum(tf.exp(log_weight)[..., None] * share, axis=0)
