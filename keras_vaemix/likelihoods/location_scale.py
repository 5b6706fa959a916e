"""What likelihoods share whose decoder gives only the mean."""

import math

import tensorflow_probability as tfp

from keras_vaemix.core.part import require
from keras_vaemix.likelihoods.base import Likelihood
from keras_vaemix.likelihoods.factors import Factor

tfd = tfp.distributions


class LocationScale(Likelihood):
    """Abstract: the decoder gives the mean of each value; the scale belongs to the likelihood."""

    has_raw_scale = True
    has_unbounded_params = False

    def mean(self, params):
        return params

    def noise(self):
        return tfd.Normal(0.0, 1.0)

    def draw(self, params, noise):
        p = self.distribution(params)
        return p.loc + p.scale * noise

    def factors(self, params):
        noise = self.noise()
        df = noise.parameters.get("df")
        scale = self.distribution(params).scale
        return [Factor(type(noise).__name__, {"scale": scale, **({} if df is None else {"df": df})})]


def check_scale(scale):
    require(scale > 0 and math.isfinite(scale), "a finite scale > 0", scale=scale)
    return scale
