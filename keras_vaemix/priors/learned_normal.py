"""A normal prior with learned mean and diagonal covariance."""

from typing import Any

import tensorflow_probability as tfp

from keras_vaemix.core.part import register
from keras_vaemix.priors.base import Prior
from keras_vaemix.priors.scales import initial_scale, softplus_scale

tfd = tfp.distributions


@register
class LearnedNormal(Prior):
    r"""Normal with learned parameters, :math:`p(z) = N(m, \mathrm{diag}\,t^2)`.

    It adds nothing to `StandardNormal` if the encoder's last layer and the decoder's first layer are affine: they can absorb m and t.
    The CP-VAE paper's "CP1" (Eq. 15) is this model, so its gain over a VAE is not due to capacity.

    Args:
        latent_dim: Number of latent dimensions D.

    Reference: the CP-VAE paper, Eq. 15.
    """

    def __init__(self, latent_dim: int, **kwargs: Any) -> None:
        super().__init__(latent_dim, **kwargs)
        self.loc = self.add_weight((latent_dim,), "zeros", name="loc", dtype="float32")
        self.raw_scale = self.add_weight((latent_dim,), initial_scale(1.0), name="raw_scale", dtype="float32")

    def distribution(self, encode=None, training=False):
        return tfd.Independent(tfd.Normal(self.loc, softplus_scale(self.raw_scale)), 1)
