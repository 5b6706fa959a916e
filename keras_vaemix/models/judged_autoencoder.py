"""What autoencoders share in which a critic judges the latents."""

import abc

import tensorflow as tf

from keras_vaemix.models.autoencoding import AutoencodingModel, at_rest
from keras_vaemix.models.step import Update
from keras_vaemix.part import check_positive, require


class JudgedAutoencoder(AutoencodingModel):
    """Abstract: an autoencoder with a critic H, who tells draws of the prior (high) from codes of examples (low).

    Args:
        encoder: Network E from examples [B, *] to latents [B, D].
        decoder: Network D from latents [B, D] to what the cost takes.
        critic: Network H from latents [B, D] to a score [B, 1], without batch normalisation.
        prior: A `Prior` with nothing to train.
        cost: A `Cost` c.
        game: A `Game`.
        critic_steps: Steps of the critic in a step.
        seed: Every draw is a function of this integer and of a counter kept as a weight.
    """

    def __init__(self, encoder, decoder, critic, prior, cost, game, critic_steps, seed=0, **kwargs):
        super().__init__(encoder, decoder, prior, cost, seed, **kwargs)
        self.critic, self.game, self.critic_steps = critic, game, critic_steps

    def finish(self):
        check_positive(critic_steps=self.critic_steps)
        require(not self.prior.trainable_variables, "a prior with nothing to train", prior=type(self.prior).__name__)
        expected = (None, self.latent_dim()), (None, 1)
        received = self.critic.input_shape, self.critic.output_shape
        require(received == expected, f"a critic with input and output shapes {expected}", shapes=received)
        super().finish()

    @abc.abstractmethod
    def match(self, x):
        """Returns what the critic tells apart: as many draws of the prior as examples, and the codes of x, each [B, D]."""

    def metric_names(self):
        return [*super().metric_names(), "discrepancy", "critic_loss"]

    def critic_update(self):
        """Returns the moves of the critic."""
        return Update("critic", self.critic_loss, self.critic.trainable_variables, self.critic_steps)

    def critic_loss(self, x):
        """Returns the critic's loss over the batch and records it."""
        draws, codes = self.match(x)
        loss = self.game.critic_loss(self.score, tf.stop_gradient(draws), tf.stop_gradient(codes), self.next_seed())
        self.record(critic_loss=loss)
        return loss

    def encoder_loss(self, x):
        """Returns what the encoder pays to the critic for its codes, and records it."""
        loss = self.game.fooling_loss(self.score(self.match(x)[1], training=True))
        self.record(discrepancy=loss)
        return loss

    def judge(self, x):
        """Records every player's figures, and the cost alone as the loss: what critics say who are trained too tells nothing of epochs."""
        terms = self.terms(x, self.latents(x), False)
        self.record(loss=terms["cost"], **terms)
        for update in self.updates()[1:]:
            update.loss(x)

    def score(self, z, training=False):
        """Returns the critic's scores of latents z [B, D], [B, 1] in float32."""
        return tf.cast(self.critic(z, training=training), tf.float32)

    def codes(self, x):
        """Returns E(x) as in training, for the moves of others than encoder and decoder."""
        return at_rest(self.encoder, x)
