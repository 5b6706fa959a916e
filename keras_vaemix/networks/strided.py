"""Strided convolutions, the layers of the InfoGAN and DCGAN networks."""

import math

import keras

from keras_vaemix.core.part import check_positive, register

KERNEL_SIZE = 4


def down(h, channels, normalization, activation="relu"):
    """Returns a map of half the size, rounded up."""
    convolution = keras.layers.Conv2D(channels, KERNEL_SIZE, 2, "same", use_bias=not normalization)
    return activated(convolution(h), normalization, activation)


def up(h, channels, normalization):
    """Returns a map of twice the size."""
    return activated(transposed(channels, strides=2, use_bias=not normalization)(h), normalization, "relu")


def transposed(channels, **kwargs):
    return keras.layers.Conv2DTranspose(channels, KERNEL_SIZE, padding="same", **kwargs)


def dense(h, units, normalization, activation="relu"):
    return activated(keras.layers.Dense(units, use_bias=not normalization)(h), normalization, activation)


def latent_map(h, output_shape, channels, num_doublings, normalization):
    """Returns the smallest map [B, H', W', channels] that is at least as large as the image after `num_doublings`."""
    shape = (*(math.ceil(side / 2**num_doublings) for side in output_shape[:2]), channels)
    return keras.layers.Reshape(shape)(dense(h, math.prod(shape), normalization))


def cropped(h, output_shape):
    """Returns the middle of a map, cropped to the image's size."""
    excess = [received - side for received, side in zip(h.shape[1:3], output_shape[:2], strict=True)]
    return keras.layers.Cropping2D([(n // 2, n - n // 2) for n in excess])(h) if any(excess) else h


def activated(h, normalization, activation):
    """Returns activated units, with or without batch normalisation over the batches of all replicas.

    Momentum 0.9 departs from the 0.999 of Dai & Wipf's code, at which statistics lag behind in short runs; epsilon is theirs.
    """
    if normalization:
        h = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, synchronized=True)(h)
    return keras.layers.Activation(activation)(h)


@register
def leaky_relu(x):
    """LeakyReLU with slope 0.2 below zero."""
    return keras.ops.leaky_relu(x, 0.2)


def check_sizes(filters, **sizes):
    """Raises `ValueError` for the first size that is not positive."""
    check_positive(**sizes, num_filters=len(filters), **{f"filters[{i}]": channels for i, channels in enumerate(filters)})
