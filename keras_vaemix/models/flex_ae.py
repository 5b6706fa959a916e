"""FlexAE: an autoencoder whose prior is a generator, trained together with the codes to match each other."""

from typing import Any

import keras
import tensorflow as tf

from keras_vaemix.core.batch import Batch, Terms
from keras_vaemix.core.hints import Array, Network, Tensor
from keras_vaemix.core.part import register, require, require_networks
from keras_vaemix.core.replicas import reversed_rows
from keras_vaemix.core.sampler import draw
from keras_vaemix.core.seeds import fold_in
from keras_vaemix.core.stateless import without_state_updates
from keras_vaemix.models.base.critic_autoencoder import CriticAutoencoder
from keras_vaemix.models.base.step import Update
from keras_vaemix.priors import Prior
from keras_vaemix.regularizers.adversarial import AdversarialLoss, Wasserstein
from keras_vaemix.regularizers.costs import Cost


@register
class FlexAE(CriticAutoencoder):
    r"""Autoencoder with a learned prior :math:`P_\psi = G(n)`: :math:`\inf E\,c(x, D(E(x))) + \lambda D_Z(Q \| P_\psi)`.

    A train step takes one step down each loss in turn, and `critic_steps` down the critic's:

    .. math::
        L_{AE} = E\,c(x, D(E(x))), \quad L_H = E\,H(E(x)) - E\,H(G(n)) + 10\,E(\|\nabla H\| - 1)^2, \quad
        L_G = E\,H(G(n)), \quad L_E = -E\,H(E(x)).

    They are the paper's with the critic's sign reversed. The paper's :math:`\lambda` is absorbed by the optimizers' learning rates.

    With an image critic I, as in the published code (FlexAE-SR), there are also :math:`L_I`, the Wasserstein loss between examples and
    decoded random mixtures of two codes, and :math:`L_S = -E\,I(D(\text{mixture}))`, which encoder and decoder minimise before G's step.
    Where that code draws another batch for each step of a critic, and a second one for the mixtures, here one batch serves a train step.

    Args:
        encoder: Network E from examples [B, *] to latents [B, D].
        decoder: Network D from latents [B, D] to the input of the cost.
        critic: Network H from latents [B, D] to a score [B, 1], without batch normalisation.
        generator: Network G from noise [B, D'] to latents [B, D], :math:`D' \ge D`.
        prior: A `Prior` of the noise, over D' dimensions.
        cost: A `Cost` c.
        image_critic: Network I from examples [B, *] to a score [B, 1], without batch normalisation, or None for no smoothing.
        adversarial_loss: `Wasserstein()` by default.
        critic_steps: Number of steps of each critic in a train step.
        seed: Every draw is a function of this integer and of a counter kept as a weight.

    Raises:
        ValueError: A network does not fit, the noise has fewer dimensions than the latents, or a critic takes no step.

    Reference: A. Mondal et al., *FlexAE: Flexibly Learning Latent Priors for Wasserstein Auto-Encoders*, 2021, and their code.
    """

    def __init__(
        self,
        encoder: Network,
        decoder: Network,
        critic: Network,
        generator: Network,
        prior: Prior,
        cost: Cost,
        image_critic: Network | None = None,
        adversarial_loss: AdversarialLoss | None = None,
        critic_steps: int = 5,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        adversarial_loss = Wasserstein() if adversarial_loss is None else adversarial_loss
        super().__init__(encoder, decoder, critic, prior, cost, adversarial_loss, critic_steps, seed, **kwargs)
        require_networks(generator=generator, **({} if image_critic is None else {"image_critic": image_critic}))
        self.generator, self.image_critic = generator, image_critic
        shape = (None, prior.latent_dim)
        require(generator.input_shape == shape, f"a generator with the input shape {shape} of the noise", shape=generator.input_shape)
        size = self.latent_dim()
        require(prior.latent_dim >= size, f"noise of at least {size} dimensions, as many as latents", latent_dim=prior.latent_dim)
        if image_critic is not None:
            shapes, received = (encoder.input_shape, (None, 1)), (image_critic.input_shape, image_critic.output_shape)
            require(received == shapes, f"an image_critic with input and output shapes {shapes}", shapes=received)
        self._check_networks()

    def latent_dim(self):
        return self.generator.output_shape[-1]

    def default_optimizers(self):
        """Returns the published code's optimizers, whose autoencoder has Adam with rate 2e-4."""
        adam = keras.optimizers.Adam
        optimizers = {"critic": adam(1e-4, 0.0, 0.9), "generator": adam(2e-4, 0.0, 0.9), "encoder": adam(1e-5, 0.0, 0.9)}
        smooth = {"image_critic": adam(2e-4, 0.5, 0.9), "smoother": adam(2e-4, 0.5, 0.9)}
        return optimizers | smooth if self.image_critic is not None else optimizers

    def updates(self):
        (autoencoder,) = super().updates()
        smoothing = (
            [
                Update({"image_critic": self.image_critic.trainable_variables}, self._image_critic_losses, self.critic_steps),
                Update({"smoother": autoencoder.variables["model"]}, self._smoothing_losses),
            ]
            if self.image_critic is not None
            else []
        )
        generation = [Update({"generator": self.generator.trainable_variables}, self._generator_losses)] if self.generator.weights else []
        return [
            autoencoder,
            self._critic_update(),
            *smoothing,
            *generation,
            Update({"encoder": self.encoder.trainable_variables}, self._encoder_losses),
        ]

    def metric_names(self):
        smoothing = ["image_critic_loss", "smoothing_loss"] if self.image_critic is not None else []
        return [*super().metric_names(), *(["generator_loss"] if self.generator.weights else []), *smoothing]

    @property
    def has_clusters(self):
        return False

    def batch_responsibilities(self, x, num_samples, seed):
        expected = "a model whose prior is a density of codes: a FlexAE's components are of the noise that becomes codes"
        require(self.num_components == 1, expected, model=type(self).__name__, num_components=self.num_components)
        return super().batch_responsibilities(x, num_samples, seed)

    def terms(self, x, z, seed, training):
        return {"cost": self.costs(x, z, training)}

    def real(self, n, seed):
        """Returns draws of the learned prior in training mode, [n, D]."""
        noise, _ = draw(self.prior.sampler(), n, -1, seed)
        return tf.cast(self.generator(noise, training=True), tf.float32)

    def _generator_losses(self, batch: Batch, seed: Tensor, training: bool) -> dict[str, Terms]:
        """Returns the generator's loss, over as many draws as there are examples."""
        loss = self.adversarial_loss.real_side_loss(self.score(self.real(tf.shape(batch.x)[0], seed), training=True))
        return {"generator": Terms(loss, {"generator_loss": loss})}

    def _decoder_inputs(self, z, component, noise):
        return (tf.cast(self.generator(z, training=False), tf.float32),)

    # Smoothing.

    def mixed(self, x: Array, seed: Tensor) -> Tensor:
        """Returns decoded random mixtures of two codes of the batch, [B, *]."""
        z = self.codes(x)
        share = tf.random.stateless_uniform([tf.shape(x)[0], 1], fold_in(seed, 0))
        return self.cost.mean(without_state_updates(self.decoder, share * z + (1.0 - share) * reversed_rows(z)))

    def _score_of_images(self, x, training=False):
        """Returns the image critic's scores of images x [B, *], [B, 1] in float32."""
        return tf.cast(self.image_critic(x, training=training), tf.float32)

    def _image_critic_losses(self, batch: Batch, seed: Tensor, training: bool) -> dict[str, Terms]:
        """Returns the image critic's loss over the batch."""
        mixed = tf.stop_gradient(self.mixed(batch.x, seed))
        loss = self.adversarial_loss.critic_loss(self._score_of_images, batch.x, mixed, fold_in(seed, 1))
        return {"image_critic": Terms(loss, {"image_critic_loss": loss})}

    def _smoothing_losses(self, batch: Batch, seed: Tensor, training: bool) -> dict[str, Terms]:
        """Returns the generator loss of decoded mixtures of codes under the image critic."""
        loss = self.adversarial_loss.generator_loss(self._score_of_images(self.mixed(batch.x, seed), training=True))
        return {"smoother": Terms(loss, {"smoothing_loss": loss})}
