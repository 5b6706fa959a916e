"""The gated multi-layer perceptron of the VampPrior protocol."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_vaemix.core.hints import Network, Shape, Tensor
from keras_vaemix.core.part import check_positive, register
from keras_vaemix.networks.halves import halves


def gated(h):
    r"""Returns the first half of the last axis, gated by the second: :math:`h_1 \odot \sigma(h_2)`."""
    value, gate = tf.split(h, 2, axis=-1)
    return value * tf.sigmoid(gate)


@register
class GatedDense(keras.layers.Dense):
    r"""Dense layer with a gate, :math:`h = (W x + a) \odot \sigma(V x + c)`; W and V are one kernel, one matrix product.

    Args:
        units: Size of h.
        kernel_initializer: Any Keras initializer; W and V are each initialised at their own scale.
        **kwargs: Those of `keras.layers.Dense`.
    """

    def __init__(self, units: int, kernel_initializer: str = "glorot_uniform", **kwargs: Any) -> None:
        super().__init__(2 * units, kernel_initializer=halves(kernel_initializer), **kwargs)

    def call(self, inputs: Tensor) -> Tensor:
        return gated(super().call(inputs))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units // 2)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units // 2}


def gated_mlp(
    input_shape: Shape,
    output_shape: int | Shape,
    hidden: Sequence[int] = (300, 300),
    kernel_initializer: str = "he_normal",
    name: str | None = None,
) -> Network:
    """Returns a perceptron of `GatedDense` layers with a linear last layer.

    Args:
        input_shape: Shape of one example, without the batch; flattened inside.
        output_shape: Shape of one output; an integer means a vector.
        hidden: Units of each gated layer.
        kernel_initializer: `"he_normal"` (Tomczak & Welling's code) or `"glorot_uniform"` (the CP-VAE paper), or any Keras initializer.
        name: Name of the model.

    Reference: J. Tomczak, M. Welling, *VAE with a VampPrior*, 2018; Y. Dauphin et al.,
    *Language Modeling with Gated Convolutional Networks*, 2017.
    """
    output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
    check_positive(**{f"hidden[{i}]": units for i, units in enumerate(hidden)})
    inputs = keras.Input(tuple(input_shape))
    h = keras.layers.Flatten()(inputs) if len(input_shape) > 1 else inputs
    for units in hidden:
        h = GatedDense(units, kernel_initializer=kernel_initializer)(h)
    h = keras.layers.Dense(math.prod(output_shape), kernel_initializer=kernel_initializer)(h)
    outputs = keras.layers.Reshape(output_shape)(h) if len(output_shape) > 1 else h
    return keras.Model(inputs, outputs, name=name)
