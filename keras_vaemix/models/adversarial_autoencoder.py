"""The adversarial autoencoder, WAE-GAN, whose critic tells codes from draws of the prior."""

from typing import Any

import keras

from keras_vaemix.core.hints import Network
from keras_vaemix.core.part import register, require
from keras_vaemix.models.base.critic_autoencoder import CriticAutoencoder
from keras_vaemix.models.base.step import Update
from keras_vaemix.priors import Prior
from keras_vaemix.regularizers.adversarial import AdversarialLoss, NonSaturating
from keras_vaemix.regularizers.costs import Cost


@register
class AdversarialAutoencoder(CriticAutoencoder):
    r"""Autoencoder that minimises :math:`E\,c(x, D(E(x))) + \lambda L_E`, :math:`L_E` being the generator loss of a critic H.

    A train step is one step of encoder and decoder, then `critic_steps` of the critic, which tells codes from draws of the prior. With
    `two_phases` the first step is down the cost alone, and after the critic's the encoder takes one of its own down :math:`L_E`: the
    reconstruction and the regularization phase of the AAE paper. The optimizers' rates then take the place of :math:`\lambda`.

    Args:
        encoder: Network E from examples [B, *] to latents [B, D].
        decoder: Network D from latents [B, D] to the input of the cost.
        critic: Network H from latents [B, D] to a score [B, 1], without batch normalisation.
        prior: A `Prior` over D latents without trainable weights.
        cost: A `Cost` c.
        adversarial_loss: An `AdversarialLoss`; `NonSaturating()` by default.
        weight: :math:`\lambda`.
        critic_steps: Number of critic steps in a train step.
        two_phases: Whether the encoder steps down :math:`L_E` apart from the cost, by `compile(optimizers={"encoder": ...})`.
        seed: Every draw is a function of this integer and of a counter kept as a weight.

    Raises:
        ValueError: A network does not fit, the weight is negative, or the critic takes no step.

    Reference: A. Makhzani et al., *Adversarial Autoencoders*, 2016, Section 2; I. Tolstikhin et al., *Wasserstein Auto-Encoders*, 2018,
    Algorithm 1.
    """

    def __init__(
        self,
        encoder: Network,
        decoder: Network,
        critic: Network,
        prior: Prior,
        cost: Cost,
        adversarial_loss: AdversarialLoss | None = None,
        weight: float = 10.0,
        critic_steps: int = 1,
        two_phases: bool = False,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        adversarial_loss = NonSaturating() if adversarial_loss is None else adversarial_loss
        super().__init__(encoder, decoder, critic, prior, cost, adversarial_loss, critic_steps, seed, **kwargs)
        require(weight >= 0, "weight >= 0: it is the factor lambda of the discrepancy", weight=weight)
        self.weight, self.two_phases = weight, two_phases
        self._check_networks()

    def default_optimizers(self):
        """Returns the critic's optimizer from the WAE code, and one like it for an encoder with steps of its own."""
        names = ("critic", "encoder") if self.two_phases else ("critic",)
        return {name: keras.optimizers.Adam(5e-4, beta_1=0.5) for name in names}

    def updates(self):
        regularization = [Update({"encoder": self.encoder.trainable_variables}, self._encoder_losses)] if self.two_phases else []
        return [*super().updates(), self._critic_update(), *regularization]

    def terms(self, x, z, seed, training):
        if self.two_phases:
            return {"cost": self.costs(x, z, training)}
        discrepancy = self.weight * self.adversarial_loss.generator_loss(self.score(z, training=training))
        return {"cost": self.costs(x, z, training), "discrepancy": discrepancy}
