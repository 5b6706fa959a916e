"""What autoencoders share whose critic tells codes of examples from draws of the prior."""

from typing import Any

import tensorflow as tf

from keras_vaemix.core.batch import Batch, Terms
from keras_vaemix.core.hints import Array, Network, Tensor
from keras_vaemix.core.part import check_positive, require, require_kind, require_networks
from keras_vaemix.core.seeds import fold_in
from keras_vaemix.core.stateless import without_state_updates
from keras_vaemix.models.base.autoencoding import AutoencodingModel
from keras_vaemix.models.base.step import Update
from keras_vaemix.priors import Prior
from keras_vaemix.regularizers.adversarial import AdversarialLoss
from keras_vaemix.regularizers.costs import Cost


class CriticAutoencoder(AutoencodingModel):
    """Abstract: an autoencoder with a critic H that scores draws of the prior high and codes of examples low.

    Args:
        encoder: Network E from examples [B, *] to latents [B, D].
        decoder: Network D from latents [B, D] to the input of the cost.
        critic: Network H from latents [B, D] to a score [B, 1], without batch normalisation.
        prior: A `Prior` without trainable weights, known before training.
        cost: A `Cost` c.
        adversarial_loss: An `AdversarialLoss`.
        critic_steps: Number of critic steps in a train step.
        seed: Every draw is a function of this integer and of a counter kept as a weight.
    """

    def __init__(
        self,
        encoder: Network,
        decoder: Network,
        critic: Network,
        prior: Prior,
        cost: Cost,
        adversarial_loss: AdversarialLoss,
        critic_steps: int,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(encoder, decoder, prior, cost, seed, **kwargs)
        require_kind("adversarial_loss", adversarial_loss, AdversarialLoss)
        require_networks(critic=critic)
        self.critic, self.adversarial_loss, self.critic_steps = critic, adversarial_loss, critic_steps

    def _check_networks(self):
        check_positive(critic_steps=self.critic_steps)
        is_known = not self.prior.is_fitted_after_training
        require(is_known, "a prior that is known before training, since the critic compares codes with it", prior=type(self.prior).__name__)
        require(not self.prior.trainable_variables, "a prior without trainable weights", prior=type(self.prior).__name__)
        expected = (None, self.latent_dim()), (None, 1)
        received = self.critic.input_shape, self.critic.output_shape
        require(received == expected, f"a critic with input and output shapes {expected}", shapes=received)
        super()._check_networks()

    def real(self, n, seed):
        """Returns n draws of the prior as the critic sees them, [n, D]."""
        return self.prior_draws(n, seed)

    def fake(self, x: Array) -> Tensor:
        """Returns the codes of x as the critic sees them, [B, D]."""
        return self.codes(x)

    def metric_names(self):
        return [*super().metric_names(), "discrepancy", "critic_loss"]

    def _critic_update(self):
        """Returns the `Update` of the critic."""
        return Update({"critic": self.critic.trainable_variables}, self._critic_losses, self.critic_steps, self._coded)

    def _coded(self, batch):
        """Returns the batch with its codes [B, D] as x."""
        return batch._replace(x=tf.stop_gradient(self.fake(batch.x)))

    def _critic_losses(self, batch: Batch, seed: Tensor, training: bool) -> dict[str, Terms]:
        """Returns the critic's loss over a batch of codes."""
        real = self.real(tf.shape(batch.x)[0], fold_in(seed, 0))
        loss = self.adversarial_loss.critic_loss(self.score, tf.stop_gradient(real), batch.x, fold_in(seed, 1))
        return {"critic": Terms(loss, {"critic_loss": loss})}

    def _encoder_losses(self, batch: Batch, seed: Tensor, training: bool) -> dict[str, Terms]:
        """Returns the encoder's adversarial loss, which rewards codes that the critic takes for draws of the prior."""
        loss = self.adversarial_loss.generator_loss(self.score(self.fake(batch.x), training=True))
        return {"encoder": Terms(loss, {"discrepancy": loss})}

    def _reported_loss(self, terms, training):
        """Returns the objective, or only the cost in validation: the critic is trained too, so its scores do not compare over epochs."""
        return sum(terms.values()) if training else terms["cost"]

    def score(self, z: Tensor, training: bool = False) -> Tensor:
        """Returns the critic's scores of latents z [B, D], [B, 1] in float32."""
        return tf.cast(self.critic(z, training=training), tf.float32)

    def codes(self, x):
        """Returns E(x) in training mode, for updates of other networks than encoder and decoder."""
        return without_state_updates(self.encoder, x)
