"""FlexAE: an autoencoder whose prior is a trained generator that meets its codes half way."""

import keras
import tensorflow as tf

from keras_vaemix.games import Wasserstein
from keras_vaemix.models.autoencoding import at_rest
from keras_vaemix.models.judged_autoencoder import JudgedAutoencoder
from keras_vaemix.models.step import Update
from keras_vaemix.part import register, require
from keras_vaemix.replicas import reversed_rows
from keras_vaemix.seeds import fold_in


@register
class FlexAE(JudgedAutoencoder):
    r"""Autoencoder with a learned prior :math:`P_\psi = G(n)`: :math:`\inf E\,c(x, D(E(x))) + \lambda D_Z(Q \| P_\psi)`.

    A step is one of each loss in turn, `critic_steps` of the critic's:

    .. math::
        L_{AE} = E\,c(x, D(E(x))), \quad L_H = E\,H(E(x)) - E\,H(G(n)) + 10\,E(\|\nabla H\| - 1)^2, \quad
        L_G = E\,H(G(n)), \quad L_E = -E\,H(E(x)).

    It is the paper's game with the sign of the critic turned. Its :math:`\lambda` is in the players' learning rates.

    With an image critic I, as in the published code (FlexAE-SR), there are also :math:`L_I`, the Wasserstein game between examples and what
    random mixtures of two codes are decoded to, and :math:`L_S = -E\,I(D(\text{mixture}))`, a step of encoder and decoder before G.

    Args:
        encoder: Network E from examples [B, *] to latents [B, D].
        decoder: Network D from latents [B, D] to what the cost takes.
        critic: Network H from latents [B, D] to a score [B, 1], without batch normalisation.
        generator: Network G from noise [B, D'] to latents [B, D], :math:`D' \ge D`.
        prior: The `Prior` of the noise, over D' dimensions.
        cost: A `Cost` c.
        image_critic: Network I from examples [B, *] to a score [B, 1], without batch normalisation; None for no smoothing.
        game: `Wasserstein()` by default.
        critic_steps: Steps of each critic in a step.
        seed: Every draw is a function of this integer and of a counter kept as a weight.

    Raises:
        ValueError: A network does not fit, the noise has fewer dimensions than the latents, or a critic takes no step.

    Reference: A. Mondal et al., *FlexAE: Flexibly Learning Latent Priors for Wasserstein Auto-Encoders*, 2021, and their code.
    """

    def __init__(self, encoder, decoder, critic, generator, prior, cost, image_critic=None, game=None, critic_steps=5, seed=0, **kwargs):
        super().__init__(encoder, decoder, critic, prior, cost, Wasserstein() if game is None else game, critic_steps, seed, **kwargs)
        self.generator, self.image_critic = generator, image_critic
        shape = (None, prior.latent_dim)
        require(generator.input_shape == shape, f"a generator with the input shape {shape} of the noise", shape=generator.input_shape)
        size = self.latent_dim()
        require(prior.latent_dim >= size, f"noise of at least {size} dimensions, as many as latents", latent_dim=prior.latent_dim)
        if image_critic is not None:
            shapes, received = (encoder.input_shape, (None, 1)), (image_critic.input_shape, image_critic.output_shape)
            require(received == shapes, f"an image_critic with input and output shapes {shapes}", shapes=received)
        self.finish()

    def latent_dim(self):
        return self.generator.output_shape[-1]

    def default_players(self):
        """Returns the optimizers of the published code: against 2e-4 of the autoencoder's Adam. The smoother's rate is not published."""
        adam = keras.optimizers.Adam
        players = {"critic": adam(1e-4, 0.0, 0.9), "generator": adam(2e-4, 0.0, 0.9), "encoder": adam(1e-5, 0.0, 0.9)}
        smooth = {"image_critic": adam(2e-4, 0.5, 0.9), "smoother": adam(1e-5, 0.5, 0.9)}
        return players | smooth if self.image_critic is not None else players

    def updates(self):
        autoencoder = super().updates()
        smoothing = (
            [
                Update("image_critic", self.image_critic_loss, self.image_critic.trainable_variables, self.critic_steps),
                Update("smoother", self.smoothing_loss, autoencoder[0].variables),
            ]
            if self.image_critic is not None
            else []
        )
        generation = [Update("generator", self.generator_loss, self.generator.trainable_variables)] if self.generator.weights else []
        return [
            *autoencoder,
            self.critic_update(),
            *smoothing,
            *generation,
            Update("encoder", self.encoder_loss, self.encoder.trainable_variables),
        ]

    def metric_names(self):
        smoothing = ["image_critic_loss", "smoothing_loss"] if self.image_critic is not None else []
        return [*super().metric_names(), *(["generator_loss"] if self.generator.weights else []), *smoothing]

    def terms(self, x, z, training):
        return {"cost": self.mean_cost(x, z, training)}

    def match(self, x):
        return self.generated_codes(tf.shape(x)[0]), self.codes(x)

    def generated_codes(self, n):
        """Returns draws of the learned prior as in training, [n, D]."""
        noise, _ = self.mixture().sample(n, -1, self.next_seed())
        return tf.cast(self.generator(noise, training=True), tf.float32)

    def generator_loss(self, x):
        """Returns the loss of the prior over as many draws as there are examples, and records it."""
        loss = self.game.yielding_loss(self.score(self.generated_codes(tf.shape(x)[0]), training=True))
        self.record(generator_loss=loss)
        return loss

    def complete(self, z, component, noise):
        return (tf.cast(self.generator(z, training=False), tf.float32),)

    # Smoothing.

    def mixed(self, x):
        """Returns what random mixtures of two codes of the batch are decoded to, [B, *]."""
        z, seed = self.codes(x), self.next_seed()
        share = tf.random.stateless_uniform([tf.shape(x)[0], 1], fold_in(seed, 0))
        return self.cost.mean(at_rest(self.decoder, share * z + (1.0 - share) * reversed_rows(z)))

    def score_of_images(self, x, training=False):
        """Returns the image critic's scores of images x [B, *], [B, 1] in float32."""
        return tf.cast(self.image_critic(x, training=training), tf.float32)

    def image_critic_loss(self, x):
        """Returns the image critic's loss over the batch, and records it."""
        loss = self.game.critic_loss(self.score_of_images, x, tf.stop_gradient(self.mixed(x)), self.next_seed())
        self.record(image_critic_loss=loss)
        return loss

    def smoothing_loss(self, x):
        """Returns what decoded mixtures of codes pay to the image critic, and records it."""
        loss = self.game.fooling_loss(self.score_of_images(self.mixed(x), training=True))
        self.record(smoothing_loss=loss)
        return loss
