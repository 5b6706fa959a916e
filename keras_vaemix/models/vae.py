"""The variational autoencoder with any posterior, prior and likelihood."""

from keras_vaemix.core.part import register
from keras_vaemix.models.base.one_level import OneLevelModel


@register
class VAE(OneLevelModel):
    r"""Variational autoencoder, :math:`p(x, z) = p(x|z)\,p(z)` with posterior :math:`q(z|x)`.

    With an encoder and a decoder that have a further input named `condition`, it is a conditional VAE, :math:`p(x, z|y) = p(x|z, y)\,p(z)`
    with posterior :math:`q(z|x, y)`, or with :math:`p(z|y)` in a `ConditionalNormal`; see `docs/guides/conditioning.md`.

    A VAE with a learned normal, mixture or VampPrior, the beta-VAE and the IWAE are this class with different parts.

    Args:
        encoder: Network from examples [B, *] to `posterior.params_size(D)` outputs.
        decoder: Network from latents [B, D] to the likelihood's parameters.
        prior: A `Prior` over D latents.
        likelihood: A `Likelihood`.
        posterior: A `Posterior`; `DiagonalNormal()` by default.
        objective: The bound that training maximises; `ELBO()` by default.
        seed: Every draw is a function of this integer and of a counter kept as a weight.

    Raises:
        ValueError: The encoder's outputs do not fit the posterior, the decoder's inputs the prior, or its outputs the likelihood.

    Reference: D. Kingma, M. Welling, *Auto-Encoding Variational Bayes*, 2014; K. Sohn, H. Lee, X. Yan, *Learning Structured Output
    Representation using Deep Conditional Generative Models*, 2015.
    """

    accompaniments = ("mask", "condition")
