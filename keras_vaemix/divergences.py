"""How the KL divergence from posterior to prior is taken in the bound: one object, given to `ELBO`."""

from keras_vaemix.part import Part, register


@register
class ClosedForm(Part):
    """Exact KL(q || p) where TFP has it in closed form, else the Monte Carlo estimate from the draws."""

    def __call__(self, q, p):
        """Returns KL(q || p) [B] in nats, or None: estimate it from the draws."""
        try:
            return q.kl_divergence(p)
        except NotImplementedError:
            return None


@register
class MonteCarlo(Part):
    r"""Unbiased estimate :math:`\log q(z|x) - \log p(z)` of KL(q || p) from the draws that the bound uses anyway."""

    def __call__(self, q, p):
        """Returns None: estimate it from the draws."""
        return
