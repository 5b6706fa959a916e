"""The normal likelihood with a known scale."""

from typing import Any

import tensorflow_probability as tfp

from keras_vaemix.core.part import register
from keras_vaemix.likelihoods.location_scale import LocationScale, check_scale

tfd = tfp.distributions


@register
class Normal(LocationScale):
    r"""Normal with known scale, :math:`N(x; \mu(z), s^2 I)`.

    Args:
        scale: Standard deviation s, in the units of x.
    """

    def __init__(self, scale: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = check_scale(scale)

    def distribution(self, params):
        return tfd.Normal(params, self.scale)
