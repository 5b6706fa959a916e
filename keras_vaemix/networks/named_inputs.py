"""Networks that take more than x: a mask of what is observed, or a condition."""

import keras

from keras_vaemix.core.hints import Network, Shape
from keras_vaemix.core.part import require


def named_inputs(network: Network, **shapes: Shape) -> Network:
    """Returns a network with named inputs, which are joined at the last axis and passed through another network.

    Models pass to an encoder's inputs named `mask` and `condition` what accompanies x, and to a decoder's input named `condition` too.
    An input of fewer axes than the first, such as the condition of an image, is repeated over the others.

    Args:
        network: Network of one input, whose last axis has all of theirs.
        **shapes: Shape of one example of each input, by its name: `x=(30,), mask=(30,)`. The first is the examples, or the latents.

    Raises:
        ValueError: The shapes do not add up to that of the network's input.
    """
    inputs = [keras.Input(tuple(shape), name=name) for name, shape in shapes.items()]
    shape = tuple(inputs[0].shape[1:-1])
    expected = (*shape, sum(one.shape[-1] for one in inputs))
    require(network.input_shape[1:] == expected, f"network with inputs of shape {expected}", shape=network.input_shape[1:])
    return keras.Model(inputs, network(keras.layers.Concatenate()([spread(one, shape) for one in inputs])), name=network.name)


def spread(h, shape):
    """Returns inputs [B, *, C] with the axes `shape` before the last: themselves, or vectors [B, C] repeated over these axes."""
    if tuple(h.shape[1:-1]) == shape:
        return h
    return keras.ops.tile(keras.layers.Reshape((*[1] * len(shape), h.shape[-1]))(h), (1, *shape, 1))
