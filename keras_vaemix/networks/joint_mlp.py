"""Gated perceptrons with several inputs, such as two latents, an example and a latent, or a latent and its category."""

import math
from collections.abc import Sequence

import keras

from keras_vaemix.core.hints import Network, Shape
from keras_vaemix.core.part import check_positive, require
from keras_vaemix.networks.gated_mlp import GatedDense


def joint_gated_mlp(
    input_shapes: Sequence[Shape],
    output_shape: int | Shape,
    branch: Sequence[int] = (300,),
    hidden: Sequence[int] = (300,),
    kernel_initializer: str = "he_normal",
    name: str | None = None,
) -> Network:
    """Returns a perceptron that passes each input through its own gated layers, then all together through further ones.

    Args:
        input_shapes: Shape of one example of each input, without the batch; flattened inside.
        output_shape: Shape of one output; an integer means a vector.
        branch: Units of the gated layers of each input.
        hidden: Units of the gated layers after all inputs are joined.
        kernel_initializer: Any Keras initializer.
        name: Name of the model.

    Reference: J. Tomczak, M. Welling, *VAE with a VampPrior*, 2018, and their code's HVAE.
    """
    require(len(input_shapes) > 1, "input_shapes of at least two inputs", input_shapes=input_shapes)
    output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
    check_positive(**{f"branch[{i}]": units for i, units in enumerate(branch)}, **{f"hidden[{i}]": n for i, n in enumerate(hidden)})
    inputs = [keras.Input(tuple(shape)) for shape in input_shapes]
    branches = []
    for one in inputs:
        h = keras.layers.Flatten()(one) if len(one.shape) > 2 else one
        for units in branch:
            h = GatedDense(units, kernel_initializer=kernel_initializer)(h)
        branches.append(h)
    h = keras.layers.Concatenate()(branches)
    for units in hidden:
        h = GatedDense(units, kernel_initializer=kernel_initializer)(h)
    h = keras.layers.Dense(math.prod(output_shape), kernel_initializer=kernel_initializer)(h)
    outputs = keras.layers.Reshape(output_shape)(h) if len(output_shape) > 1 else h
    return keras.Model(inputs, outputs, name=name)
