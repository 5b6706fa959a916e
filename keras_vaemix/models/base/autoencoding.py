"""What deterministic autoencoders share: a cost, a prior to sample, and the step of encoder and decoder."""

import abc
from typing import Any

import tensorflow as tf

from keras_vaemix.core.batch import Batch, Terms
from keras_vaemix.core.hints import Array, Network, Tensor
from keras_vaemix.core.part import require, require_kind, require_networks
from keras_vaemix.models.base.generative import GenerativeModel
from keras_vaemix.models.base.squashed import warn_of_bounded_outputs
from keras_vaemix.models.base.step import Update
from keras_vaemix.priors import Prior
from keras_vaemix.regularizers.costs import Cost


class AutoencodingModel(GenerativeModel):
    """Abstract: latents z = E(x), reconstructions D(z), and a prior whose draws D decodes to samples. Subclasses implement `terms`.

    Args:
        encoder: Network E from examples [B, *] to latents [B, D].
        decoder: Network D from latents [B, D] to the input of the cost.
        prior: A `Prior` that needs no encoder.
        cost: A `Cost`.
        seed: Every draw is a function of this integer and of a counter kept as a weight.
    """

    def __init__(self, encoder: Network, decoder: Network, prior: Prior, cost: Cost, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        require_kind("prior", prior, Prior)
        require_kind("cost", cost, Cost)
        require_networks(encoder=encoder, decoder=decoder)
        self.encoder, self.decoder, self.prior, self.cost = encoder, decoder, prior, cost
        self.built = True

    def _check_networks(self) -> None:
        """Raises `ValueError` unless encoder, decoder and prior fit together; warns if an activation bounds the logits."""
        shape = (None, self.latent_dim())
        for what, received in (("encoder with output", self.encoder.output_shape), ("decoder with input", self.decoder.input_shape)):
            require(received == shape, f"{what} shape {shape}", shape=received)
        shape = self.encoder.input_shape
        require(self.decoder.output_shape == shape, f"decoder with output shape {shape}", shape=self.decoder.output_shape)
        warn_of_bounded_outputs(self.decoder, self.cost)
        expected = "a prior that is not made of posteriors: a deterministic encoder has none"
        require(not self.prior.needs_encoder, expected, prior=type(self.prior).__name__)
        expected = "a prior without trainable weights, which nothing here would train: a fixed one or a FittedMixture"
        require(not self.prior.trainable_variables, expected, prior=type(self.prior).__name__)

    # What a subclass implements.

    @abc.abstractmethod
    def terms(self, x: Array, z: Tensor, seed: Tensor, training: bool) -> dict[str, Tensor]:
        """Returns the terms of the objective of encoder and decoder by name, for x [B, *] and z = E(x) [B, D].

        Each is [B], or a mean over the batch.
        """

    def latent_dim(self) -> int:
        """Returns the number of latents D."""
        return self.prior.latent_dim

    # Training.

    def updates(self):
        return [Update({"model": self.encoder.trainable_variables + self.decoder.trainable_variables}, self.losses)]

    def metric_names(self):
        return ["loss", "cost"]

    def losses(self, batch: Batch, seed: Tensor, training: bool) -> dict[str, Terms]:
        """Returns the objective of encoder and decoder over the batch, and its terms."""
        terms = self.terms(batch.x, self.latents(batch.x, training), seed, training)
        total = sum(batch.mean(term) if term.shape.rank else term for term in terms.values())
        return {"model": Terms(total, {"loss": self._reported_loss(terms, training), **terms})}

    def _reported_loss(self, terms, training):
        """Returns the value recorded as the loss."""
        return sum(terms.values())

    def costs(self, x: Array, z: Tensor, training: bool) -> Tensor:
        """Returns the cost [B] of the reconstructions of x from latents z [B, D]."""
        return self.cost(x, self.decoder_params(z, training))

    def prior_draws(self, n: int, seed: Tensor) -> Tensor:
        """Returns n draws from the prior, [n, D]; `seed` is stateless, [2]."""
        return self.draw(self.sampler(), n, -1, seed)[0][0]

    def latents(self, x: Array, training: bool = False) -> Tensor:
        """Returns E(x), [B, D] in float32."""
        return tf.cast(self.encoder(x, training=training), tf.float32)

    def decoder_params(self, z: Tensor, training: bool = False) -> Tensor:
        """Returns the decoder's output for latents z [B, D], in float32."""
        return tf.cast(self.decoder(z, training=training), tf.float32)

    # What sampling, pictures and export use.

    @property
    def support(self):
        return self.cost.support

    @property
    def example_shape(self):
        return self.encoder.input_shape[1:]

    @property
    def latent_sizes(self):
        return {"z": self.latent_dim()}

    @property
    def num_components(self):
        return self.prior.num_components

    def check(self, x, name="x"):
        self.cost.check(x, self.example_shape, name)

    def batch_latent_means(self, x):
        return self.latents(x)

    def posterior_parameters(self, x):
        return {"z": self.latents(x)}

    def decode(self, z):
        """Returns the examples [B, *] decoded from latents z [B, D]."""
        return self.cost.mean(self.decoder_params(z))

    def call(self, x: Array) -> Tensor:
        """Returns the reconstruction of x."""
        return self.decode(self.latents(x))

    def sampler(self):
        return self.prior.sampler()

    def batch_responsibilities(self, x, num_samples, seed):
        """Returns p(k|z) at z = E(x), [B, K]."""
        return self.prior.responsibilities(self.latents(x))
