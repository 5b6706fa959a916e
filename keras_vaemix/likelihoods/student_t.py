"""The Student t likelihood of real values with outliers."""

import math
from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core.part import register, require
from keras_vaemix.likelihoods.location_scale import LocationScale, check_scale

tfd = tfp.distributions


@register
class StudentT(LocationScale):
    r"""Student t with one learned scale, :math:`p(x|z) = \prod_i t_\nu((x_i - \mu_i(z)) / s) / s`, s a weight of the model.

    Args:
        initial_scale: Value of s before training, in the units of x.
        df: Degrees of freedom :math:`\nu` above 1, so that there is a mean; small is heavy-tailed.
    """

    def __init__(self, initial_scale: float = 1.0, df: float = 4.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require(df > 1 and math.isfinite(df), "finite df > 1", df=df)
        self.initial_scale, self.df = check_scale(initial_scale), df
        self.log_scale = self.add_weight((), keras.initializers.Constant(math.log(initial_scale)), name="log_scale", dtype="float32")

    def distribution(self, params):
        return tfd.StudentT(self.df, params, tf.exp(self.log_scale))

    def noise(self):
        return tfd.StudentT(self.df, 0.0, 1.0)
