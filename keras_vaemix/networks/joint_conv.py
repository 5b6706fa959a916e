"""Gated convolutions of an image and a latent, and of two latents: the lower level of the VampPrior paper's ConvHVAE."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_vaemix.core.hints import Network, Shape
from keras_vaemix.core.part import check_positive
from keras_vaemix.networks.gated_conv import GatedConv2D, check_image_shape, image_of, latent_map
from keras_vaemix.networks.gated_mlp import GatedDense

LOWER_LAYERS = ((32, 3, 1), (32, 3, 2), (64, 3, 1), (64, 3, 2), (6, 3, 1))


def joint_conv_encoder(
    image_shape: Shape,
    latent_dim: int,
    num_outputs: int,
    layers: Any = LOWER_LAYERS,
    hidden: Sequence[int] = (300,),
    kernel_initializer: str = "he_normal",
    name: str | None = None,
) -> Network:
    """Returns a network from an image [B, H, W, C] and a latent [B, D] to vectors [B, num_outputs].

    The image passes through gated convolutions, the latent through a gated layer of the same size, and both through further gated layers.

    Args:
        image_shape: Shape (H, W, C) of one image.
        latent_dim: Size D of the latent.
        num_outputs: Size of an output.
        layers: `(filters, kernel_size, strides)` of each convolution.
        hidden: Units of the gated layers after both are joined.
        kernel_initializer: Any Keras initializer.
        name: Name of the model.

    Reference: J. Tomczak, M. Welling, *VAE with a VampPrior*, 2018, and their code's ConvHVAE.
    """
    check_image_shape(image_shape=image_shape)
    check_positive(latent_dim=latent_dim, num_outputs=num_outputs)
    image = h = keras.Input(tuple(image_shape))
    latent = keras.Input((latent_dim,))
    for filters, kernel_size, strides in layers:
        h = GatedConv2D(filters, kernel_size, strides, kernel_initializer=kernel_initializer)(h)
    h = keras.layers.Flatten()(h)
    h = keras.layers.Concatenate()([h, GatedDense(h.shape[-1], kernel_initializer=kernel_initializer)(latent)])
    for units in hidden:
        h = GatedDense(units, kernel_initializer=kernel_initializer)(h)
    return keras.Model([image, latent], keras.layers.Dense(num_outputs, kernel_initializer=kernel_initializer)(h), name=name)


def joint_conv_decoder(
    latent_dims: Sequence[int],
    output_shape: Shape,
    branch: Sequence[int] = (300,),
    map_channels: int = 1,
    filters: Sequence[int] = (64,) * 4,
    kernel_size: int = 3,
    kernel_initializer: str = "he_normal",
    name: str | None = None,
) -> Network:
    """Returns a network from several latents to the likelihood's parameters [B, *output_shape].

    Each latent passes through its own gated layers; joined, they are mapped to the image's size and pass through gated convolutions.

    Args:
        latent_dims: Size of each latent.
        output_shape: Shape (H, W, P) of the likelihood's parameters.
        branch: Units of the gated layers of each latent.
        map_channels: Channels of the map.
        filters: Channels of each convolution.
        kernel_size: Side of the convolutions' kernels.
        kernel_initializer: Any Keras initializer.
        name: Name of the model.

    Reference: J. Tomczak, M. Welling, *VAE with a VampPrior*, 2018, and their code's ConvHVAE.
    """
    check_image_shape(output_shape=output_shape)
    check_positive(map_channels=map_channels, **{f"latent_dims[{i}]": size for i, size in enumerate(latent_dims)})
    *size, num_params = output_shape
    inputs, branches = [keras.Input((dim,)) for dim in latent_dims], []
    for h in inputs:
        for units in branch:
            h = GatedDense(units, kernel_initializer=kernel_initializer)(h)
        branches.append(h)
    h = keras.layers.Concatenate()(branches)
    h = latent_map((h.shape[-1],), (*size, map_channels), (), kernel_initializer)(h)
    return keras.Model(inputs, image_of(h, num_params, filters, kernel_size, kernel_initializer), name=name)
