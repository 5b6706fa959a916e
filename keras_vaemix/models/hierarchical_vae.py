"""The variational autoencoder with two levels of latents and any prior on the upper one."""

from keras_vaemix.core.part import register
from keras_vaemix.models.base.hierarchical import HierarchicalModel


@register
class HierarchicalVAE(HierarchicalModel):
    r"""Two-level VAE, :math:`p(z_2)\,p(z_1|z_2)\,p(x|z_1, z_2)` with posterior :math:`q(z_2|x)\,q(z_1|x, z_2)`.

    With a standard normal prior of z2 it is the HVAE, with a `VampPrior` the paper's HVP. The divergence of z1 given z2 is exact.

    ==========================  ============================  =================
    symbol                      meaning                       in code
    ==========================  ============================  =================
    :math:`q(z_2|x)`            posterior of the upper level  `top_encoder`
    :math:`q(z_1|x, z_2)`       posterior of the lower level  `encoder`
    :math:`p(z_2)`              prior of the upper level      `prior`
    :math:`p(z_1|z_2)`          prior of the lower level      `conditional`
    :math:`p(x|z_1, z_2)`       likelihood                    `decoder`, `likelihood`
    ==========================  ============================  =================

    Args:
        top_encoder: Network from examples [B, *] to 2 D2 outputs.
        encoder: Network from examples [B, *] and z2 [B, D2] to 2 D1 outputs.
        conditional: Network from z2 [B, D2] to 2 D1 outputs.
        decoder: Network from z1 [B, D1] and z2 [B, D2] to the likelihood's parameters.
        prior: A `Prior` over z2, whose components are those of the model.
        likelihood: A `Likelihood`.
        posterior: A `DiagonalNormal`, whose limits apply to every log-variance.
        objective: The bound that training maximises; `ELBO()` by default.
        seed: Every draw is a function of this integer and of a counter kept as a weight.

    Raises:
        ValueError: A network's inputs or outputs do not fit the others.

    Reference: J. Tomczak, M. Welling, *VAE with a VampPrior*, 2018, Section 3.
    """
