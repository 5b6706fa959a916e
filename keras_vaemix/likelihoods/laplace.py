"""The Laplace likelihood."""

from typing import Any

import tensorflow_probability as tfp

from keras_vaemix.core.part import register
from keras_vaemix.likelihoods.location_scale import LocationScale, check_scale

tfd = tfp.distributions


@register
class Laplace(LocationScale):
    r"""Laplace with known scale, :math:`\log p(x|z) = -\sum_i |x_i - \mu_i| / s - m \log 2s`.

    Args:
        scale: Scale s, in the units of x.
    """

    def __init__(self, scale: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = check_scale(scale)

    def distribution(self, params):
        return tfd.Laplace(params, self.scale)

    def noise(self):
        return tfd.Laplace(0.0, 1.0)
