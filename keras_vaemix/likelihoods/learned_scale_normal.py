"""The normal likelihood with one learned scale."""

import math
from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core.part import register
from keras_vaemix.likelihoods.location_scale import LocationScale, check_scale

tfd = tfp.distributions


@register
class LearnedScaleNormal(LocationScale):
    r"""Normal with one learned scale, :math:`N(x; \mu(z), s^2 I)`, s a weight of the model.

    Args:
        initial_scale: Value of s before training.

    Reference: B. Dai, D. Wipf, *Diagnosing and Enhancing VAE Models*, 2019.
    """

    def __init__(self, initial_scale: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.initial_scale = check_scale(initial_scale)
        self.log_scale = self.add_weight((), keras.initializers.Constant(math.log(initial_scale)), name="log_scale", dtype="float32")

    def distribution(self, params):
        return tfd.Normal(params, tf.exp(self.log_scale))
