"""The gated convolutions of the VampPrior paper's ConvHVAE, for images of any size."""

import math
from collections.abc import Sequence
from typing import Any

import keras

from keras_vaemix.core.hints import Network, Shape, Tensor
from keras_vaemix.core.part import check_positive, register, require
from keras_vaemix.networks.gated_mlp import GatedDense, gated
from keras_vaemix.networks.halves import halves

VAMP_LAYERS = ((32, 7, 1), (32, 3, 2), (64, 5, 1), (64, 3, 2), (6, 3, 1))


@register
class GatedConv2D(keras.layers.Conv2D):
    r"""Convolution with a gate, :math:`h = (W * x + a) \odot \sigma(V * x + c)`; W and V are one kernel, one convolution.

    Args:
        filters: Channels of h.
        kernel_size: Side or sides of the kernel.
        strides: Step or steps of the kernel.
        padding: `"same"` or `"valid"`.
        kernel_initializer: Any Keras initializer; W and V are each initialised at their own scale.
        **kwargs: Those of `keras.layers.Conv2D`.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        strides: int = 1,
        padding: str = "same",
        kernel_initializer: str = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        check_positive(filters=filters)
        super().__init__(2 * filters, kernel_size, strides, padding, kernel_initializer=halves(kernel_initializer), **kwargs)

    def call(self, inputs: Tensor) -> Tensor:
        return gated(super().call(inputs))

    def compute_output_shape(self, input_shape):
        *size, channels = super().compute_output_shape(input_shape)
        return (*size, channels // 2)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "filters": self.filters // 2}


def gated_conv_encoder(
    input_shape: Shape, num_outputs: int, layers: Any = VAMP_LAYERS, kernel_initializer: str = "he_normal", name: str | None = None
) -> Network:
    """Returns a stack of `GatedConv2D` layers with a linear last layer, from images [B, H, W, C] to vectors [B, num_outputs].

    Args:
        input_shape: Shape (H, W, C) of one image.
        num_outputs: Size of an output, `posterior.params_size(D)`.
        layers: `(filters, kernel_size, strides)` of each convolution.
        kernel_initializer: Any Keras initializer.
        name: Name of the model.

    Raises:
        ValueError: `input_shape` is not (H, W, C), or a size is not positive.

    Reference: J. Tomczak, M. Welling, *VAE with a VampPrior*, 2018, and their code's ConvHVAE.
    """
    check_image_shape(input_shape=input_shape)
    check_positive(num_outputs=num_outputs)
    inputs = h = keras.Input(tuple(input_shape))
    for filters, kernel_size, strides in layers:
        h = GatedConv2D(filters, kernel_size, strides, kernel_initializer=kernel_initializer)(h)
    outputs = keras.layers.Dense(num_outputs, kernel_initializer=kernel_initializer)(keras.layers.Flatten()(h))
    return keras.Model(inputs, outputs, name=name)


def gated_conv_decoder(
    latent_dim: int,
    output_shape: Shape,
    hidden: Sequence[int] = (300,),
    map_channels: int = 1,
    filters: Sequence[int] = (64,) * 4,
    kernel_size: int = 3,
    kernel_initializer: str = "he_normal",
    name: str | None = None,
) -> Network:
    """Returns gated dense layers to a map of the image's size, followed by `GatedConv2D` layers, from [B, D] to [B, *output_shape].

    Args:
        latent_dim: Number of latent dimensions D.
        output_shape: Shape (H, W, P) of the likelihood's parameters, P = `likelihood.params_size(C)`.
        hidden: Units of the gated dense layers before the map.
        map_channels: Channels of the map; in the paper's code, as many as the image has.
        filters: Channels of each convolution.
        kernel_size: Side of the convolutions' kernels.
        kernel_initializer: Any Keras initializer.
        name: Name of the model.

    Raises:
        ValueError: `output_shape` is not (H, W, P), or a size is not positive.

    Reference: J. Tomczak, M. Welling, *VAE with a VampPrior*, 2018, and their code's ConvHVAE.
    """
    check_image_shape(output_shape=output_shape)
    check_positive(latent_dim=latent_dim, map_channels=map_channels)
    *size, num_params = output_shape
    inputs = keras.Input((latent_dim,))
    h = latent_map((latent_dim,), (*size, map_channels), hidden, kernel_initializer)(inputs)
    outputs = image_of(h, num_params, filters, kernel_size, kernel_initializer)
    return keras.Model(inputs, outputs, name=name)


def image_of(h, num_params, filters, kernel_size, kernel_initializer):
    """Returns the likelihood's parameters [B, H, W, num_params] from a map [B, H, W, C], by gated convolutions and a linear one."""
    for channels in filters:
        h = GatedConv2D(channels, kernel_size, kernel_initializer=kernel_initializer)(h)
    return keras.layers.Conv2D(num_params, 1, kernel_initializer=kernel_initializer)(h)


def latent_map(input_shape, map_shape, hidden, kernel_initializer):
    """Returns gated dense layers from vectors to maps [B, *map_shape]; the last layer is gated too."""
    units = (*hidden, math.prod(map_shape))
    layers = [GatedDense(n, kernel_initializer=kernel_initializer) for n in units]
    return keras.Sequential([keras.Input(input_shape), *layers, keras.layers.Reshape(map_shape)])


def check_image_shape(**shapes):
    """Raises `ValueError` for the first of `shapes` that is not (height, width, channels)."""
    for name, shape in shapes.items():
        require(len(shape) == 3, f"{name} (height, width, channels)", **{name: tuple(shape)})
        check_positive(**{f"{name}[{i}]": side for i, side in enumerate(shape)})
