"""FactorVAE: a VAE that penalises the total correlation of its codes, which a discriminator estimates."""

from typing import Any

import keras
import tensorflow as tf

from keras_vaemix.core.batch import Batch, Terms
from keras_vaemix.core.hints import Network, Tensor
from keras_vaemix.core.part import register, require, require_networks
from keras_vaemix.core.replicas import global_sum, shuffled_columns
from keras_vaemix.core.seeds import fold_in
from keras_vaemix.core.stateless import without_state_updates
from keras_vaemix.likelihoods import Likelihood
from keras_vaemix.models.base.one_level import OneLevelModel
from keras_vaemix.models.base.step import Update
from keras_vaemix.objectives import Objective
from keras_vaemix.posteriors import Posterior
from keras_vaemix.priors import Prior
from keras_vaemix.regularizers.adversarial import NonSaturating


@register
class FactorVAE(OneLevelModel):
    r"""VAE that maximises :math:`ELBO - \gamma\,KL(q(z)\,\|\,\prod_d q(z_d))` (eq. 2), q(z) being the aggregate posterior.

    This total correlation is estimated by :math:`E_{q(z)} \log D(z) / (1 - D(z))`, where the discriminator D tells codes of the
    batch from permuted ones, each of whose dimensions is that of another code. A train step is one step of the VAE, then one of D
    (Algorithm 2). Both are made of the same global batch: where the paper takes permuted codes from a second batch, these are permuted
    draws from the same posteriors, independent of those that they are told from.

    The objective is **not** a bound if :math:`\gamma` is large and D poor, and is recorded as the loss; the ELBO is reported beside it.
    In validation the loss is without the correlation, which cannot be compared between epochs while D learns.

    Args:
        encoder: Network from examples [B, *] to `posterior.params_size(D)` outputs.
        decoder: Network from latents [B, D] to the likelihood's parameters.
        discriminator: Network from latents [B, D] to the logit of D, [B, 1], without batch normalisation; in the paper six layers of 1,000
            units with leaky ReLUs.
        prior: A `Prior` over D latents.
        likelihood: A `Likelihood`.
        posterior: A `Posterior` of one stratum; `DiagonalNormal()` by default.
        objective: The `Objective` from which the correlation is subtracted; `ELBO()` by default.
        weight: :math:`\gamma`; 10 to 40 in the paper.
        seed: Every draw is a function of this integer and of a counter kept as a weight.

    Raises:
        ValueError: A network does not fit, the posterior has several strata, or the weight is negative.

    Reference: H. Kim, A. Mnih, *Disentangling by Factorising*, 2018.
    """

    couples_examples = True

    def __init__(
        self,
        encoder: Network,
        decoder: Network,
        discriminator: Network,
        prior: Prior,
        likelihood: Likelihood,
        posterior: Posterior | None = None,
        objective: Objective | None = None,
        weight: float = 10.0,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(encoder, decoder, prior, likelihood, posterior, objective, seed, **kwargs)
        require(weight >= 0, "weight >= 0: it is the factor gamma of the total correlation", weight=weight)
        require_networks(discriminator=discriminator)
        self.discriminator, self.weight = discriminator, weight
        shapes, received = ((None, prior.latent_dim), (None, 1)), (discriminator.input_shape, discriminator.output_shape)
        require(received == shapes, f"a discriminator with input and output shapes {shapes}", shapes=received)
        expected = "posterior.num_strata == 1, so that draws come from q itself: choose SampledMixturePosterior"
        require(self.num_strata == 1, expected, num_strata=self.num_strata)

    def check_batch_size(self, batch_size):
        super().check_batch_size(batch_size)
        require(batch_size >= 2, "a global batch of at least 2 codes, which can be permuted: raise batch_size", batch_size=batch_size)

    def default_optimizers(self):
        """Returns the discriminator's optimizer from the paper."""
        return {"discriminator": keras.optimizers.Adam(1e-4, 0.5, 0.9)}

    def updates(self):
        parts = (self.encoder, self.decoder, self.prior, self.likelihood, self.posterior)
        own = [variable for part in parts for variable in part.trainable_variables]
        discriminator = Update({"discriminator": self.discriminator.trainable_variables}, self._discriminator_losses)
        return [Update({"model": own}, self.losses), discriminator]

    def metric_names(self):
        return [*super().metric_names(), "total_correlation", "discriminator_loss"]

    def losses(self, batch, seed, training):
        """Returns the negative objective over the batch, and its terms."""
        d = self.draws(batch, self.objective, seed, training)
        bound = self._bound_terms(batch, d, training)
        correlation = tf.reduce_mean(self.score(d.z[0]))
        penalty = self.weight * correlation if training else 0.0
        figures = {**bound.figures, "loss": bound.figures["loss"] + penalty, "total_correlation": correlation}
        return {"model": Terms(bound.total + penalty, figures)}

    def _discriminator_losses(self, batch: Batch, seed: Tensor, training: bool) -> dict[str, Terms]:
        """Returns half the discriminator's cross-entropy, as in Algorithm 2: its score is high for codes, low for permuted ones.

        It is zero for a single code, which may be left over in a last batch: permuted, it is a code all the same.
        """
        params = without_state_updates(self.encoder, batch.inputs_of(self.encoder))
        z, others = tf.unstack(tf.stop_gradient(self.posterior.draw(params, 2, fold_in(seed, 0))[0]))  # [B, D] each
        permuted = shuffled_columns(others, fold_in(seed, 1))
        can_permute = global_sum(tf.cast(tf.shape(z)[0], z.dtype)) >= 2.0
        loss = 0.5 * tf.where(can_permute, NonSaturating().critic_loss(self.score, z, permuted, fold_in(seed, 2)), 0.0)
        return {"discriminator": Terms(loss, {"discriminator_loss": loss})}

    def score(self, z: Tensor, training: bool = False) -> Tensor:
        r"""Returns :math:`\log D(z) / (1 - D(z))` for latents z [B, D], [B, 1] in float32."""
        return tf.cast(self.discriminator(z, training=training), tf.float32)
