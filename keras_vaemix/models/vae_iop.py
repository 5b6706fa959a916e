"""The VAE with an implicit optimal prior, whose density ratio a classifier learns beside it."""

from typing import Any

import keras
import tensorflow as tf

from keras_vaemix.core.batch import Batch, Terms
from keras_vaemix.core.hints import Network, Tensor
from keras_vaemix.core.part import check_positive, register, require_kind
from keras_vaemix.core.sampler import draw
from keras_vaemix.core.seeds import fold_in
from keras_vaemix.core.stateless import without_state_updates
from keras_vaemix.likelihoods import Likelihood
from keras_vaemix.models.base.one_level import OneLevelModel
from keras_vaemix.models.base.step import Update
from keras_vaemix.objectives import Objective
from keras_vaemix.posteriors import Posterior
from keras_vaemix.priors import ImplicitPrior, Prior


@register
class VAEIOP(OneLevelModel):
    r"""VAE whose prior is the aggregate posterior :math:`q(z) = E\, q(z|x)`, by way of a learned density ratio.

    A train step is one step of encoder and decoder up the bound, with the prior :math:`\pi(z) e^{T(z)} / Z`, then `ratio_steps` of the
    ratio T, which minimises

    .. math:: -E_{q(z)} \log \sigma(T(z)) - E_{\pi(z)} \log(1 - \sigma(T(z))),

    so that :math:`T \to \log q(z) / \pi(z)`. The gradient of the bound for encoder and decoder is the paper's. Its value is lower by log Z,
    which the paper takes to be zero: without it there is neither a bound nor a log-likelihood. Both are estimates, because Z is estimated.

    The paper alternates one epoch of the VAE with ten of T, on all latents; here steps alternate. The divergence is estimated from the
    draws, not split into a closed form and the expectation of T.

    Args:
        encoder: Network from examples [B, *] to `posterior.params_size(D)` outputs.
        decoder: Network from latents [B, D] to the likelihood's parameters.
        prior: An `ImplicitPrior` over D latents.
        likelihood: A `Likelihood`.
        posterior: A `Posterior`; `DiagonalNormal()` by default.
        objective: The bound that training maximises; `ELBO()` by default.
        ratio_steps: Number of steps of T in a train step.
        seed: Every draw is a function of this integer and of a counter kept as a weight.

    Raises:
        ValueError: A network does not fit the parts, or the prior is another.

    Reference: H. Takahashi et al., *Variational Autoencoder with Implicit Optimal Priors*, 2019.
    """

    def __init__(
        self,
        encoder: Network,
        decoder: Network,
        prior: Prior,
        likelihood: Likelihood,
        posterior: Posterior | None = None,
        objective: Objective | None = None,
        ratio_steps: int = 10,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        require_kind("prior", prior, ImplicitPrior)
        super().__init__(encoder, decoder, prior, likelihood, posterior, objective, seed, **kwargs)
        check_positive(ratio_steps=ratio_steps)
        self.ratio_steps = ratio_steps

    def default_optimizers(self):
        """Returns the ratio's optimizer from the authors' code."""
        return {"ratio": keras.optimizers.Adam(1e-3)}

    def updates(self):
        parts = self.encoder, self.decoder, self.posterior, self.likelihood, self.prior.base
        own = [weight for part in parts for weight in part.trainable_variables]
        ratio = self.prior.features.trainable_variables + self.prior.last.trainable_variables
        return [Update({"model": own}, self.losses), Update({"ratio": ratio}, self._ratio_losses, self.ratio_steps, self._encoded)]

    def metric_names(self):
        return [*super().metric_names(), "ratio_loss"]

    def _encoded(self, batch):
        """Returns the batch with the parameters of its posteriors [B, P] as x."""
        return batch._replace(x=without_state_updates(self.encoder, batch.inputs_of(self.encoder)))

    def _ratio_losses(self, batch: Batch, seed: Tensor, training: bool) -> dict[str, Terms]:
        """Returns the loss of T on latents drawn from the posteriors with parameters `batch.x`, and as many draws of the base."""
        z, log_weight, _ = self.posterior.draw(batch.x, 1, fold_in(seed, 0))  # [S, B, D], [S, B]
        other, _ = draw(self.prior.base.sampler(), tf.shape(batch.x)[0], -1, fold_in(seed, 1))
        of_z, of_other = (
            self.prior.log_weight(tf.stop_gradient(one), fold_in(seed, i) if training else None) for i, one in ((2, z), (3, other))
        )
        loss = tf.reduce_sum(tf.stop_gradient(tf.exp(log_weight)) * tf.nn.softplus(-of_z), axis=0) + tf.nn.softplus(of_other)  # [B]
        return {"ratio": Terms(batch.mean(loss), {"ratio_loss": loss})}
