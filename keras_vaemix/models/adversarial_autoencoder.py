"""The adversarial autoencoder, WAE-GAN, whose critic tells codes from draws of the prior."""

import keras

from keras_vaemix.core.part import register, require
from keras_vaemix.models.base.critic_autoencoder import CriticAutoencoder
from keras_vaemix.regularizers.adversarial import NonSaturating


@register
class AdversarialAutoencoder(CriticAutoencoder):
    r"""Autoencoder that minimises :math:`E\,c(x, D(E(x))) + \lambda L_E`, :math:`L_E` being the generator loss of a critic H.

    A train step is one step of encoder and decoder, then `critic_steps` of the critic, which tells codes from draws of the prior.

    Args:
        encoder: Network E from examples [B, *] to latents [B, D].
        decoder: Network D from latents [B, D] to the input of the cost.
        critic: Network H from latents [B, D] to a score [B, 1], without batch normalisation.
        prior: A `Prior` over D latents without trainable weights.
        cost: A `Cost` c.
        adversarial_loss: An `AdversarialLoss`; `NonSaturating()` by default.
        weight: :math:`\lambda`.
        critic_steps: Number of critic steps in a train step.
        seed: Every draw is a function of this integer and of a counter kept as a weight.

    Raises:
        ValueError: A network does not fit, the weight is negative, or the critic takes no step.

    Reference: A. Makhzani et al., *Adversarial Autoencoders*, 2016; I. Tolstikhin et al., *Wasserstein Auto-Encoders*, 2018, Algorithm 1.
    """

    def __init__(self, encoder, decoder, critic, prior, cost, adversarial_loss=None, weight=10.0, critic_steps=1, seed=0, **kwargs):
        adversarial_loss = NonSaturating() if adversarial_loss is None else adversarial_loss
        super().__init__(encoder, decoder, critic, prior, cost, adversarial_loss, critic_steps, seed, **kwargs)
        require(weight >= 0, "weight >= 0: it is the factor lambda of the discrepancy", weight=weight)
        self.weight = weight
        self.check_networks()

    def default_optimizers(self):
        """Returns the critic's optimizer from the WAE code."""
        return {"critic": keras.optimizers.Adam(5e-4, beta_1=0.5)}

    def updates(self):
        return [*super().updates(), self.critic_update()]

    def terms(self, x, z, seed, training):
        discrepancy = self.weight * self.adversarial_loss.generator_loss(self.score(z, training=training))
        return {"cost": self.costs(x, z, training), "discrepancy": discrepancy}
