"""MaskAAE: an adversarial autoencoder that learns how many latents it needs."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_vaemix.core.batch import Batch, Terms
from keras_vaemix.core.hints import Network, Tensor
from keras_vaemix.core.part import register, require
from keras_vaemix.core.replicas import global_mean
from keras_vaemix.core.stateless import without_state_updates
from keras_vaemix.models.autoencoder import Autoencoder
from keras_vaemix.models.base.critic_autoencoder import CriticAutoencoder
from keras_vaemix.models.base.step import Update
from keras_vaemix.priors import Prior, StandardNormal
from keras_vaemix.regularizers.adversarial import AdversarialLoss, Wasserstein
from keras_vaemix.regularizers.costs import Cost

LAST_POLARITY = 2048.0
CODE_STEPS = 500_000  # train steps of a run of the paper's code


def clocks(latent_dim, num_steps=CODE_STEPS):
    r"""Returns `growth_steps` and `decay_steps` of the paper's code for D latents, R and 5 R, scaled to a run of `num_steps` steps.

    .. math:: R = \begin{cases} 75 & D \le 20 \\ \min(10000, \lfloor 1125\,D / 10 \rfloor) & D > 20 \end{cases}

    in the code, whose runs have 500,000 steps. Both are multiplied by `num_steps` / 500,000 and rounded, and are at least one.
    """
    growth = 75 if latent_dim <= 20 else min(10_000, math.floor(1125 * latent_dim / 10))
    return tuple(max(1, round(steps * num_steps / CODE_STEPS)) for steps in (growth, 5 * growth))


@register
class MaskAAE(CriticAutoencoder):
    r"""Adversarial autoencoder with a learned mask :math:`a = 1 - e^{-M}` on latents and prior: D(a z) of z = E(x), and a n of n ~ P.

    A train step takes one step down each loss in turn, and `critic_steps` down the critic's:

    .. math::
        L_{AE} &= E\,c(x, D(a z)) + v\,\mathrm{mean}_j\,\mathrm{Var}(z_j)\,e^{-10 a_j^2} \\
        L_H &= E\,H(a z) - E\,H(a n) + 10\,E (\|\nabla H\| - 1)^2, \qquad L_E = -E\,H(a z) \\
        L_M &= f\,E\,c(x, D(a z)) + \left(1 - (E\,H(a z) - E\,H(a n))\right)^2 + c_t \sum_j |a_j (1 - a_j)|

    where :math:`c_t = \min(2 / D \cdot 2^{\lfloor t / 4R \rfloor}, 2048)` polarises the mask. Samples, reconstructions and exports use
    only the latents with :math:`a_j \ge 0.1`. The paper's code divides the losses of autoencoder and mask by five after 5 R steps; here
    `default_optimizers` and `recipe_optimizer` divide their learning rates, since adaptive optimizers undo a scaling of the loss. Both
    clocks refer to the code's runs of 500,000 steps: for a shorter run, scale them by its length (`clocks`). The code draws a fresh batch
    for each of the eight updates in a step (one of the autoencoder, five of the critic, one each of encoder and mask); here they share one.

    Args:
        encoder: Network E from examples [B, *] to latents [B, D].
        decoder: Network D from latents [B, D] to the input of the cost.
        critic: Network H from latents [B, D] to a score [B, 1].
        prior: `StandardNormal(D)`, where D is the largest number of latents that the model may use.
        cost: A `Cost` c, in the paper the mean cross-entropy of a pixel.
        growth_steps: R, in steps: :math:`c_t` doubles every 4 R steps; if None, the code's for D latents.
        decay_steps: Steps after which the learning rates of autoencoder and mask fall to a fifth; if None, the code's for D latents.
        fidelity: Factor f of the cost in the mask's loss.
        masked_variance: Factor v of the variance of masked latents.
        threshold: Mask value from which a latent counts as active.
        adversarial_loss: `Wasserstein()` by default.
        critic_steps: Number of critic steps in a train step.
        seed: Every draw is a function of this integer and of a counter kept as a weight.

    Reference: A. Mondal et al., *MaskAAE: Latent Space Optimization for Adversarial Auto-Encoders*, 2020, and their code.
    """

    def __init__(
        self,
        encoder: Network,
        decoder: Network,
        critic: Network,
        prior: Prior,
        cost: Cost,
        growth_steps: int | None = None,
        fidelity: float = 1000.0,
        masked_variance: float = 100.0,
        threshold: float = 0.1,
        adversarial_loss: AdversarialLoss | None = None,
        critic_steps: int = 5,
        decay_steps: int | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        adversarial_loss = Wasserstein() if adversarial_loss is None else adversarial_loss
        super().__init__(encoder, decoder, critic, prior, cost, adversarial_loss, critic_steps, seed, **kwargs)
        require(isinstance(prior, StandardNormal), "StandardNormal as prior", prior=type(prior).__name__)
        for name, steps in {"growth_steps": growth_steps, "decay_steps": decay_steps}.items():
            require(steps is None or steps >= 1, f"{name} of at least 1, or None", **{name: steps})
        require(fidelity >= 0 and masked_variance >= 0, "weights >= 0", fidelity=fidelity, masked_variance=masked_variance)
        require(0 < threshold < 1, "threshold in (0, 1)", threshold=threshold)
        self.growth_steps, self.decay_steps = growth_steps, decay_steps
        self.fidelity, self.masked_variance, self.threshold = fidelity, masked_variance, threshold
        self.raw_mask = self.add_weight(
            (self.latent_dim(),), keras.initializers.RandomUniform(0.0, 5.0, seed), name="mask", constraint="non_neg", dtype="float32"
        )
        self._check_networks()

    # The mask.

    def histograms(self):
        return {"mask": self.soft_mask()}

    def soft_mask(self) -> Tensor:
        """Returns a, [D]."""
        return 1.0 - tf.exp(-tf.convert_to_tensor(self.raw_mask))

    def mask(self) -> Tensor:
        """Returns a with values below the threshold set to zero, [D], as used for samples and reconstructions."""
        a = self.soft_mask()
        return tf.where(a >= self.threshold, a, 0.0)

    def active_dimensions(self) -> np.ndarray:
        """Returns the indices of the latents that are not masked."""
        return np.flatnonzero(self.mask())

    def polarity(self) -> Tensor:
        """Returns :math:`c_t`."""
        growth = self.growth_steps or clocks(self.latent_dim())[0]
        doublings = tf.cast(tf.convert_to_tensor(self.steps_done) // (4 * growth), tf.float32)
        return tf.minimum(2.0 / self.latent_dim() * 2.0 ** tf.minimum(doublings, 30.0), LAST_POLARITY)

    # Training.

    def recipe_optimizer(self):
        """Returns the paper's optimizer for autoencoder and mask: RMSprop whose rate falls to a fifth after `decay_steps`."""
        rate = keras.optimizers.schedules.PiecewiseConstantDecay([self.decay_steps or clocks(self.latent_dim())[1]], [5e-4, 1e-4])
        return keras.optimizers.RMSprop(rate, epsilon=1e-10)

    def default_optimizers(self):
        critic, encoder = (keras.optimizers.RMSprop(1e-4, epsilon=1e-10) for _ in range(2))
        return {"critic": critic, "encoder": encoder, "mask": self.recipe_optimizer()}

    def updates(self):
        return [
            *super().updates(),
            self._critic_update(),
            Update({"encoder": self.encoder.trainable_variables}, self._encoder_losses),
            Update({"mask": [self.raw_mask]}, self._mask_losses),
        ]

    def metric_names(self):
        return [*super().metric_names(), "masked_variance", "mask_loss", "active_dimensions"]

    def terms(self, x, z, seed, training):
        a = self.soft_mask()
        spread = tf.reduce_mean(tf.square(z - global_mean(z, axis=0)), axis=0)  # [D]
        variance = tf.reduce_mean(spread * tf.exp(-10.0 * tf.square(a)))
        return {"cost": self.costs(x, z, training), "masked_variance": self.masked_variance * variance}

    def real(self, n, seed):
        return self.soft_mask() * self.prior_draws(n, seed)

    def fake(self, x):
        return self.soft_mask() * self.codes(x)

    def _mask_losses(self, batch: Batch, seed: Tensor, training: bool) -> dict[str, Terms]:
        """Returns the loss of the mask over the batch."""
        x = batch.x
        a, z = self.soft_mask(), tf.stop_gradient(self.codes(x))
        draws = self.prior_draws(tf.shape(x)[0], seed)
        difference = global_mean(self.score(a * z) - self.score(a * draws))  # squared below
        cost = tf.reduce_mean(self.cost(x, without_state_updates(self.decoder, a * z)))
        loss = self.fidelity * cost + tf.square(1.0 - difference) + self.polarity() * tf.reduce_sum(tf.abs(a * (1.0 - a)))
        active = tf.reduce_sum(tf.cast(a >= self.threshold, tf.float32))
        return {"mask": Terms(loss, {"mask_loss": loss, "active_dimensions": active})}

    def decoder_params(self, z, training=False):
        return super().decoder_params(z * (self.soft_mask() if training else self.mask()), training)

    # Without the masked latents.

    def export_model(self):
        return self.pruned()

    def pruned(self):
        """Returns an `Autoencoder` with only the active latents, which gives the same samples and reconstructions.

        Raises:
            ValueError: No latent is active.
        """
        active, m = self.active_dimensions(), self.latent_dim()
        require(len(active) > 0, f"a latent with a mask of at least {self.threshold}: train longer", mask=self.soft_mask().numpy())
        choice = np.eye(m, dtype="float32")[:, active]  # [D, A]
        inputs, z = keras.Input(self.example_shape), keras.Input((len(active),))
        encoder = keras.Model(inputs, constant_map(choice)(self.encoder(inputs)))
        decoder = keras.Model(z, self.decoder(constant_map((choice * self.mask().numpy()[:, None]).T)(z)))
        return Autoencoder(encoder, decoder, StandardNormal(len(active)), self.cost, seed=self.seed)


def constant_map(matrix):
    """Returns an untrained layer that multiplies by a matrix."""
    layer = keras.layers.Dense(matrix.shape[1], use_bias=False, trainable=False, dtype="float32")
    layer.build((None, matrix.shape[0]))
    layer.set_weights([matrix])
    return layer
