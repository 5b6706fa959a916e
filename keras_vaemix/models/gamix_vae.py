"""GAMIX-VAE: a VAE that treats the posteriors as one mixture and matches only its moments to the prior."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_vaemix.core.batch import Terms
from keras_vaemix.core.blocks import batch_size_for
from keras_vaemix.core.hints import Array, Network
from keras_vaemix.core.part import register, require, require_kind, require_networks
from keras_vaemix.core.progress import progress
from keras_vaemix.core.seeds import fold_in
from keras_vaemix.likelihoods import Likelihood
from keras_vaemix.models.base.one_level import OneLevelModel
from keras_vaemix.models.base.step import Update
from keras_vaemix.posteriors import DiagonalNormal, Posterior
from keras_vaemix.priors import Prior
from keras_vaemix.regularizers.adversarial import AdversarialLoss, LeastSquares, Wasserstein
from keras_vaemix.regularizers.moments import AggregateMoments, TotalMoments


@register
class GAMIXVAE(OneLevelModel):
    r"""VAE with the global posterior :math:`q(z) = \frac1b \sum_i N(\mu_i, \sigma_i^2)`; it minimises (eq. 13)

    .. math:: \beta_1 KL(N(\bar\mu, \bar\sigma^2) \| N(0, I)) + \beta_2 \frac1b \sum_i KL_{11}(\sigma_i^2)
        - \frac1b \sum_i E_{q_i} \log p(x_i|z) + \lambda L_{adv}

    with moments over the examples of all replicas. This is **not** an ELBO: it does not penalise what a code tells about its own
    example. `evaluate` reports it as the loss, without the adversarial term; the ELBO and `estimate_log_likelihood` are those of
    p(z) p(x|z) with the prior used for sampling: N(0, I) as in the paper, or a `FittedMixture`, which `fit_prior` fits to the aggregate
    posterior over the training set.

    Args:
        encoder: Network from examples [B, *] to means and log-variances, [B, 2 D].
        decoder: Network from latents [B, D] to the likelihood's parameters.
        prior: `StandardNormal(D)` or `FittedMixture(D, K)`.
        likelihood: `Laplace(scale)` in the paper, with :math:`\beta_3` = 1 / scale (eq. 12 with the sign that maximises the likelihood).
        discriminator: Network from examples to scores of patches [B, *, *, 1], or None.
        moments: `TotalMoments()` by default; `MeanMoments()` is the paper's, `EachPosterior()` the plain VAE.
        adversarial_loss: The discriminator's `AdversarialLoss`; `LeastSquares()` by default, not `Wasserstein`, which pairs real and fake.
        moment_weight: :math:`\beta_1`.
        variance_weight: :math:`\beta_2`.
        adversarial_weight: :math:`\lambda`.
        discriminate_samples: Whether the discriminator also sees as many decoded draws from the sampler as reconstructions. The paper's
            sees only reconstructions (Section 3.2), and so does not constrain latents between those of examples.
        memory: Weight m of earlier batches in the moments, in [0, 1), for small batches; gradients are those of the current batch alone.
        seed: Every draw is a function of this integer and of a counter kept as a weight.
        posterior: A `DiagonalNormal`, the default, whose limits apply to the log-variances.

    Raises:
        ValueError: A network does not fit, a weight is negative, or the memory is not in [0, 1).

    Reference: M. Rivera, *GAMIX-VAE: A VAE with Gaussian Mixture Based Posterior*, 2023.
    """

    couples_examples = True

    accompaniments = ()  # the losses see x alone

    def __init__(
        self,
        encoder: Network,
        decoder: Network,
        prior: Prior,
        likelihood: Likelihood,
        discriminator: Network | None = None,
        moments: AggregateMoments | None = None,
        adversarial_loss: AdversarialLoss | None = None,
        moment_weight: float = 1.0,
        variance_weight: float = 1.0,
        adversarial_weight: float = 0.1,
        memory: float = 0.0,
        discriminate_samples: bool = True,
        seed: int = 0,
        posterior: Posterior | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(encoder, decoder, prior, likelihood, posterior, seed=seed, **kwargs)
        require_kind("posterior", self.posterior, DiagonalNormal)
        self.discriminator, self.moments = discriminator, TotalMoments() if moments is None else moments
        self.adversarial_loss = LeastSquares() if adversarial_loss is None else adversarial_loss
        self.moment_weight, self.variance_weight, self.adversarial_weight = moment_weight, variance_weight, adversarial_weight
        self.memory, self.discriminate_samples = memory, discriminate_samples
        require_kind("moments", self.moments, AggregateMoments)
        require_kind("adversarial_loss", self.adversarial_loss, AdversarialLoss)
        weights = {"moment_weight": moment_weight, "variance_weight": variance_weight, "adversarial_weight": adversarial_weight}
        require(min(weights.values()) >= 0, "weights >= 0", **weights)
        require(0 <= memory < 1, "memory in [0, 1)", memory=memory)
        expected = "an adversarial_loss that needs no pairs of real and fake: LeastSquares, Hinge or NonSaturating"
        require(not isinstance(self.adversarial_loss, Wasserstein), expected, adversarial_loss=type(self.adversarial_loss).__name__)
        is_free = not prior.trainable_variables
        require(is_free, "a prior without trainable weights: StandardNormal or FittedMixture", prior=type(prior).__name__)
        if discriminator is not None:
            require_networks(discriminator=discriminator)
            shape = encoder.input_shape
            require(discriminator.input_shape == shape, f"discriminator with input shape {shape}", shape=discriminator.input_shape)
        d = prior.latent_dim
        self.running_mean = self.add_weight((d,), "zeros", name="running_mean", trainable=False, dtype="float32", aggregation="mean")
        self.running_variance = self.add_weight((d,), "ones", name="running_variance", trainable=False, dtype="float32", aggregation="mean")

    def check_batch_size(self, batch_size):
        require(batch_size >= 2, "a global batch of at least 2 examples, so that moments exist: raise batch_size", batch_size=batch_size)

    # Training.

    def default_optimizers(self):
        return {} if self.discriminator is None else {"discriminator": keras.optimizers.Adam(2e-4, 0.5, 0.999)}

    def updates(self):
        parts = (self.encoder, self.decoder, self.likelihood, self.posterior)
        variables = {"model": [variable for part in parts for variable in part.trainable_variables]}
        if self.discriminator is not None:
            variables["discriminator"] = self.discriminator.trainable_variables
        return [Update(variables, self.losses)]

    def metric_names(self):
        adversarial = [] if self.discriminator is None else ["adversarial", "discriminator_loss"]
        return ["loss", self.figure_name("reconstruction"), "moment_kl", "variance_kl", "aggregate_variance", *adversarial]

    def losses(self, batch, seed, training):
        """Returns the objective (eq. 13) over the batch, and the discriminator's loss on the same images.

        The validation loss has beta = 1 and no adversarial term, which cannot be compared between epochs.
        """
        x = batch.x
        mean, log_variance = self.mean_and_log_variance(self.encoder(x, training=training))
        variance = tf.exp(log_variance)
        center, spread, rest = self.global_moments(mean, variance, training)
        z, fresh = self.latents(mean, log_variance, center, spread + rest, fold_in(seed, 0))
        params = tf.cast(self.decoder(z, training=training), tf.float32)
        terms = {
            self.figure_name("reconstruction"): self.likelihood.log_prob(params[None], x, training)[0],  # [B]
            "moment_kl": self.moment_weight * self.moments.divergence(mean, variance, center, spread),
            "variance_kl": self.variance_weight * self.moments.variance_divergence(variance),
            "aggregate_variance": tf.reduce_mean(spread + rest),
        }
        beta = tf.convert_to_tensor(self.beta) if training else 1.0  # below one during a warm-up
        reconstruction = tf.reduce_mean(terms[self.figure_name("reconstruction")])
        loss = beta * (terms["moment_kl"] + terms["variance_kl"]) - reconstruction
        if self.discriminator is None:
            return {"model": Terms(loss, {"loss": loss, **terms})}
        fake = self.fake(params, fresh, training)
        discriminator = self._discriminator_terms(x, tf.stop_gradient(fake), fold_in(seed, 1), training)
        terms["adversarial"] = self.adversarial_weight * self.adversarial_loss.generator_loss(self.score(fake))
        loss += terms["adversarial"] if training else 0.0
        return {"model": Terms(loss, {"loss": loss, **terms}), "discriminator": discriminator}

    def fake(self, params, fresh, training):
        """Returns the images that the discriminator tells from examples: reconstructions, and decoded draws from the sampler."""
        image = self.likelihood.mean(params)
        if not self.discriminate_samples:
            return image
        samples = self.likelihood.mean(tf.cast(self.decoder(fresh, training=training), tf.float32))
        return tf.concat([image, samples], axis=0)

    def _discriminator_terms(self, x, fake, seed, training):
        """Returns the discriminator's loss for examples against the images `fake`; spectral norms are updated only in training."""
        score = self.score if training else lambda images, training: self.score(images)
        loss = self.adversarial_loss.critic_loss(score, x, fake, seed)
        return Terms(loss, {"discriminator_loss": loss})

    def mean_and_log_variance(self, params):
        """Returns means and log-variances of the posteriors, [B, D] each, in float32."""
        mean, log_variance = tf.split(tf.cast(params, tf.float32), 2, axis=-1)
        return mean, tf.clip_by_value(log_variance, *self.posterior.log_variance_limits)

    def global_moments(self, mean, variance, training):
        """Returns mean and variance [D] of the global posterior, with the memory of earlier batches, and the rest of the variance.

        They are the moments of a mixture of the memory, with weight m, and the batch: the variance includes that between their means.
        """
        m = self.memory
        if m == 0:
            return self.moments(mean, variance)
        earlier = tf.convert_to_tensor(self.running_mean), tf.convert_to_tensor(self.running_variance)
        center, spread, rest = self.moments(mean, variance, otherwise=earlier)
        apart = tf.square(earlier[0] - center)
        both = m * earlier[0] + (1 - m) * center, m * earlier[1] + (1 - m) * spread + m * (1 - m) * apart
        if training:
            self.running_mean.assign(tf.stop_gradient(both[0]))
            self.running_variance.assign(tf.stop_gradient(both[1]))
        return *(own + tf.stop_gradient(value - own) for own, value in zip((center, spread), both, strict=True)), rest

    def latents(self, mean, log_variance, center, spread, seed):
        """Returns draws from the posteriors (eq. 4), and as many from N(0, I) or from the normal with the aggregate's moments [D]."""
        noise, other = (tf.random.stateless_normal(tf.shape(mean), fold_in(seed, i)) for i in range(2))
        if self.prior.is_fitted_after_training:
            other = tf.stop_gradient(center + tf.sqrt(spread) * other)
        return mean + tf.exp(0.5 * log_variance) * noise, other

    def score(self, images, training=False):
        """Returns the discriminator's scores of patches, in float32; `training` is for its own update, which updates spectral norms."""
        return tf.cast(self.discriminator(images, training=training), tf.float32)

    # The sampler.

    def fit_prior(self, x, batch_size=None, verbose=0):
        r"""Fits a `FittedMixture` to the aggregate posterior over the training examples x [N, *].

        One component takes its moments, :math:`\mathrm{Cov}(\mu_i) + \mathrm{diag}\,E[\sigma_i^2]`; several are fitted to draws.

        Raises:
            ValueError: There are fewer than two examples, or fewer than components.
        """
        if not self.prior.is_fitted_after_training:
            return
        require(len(x) >= 2, "at least 2 training examples, so that moments exist", examples=len(x))
        if self.prior.num_components == 1:
            mean, variance = self._posterior_moments(x, batch_size, verbose)
            self.prior.set_moments(mean.mean(axis=0), np.atleast_2d(np.cov(mean, rowvar=False, bias=True)) + np.diag(variance.mean(axis=0)))
            return
        draws = []
        for start, (mean, log_variance) in self.posteriors(x, batch_size, verbose):
            noise = tf.random.stateless_normal(tf.shape(mean), [self.seed, start])
            draws.append(mean + tf.exp(0.5 * log_variance) * noise)
        self.prior.fit(tf.concat(draws, axis=0).numpy(), seed=self.seed)

    def aggregate_variance(self, x: Array, batch_size: int | None = None) -> np.ndarray:
        r"""Returns the variance [D] of the aggregate posterior over x [N, *], :math:`\mathrm{Var}(\mu_i) + E[\sigma_i^2]`."""
        mean, variance = self._posterior_moments(x, batch_size)
        return mean.var(axis=0) + variance.mean(axis=0)

    def _posterior_moments(self, x, batch_size, verbose=0):
        """Returns means and variances of the posteriors of x, [N, D] each, in float64."""
        params = [params for _, params in self.posteriors(x, batch_size, verbose)]
        mean, log_variance = (np.concatenate(part).astype("float64") for part in zip(*params, strict=True))
        return mean, np.exp(log_variance)

    def posteriors(self, x, batch_size, verbose=0):
        """Yields the first index, and the means and log-variances, of each batch of x [N, *]."""
        self.check(x)
        batch_size = batch_size_for(batch_size, self.example_shape, 500)
        for start in progress(range(0, len(x), batch_size), verbose, f"posteriors of {len(x)} examples"):
            batch = tf.cast(x[start : start + batch_size], tf.float32)
            yield start, self.mean_and_log_variance(self.encoder(batch, training=False))

    def sampled_by(self, prior):
        """Returns a GAMIX-VAE with the same encoder and decoder, another prior, and no discriminator."""
        names = ("encoder", "decoder", "likelihood", "posterior", "moments", "moment_weight", "variance_weight", "seed")
        return GAMIXVAE(prior=prior, **{name: getattr(self, name) for name in names})
