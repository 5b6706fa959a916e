"""A VAE whose mixture prior takes its own steps, of expectation maximisation, between those of the networks."""

from typing import Any

import keras
import tensorflow as tf

from keras_vaemix.core.batch import Batch, Terms
from keras_vaemix.core.hints import Network, Tensor
from keras_vaemix.core.part import register, require
from keras_vaemix.likelihoods import Likelihood
from keras_vaemix.models.base.one_level import OneLevelModel
from keras_vaemix.models.base.step import Update
from keras_vaemix.objectives import Objective
from keras_vaemix.posteriors import Posterior
from keras_vaemix.priors import MixturePrior, Prior


@register
class EmpiricalBayesVAE(OneLevelModel):
    r"""VAE that is trained in turn with its mixture prior, the VampPrior mixture model with a `VampPriorMixture`.

    A train step takes one step of the networks up the bound, with the prior held, and one of the prior, with the networks held, down

    .. math:: -\frac1B \sum_{ij} r_{ij} \left(\log \pi_j + E \log p_j(z_i)\right) - \frac1n \log p(\pi, \ldots), \quad z_i \sim q(z|x_i),

    where the responsibilities r are the softmax of the bracket, held constant: the E step of expectation maximisation, and a gradient step
    for its M step. The last term is the prior's `penalty`; in this model it is `prior_penalty` among the figures, a part of `prior_loss`,
    and no part of `loss`.

    The authors stop early by the NMI of validation data, which takes labels; `val_loss`, minus the ELBO, does without.

    Args:
        encoder: Network from examples [B, *] to `posterior.params_size(D)` outputs.
        decoder: Network from latents [B, D] to the likelihood's parameters.
        prior: A `MixturePrior` over D latents with trainable weights.
        likelihood: A `Likelihood`.
        posterior: A `Posterior`; `DiagonalNormal()` by default.
        objective: The bound that training maximises; `ELBO()` by default.
        seed: Every draw is a function of this integer and of a counter kept as a weight.

    Raises:
        ValueError: As in `VAE`, or the prior is not a mixture, or has nothing to train.

    Reference: A. Stirn, D. Knowles, *The VampPrior Mixture Model*, 2024, and their code.
    """

    def __init__(
        self,
        encoder: Network,
        decoder: Network,
        prior: Prior,
        likelihood: Likelihood,
        posterior: Posterior | None = None,
        objective: Objective | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        is_trained = isinstance(prior, MixturePrior) and prior.trainable_variables
        require(is_trained, "a mixture prior with trainable weights, such as VampPriorMixture", prior=type(prior).__name__)
        super().__init__(encoder, decoder, prior, likelihood, posterior, objective, seed, **kwargs)

    def default_optimizers(self):
        """Returns the prior's optimizer of the authors' code, which has the learning rate of the networks' too."""
        return {"prior": keras.optimizers.Adam(1e-4)}

    def updates(self):
        own = {id(variable) for variable in self.prior.trainable_variables}
        others = [variable for variable in self.trainable_variables if id(variable) not in own]
        return [Update({"model": others}, self.losses), Update({"prior": self.prior.trainable_variables}, self._prior_losses)]

    def penalty(self):
        """Returns None: the penalty belongs to the prior's own step."""

    def metric_names(self):
        penalty = [] if self.prior.penalty(self.encode) is None else ["prior_penalty"]
        return [*super().metric_names(), "prior_loss", *penalty]

    def _prior_losses(self, batch: Batch, seed: Tensor, training: bool) -> dict[str, Terms]:
        """Returns the objective of the prior's step, for fresh draws of the latents."""
        z, log_weight, _ = self.posterior.draw(self._posterior_params(batch), 1, seed)  # [S, B, D], [S, B]
        each = self.prior.expectation_loss(tf.stop_gradient(z), self.encode)  # [S, B]
        loss, penalty = tf.reduce_sum(tf.exp(log_weight) * each, axis=0), self.prior.penalty(self.encode)
        if penalty is None:
            return {"prior": Terms(batch.mean(loss), {"prior_loss": loss})}
        return {"prior": Terms(batch.mean(loss) + penalty, {"prior_loss": loss + penalty, "prior_penalty": penalty})}
