"""The variational mixture of posteriors."""

from keras_vaemix.core.part import register
from keras_vaemix.priors.pseudo_inputs import PseudoInputPrior


@register
class VampPrior(PseudoInputPrior):
    r"""Variational mixture of posteriors, :math:`p(z) = \sum_k \pi_k\, q(z|u_k)` with learned pseudo-inputs :math:`u_k`.

    The weights are uniform in the paper. Args as in `PseudoInputPrior`.

    Reference: J. Tomczak, M. Welling, *VAE with a VampPrior*, 2018, Eq. 9.
    """

    def components(self, encode):
        return self.encoded(encode)  # batch [K], event [D]
