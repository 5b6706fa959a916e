"""The plain multi-layer perceptron."""

import math
from collections.abc import Sequence

import keras

from keras_vaemix.core.hints import Network, Shape
from keras_vaemix.core.part import check_positive


def mlp(
    input_shape: Shape,
    output_shape: int | Shape,
    hidden: Sequence[int] = (64, 64),
    activation: str = "tanh",
    skip: bool = False,
    name: str | None = None,
) -> Network:
    """Returns a perceptron of dense layers with a linear last layer.

    Args:
        input_shape: Shape of one example, without the batch; flattened inside.
        output_shape: Shape of one output; an integer means a vector.
        hidden: Units of each hidden layer.
        activation: Any Keras activation for the hidden layers.
        skip: Whether the last layer sees the input too, as in Dai & Wipf's second stage.
        name: Name of the model.
    """
    output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
    check_positive(**{f"hidden[{i}]": units for i, units in enumerate(hidden)})
    inputs = keras.Input(tuple(input_shape))
    flat = h = keras.layers.Flatten()(inputs) if len(input_shape) > 1 else inputs
    for units in hidden:
        h = keras.layers.Dense(units, activation)(h)
    h = keras.layers.Dense(math.prod(output_shape))(keras.layers.Concatenate()([flat, h]) if skip else h)
    return keras.Model(inputs, keras.layers.Reshape(output_shape)(h) if len(output_shape) > 1 else h, name=name)


def start_near_zero(network):
    """Multiplies the weights of a network's last layer by 0.01, and returns the network, whose outputs then start near zero."""
    last = [layer for layer in network.layers if layer.weights][-1]
    last.set_weights([0.01 * weight for weight in last.get_weights()])
    return network
