"""The adversarial autoencoder, WAE-GAN: a critic tells codes from draws of the prior."""

import keras
import tensorflow as tf

from keras_vaemix.games import NonSaturating
from keras_vaemix.models.judged_autoencoder import JudgedAutoencoder
from keras_vaemix.part import register, require


@register
class AdversarialAutoencoder(JudgedAutoencoder):
    r"""Autoencoder that minimises :math:`E\,c(x, D(E(x))) + \lambda L_E`, with :math:`L_E` what its codes pay to a critic H.

    A step is one of encoder and decoder, then `critic_steps` of the critic, who tells codes from draws of the prior.

    Args:
        encoder: Network E from examples [B, *] to latents [B, D].
        decoder: Network D from latents [B, D] to what the cost takes.
        critic: Network H from latents [B, D] to a score [B, 1], without batch normalisation.
        prior: A `Prior` over D latents with nothing to train.
        cost: A `Cost` c.
        game: A `Game`; `NonSaturating()` by default.
        weight: :math:`\lambda`.
        critic_steps: Steps of the critic in a step.
        seed: Every draw is a function of this integer and of a counter kept as a weight.

    Raises:
        ValueError: A network does not fit, the weight is negative, or the critic takes no step.

    Reference: A. Makhzani et al., *Adversarial Autoencoders*, 2016; I. Tolstikhin et al., *Wasserstein Auto-Encoders*, 2018, Algorithm 1.
    """

    def __init__(self, encoder, decoder, critic, prior, cost, game=None, weight=10.0, critic_steps=1, seed=0, **kwargs):
        game = NonSaturating() if game is None else game
        super().__init__(encoder, decoder, critic, prior, cost, game, critic_steps, seed, **kwargs)
        require(weight >= 0, "weight >= 0: it is the factor lambda of the discrepancy", weight=weight)
        self.weight = weight
        self.finish()

    def default_players(self):
        """Returns the critic's optimizer as in the WAE's code."""
        return {"critic": keras.optimizers.Adam(5e-4, beta_1=0.5)}

    def updates(self):
        return [*super().updates(), self.critic_update()]

    def terms(self, x, z, training):
        discrepancy = self.weight * self.game.fooling_loss(self.score(z, training=training))
        return {"cost": self.mean_cost(x, z, training), "discrepancy": discrepancy}

    def match(self, x):
        return self.prior_draws(tf.shape(x)[0], self.next_seed()), self.codes(x)
