"""Upsampling by two without checkerboards, by nearest neighbours or sub-pixels, for networks that let the user choose."""

import keras
import tensorflow as tf

from keras_vaemix.core.hints import Tensor
from keras_vaemix.core.part import Part, register, require


def nearest(h, channels):
    """Returns a convolution 3x3 of the map with each pixel repeated: [B, 2 H, 2 W, channels]."""
    return keras.layers.Conv2D(channels, 3, padding="same", kernel_initializer="he_normal")(keras.layers.UpSampling2D()(h))


def subpixel(h, channels):
    """Returns a convolution 3x3 whose channels are the four sub-pixels of each pixel: [B, 2 H, 2 W, channels].

    Its weights are initialised by `ICNR`, with which it is a convolution whose output pixels are repeated.

    Reference: W. Shi et al., *Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel CNN*, 2016.
    """
    return DepthToSpace()(keras.layers.Conv2D(4 * channels, 3, padding="same", kernel_initializer=ICNR())(h))


UPSAMPLINGS = {"nearest": nearest, "subpixel": subpixel}


def upsampling(name):
    """Returns the function (h, channels) of that name; raises `ValueError` if it does not exist."""
    require(name in UPSAMPLINGS, f"upsampling of {', '.join(UPSAMPLINGS)}", upsampling=name)
    return UPSAMPLINGS[name]


@register
class DepthToSpace(keras.layers.Layer):
    """Turns channels into pixels, [B, H, W, 4 C] into [B, 2 H, 2 W, C]."""

    def call(self, inputs: Tensor) -> Tensor:
        return tf.nn.depth_to_space(inputs, 2)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return batch, 2 * height, 2 * width, channels // 4


@register
class ICNR(Part, keras.initializers.Initializer):
    """Initializer that makes the kernels of the four sub-pixels equal, so that a sub-pixel convolution starts without checkerboards.

    Args:
        initializer: Keras initializer of the kernel that all four share.

    Reference: A. Aitken et al., *Checkerboard Artifact Free Sub-Pixel Convolution*, 2017.
    """

    def __init__(self, initializer: str = "he_normal") -> None:
        self.initializer = keras.initializers.get(initializer)

    def __call__(self, shape, dtype=None):
        *size, channels = shape
        return tf.tile(self.initializer((*size, channels // 4), dtype), [1] * len(size) + [4])
