"""The strided convolutions of the papers on regularised autoencoders, for images of any size."""

import math

import keras

from keras_vaemix.networks.gated_conv import check_image_shape
from keras_vaemix.part import check_positive, register

KERNEL_SIZE = 4


def info_gan_encoder(input_shape, num_outputs, filters=(64, 128), hidden=1024, normalization=True, name=None):
    """Returns the InfoGAN encoder, from images [B, H, W, C] to vectors [B, num_outputs]; its units are LeakyReLU(0.2).

    Convolutions 4x4 of stride 2, all but the first with batch normalisation; a dense layer with batch normalisation; a linear one.

    Args:
        input_shape: Shape (H, W, C) of one image.
        num_outputs: Size of an output, the latent's D or `posterior.params_size(D)`.
        filters: Channels of each convolution.
        hidden: Units of the dense layer.
        normalization: Whether there is batch normalisation.
        name: Name of the model.

    Raises:
        ValueError: `input_shape` is not (H, W, C), or a size is not positive.

    Reference: B. Dai, D. Wipf, *Diagnosing and Enhancing VAE Models*, 2019, and their code's InfoGAN network.
    """
    check_image_shape(input_shape=input_shape)
    check_sizes(filters, num_outputs=num_outputs, hidden=hidden)
    inputs = h = keras.Input(tuple(input_shape))
    for i, channels in enumerate(filters):
        h = down(h, channels, normalization and i > 0, leaky_relu)
    h = dense(keras.layers.Flatten()(h), hidden, normalization, leaky_relu)
    return keras.Model(inputs, keras.layers.Dense(num_outputs)(h), name=name)


def info_gan_decoder(latent_dim, output_shape, filters=(128, 64), hidden=1024, normalization=True, output_activation=None, name=None):
    """Returns the InfoGAN decoder, from latents [B, D] to [B, *output_shape]; its units are ReLU.

    A dense layer; one to a map of filters[0] channels; transposed convolutions 4x4 of stride 2, the last of them to the outputs. All
    but the last layer have batch normalisation. The map has the image's sides over 2 for each transposed convolution, rounded up, and
    what is too much of the image is cropped.

    Args:
        latent_dim: Number of latent dimensions D.
        output_shape: Shape (H, W, P) of the outputs, P = `likelihood.params_size(C)`.
        filters: Channels of the map and of each transposed convolution but the last.
        hidden: Units of the first dense layer.
        normalization: Whether there is batch normalisation.
        output_activation: Any Keras activation of the outputs. None leaves logits, of which a likelihood makes means.
        name: Name of the model.

    Raises:
        ValueError: `output_shape` is not (H, W, P), or a size is not positive.

    Reference: B. Dai, D. Wipf, *Diagnosing and Enhancing VAE Models*, 2019, and their code's InfoGAN network.
    """
    check_image_shape(output_shape=output_shape)
    check_sizes(filters, latent_dim=latent_dim, hidden=hidden)
    inputs = keras.Input((latent_dim,))
    h = dense(inputs, hidden, normalization)
    h = latent_map(h, output_shape, filters[0], len(filters), normalization)
    for channels in filters[1:]:
        h = up(h, channels, normalization)
    h = transposed(output_shape[-1], strides=2, activation=output_activation)(h)
    return keras.Model(inputs, cropped(h, output_shape), name=name)


def dcgan_encoder(input_shape, num_outputs, filters=(128, 256, 512, 1024), normalization=True, name=None):
    """Returns the encoder of the RAE paper, from images [B, H, W, C] to vectors [B, num_outputs]; its units are ReLU.

    Convolutions 4x4 of stride 2 with batch normalisation, and a linear layer.

    Args:
        input_shape: Shape (H, W, C) of one image.
        num_outputs: Size of an output, the latent's D or `posterior.params_size(D)`.
        filters: Channels of each convolution.
        normalization: Whether there is batch normalisation.
        name: Name of the model.

    Raises:
        ValueError: `input_shape` is not (H, W, C), or a size is not positive.

    Reference: P. Ghosh et al., *From Variational to Deterministic Autoencoders*, 2020, and their code.
    """
    check_image_shape(input_shape=input_shape)
    check_sizes(filters, num_outputs=num_outputs)
    inputs = h = keras.Input(tuple(input_shape))
    for channels in filters:
        h = down(h, channels, normalization)
    return keras.Model(inputs, keras.layers.Dense(num_outputs)(keras.layers.Flatten()(h)), name=name)


def dcgan_decoder(latent_dim, output_shape, filters=(1024, 512, 256), normalization=True, output_activation=None, name=None):
    """Returns the decoder of the RAE paper, from latents [B, D] to [B, *output_shape]; its units are ReLU.

    A dense layer to a map of filters[0] channels, 8x8 of a 32x32 image; transposed convolutions 4x4 of stride 2; one of stride 1 to the
    outputs. All but the last have batch normalisation. The map's size follows from the image's, as in `info_gan_decoder`: 64x64
    images take filters=(1024, 512, 256, 128) for a map of 8x8.

    Args:
        latent_dim: Number of latent dimensions D.
        output_shape: Shape (H, W, P) of the outputs, P = `likelihood.params_size(C)`.
        filters: Channels of the map and of each transposed convolution but the last.
        normalization: Whether there is batch normalisation.
        output_activation: Any Keras activation of the outputs. None leaves logits, of which a likelihood makes means.
        name: Name of the model.

    Raises:
        ValueError: `output_shape` is not (H, W, P), or a size is not positive.

    Reference: P. Ghosh et al., *From Variational to Deterministic Autoencoders*, 2020, and their code.
    """
    check_image_shape(output_shape=output_shape)
    check_sizes(filters, latent_dim=latent_dim)
    inputs = keras.Input((latent_dim,))
    h = latent_map(inputs, output_shape, filters[0], len(filters) - 1, normalization)
    for channels in filters[1:]:
        h = up(h, channels, normalization)
    h = transposed(output_shape[-1], strides=1, activation=output_activation)(h)
    return keras.Model(inputs, cropped(h, output_shape), name=name)


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
    """Returns a map [B, H', W', channels], the least that is as large as the image after so many doublings."""
    shape = (*(math.ceil(side / 2**num_doublings) for side in output_shape[:2]), channels)
    return keras.layers.Reshape(shape)(dense(h, math.prod(shape), normalization))


def cropped(h, output_shape):
    """Returns the middle of a map, of the image's size."""
    excess = [received - side for received, side in zip(h.shape[1:3], output_shape[:2], strict=True)]
    return keras.layers.Cropping2D([(n // 2, n - n // 2) for n in excess])(h) if any(excess) else h


def activated(h, normalization, activation):
    """Returns units with batch normalisation, over the batches of all replicas, or without.

    Momentum 0.9 departs from the 0.999 of Dai & Wipf's code, at which the statistics lag behind in short trainings; epsilon is theirs.
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
