"""The InfoGAN networks of Dai & Wipf, for images of any size."""

from collections.abc import Sequence

import keras

from keras_vaemix.core.hints import Network, Shape
from keras_vaemix.networks.gated_conv import check_image_shape
from keras_vaemix.networks.strided import check_sizes, cropped, dense, down, latent_map, leaky_relu, transposed, up


def info_gan_encoder(
    input_shape: Shape,
    num_outputs: int,
    filters: Sequence[int] = (64, 128),
    hidden: int = 1024,
    normalization: bool = True,
    name: str | None = None,
) -> Network:
    """Returns the InfoGAN encoder, from images [B, H, W, C] to vectors [B, num_outputs], with LeakyReLU(0.2) units.

    Convolutions 4x4 of stride 2, all but the first with batch normalisation; a dense layer with batch normalisation; a linear one.

    Args:
        input_shape: Shape (H, W, C) of one image.
        num_outputs: Size of an output: the latent size D, or `posterior.params_size(D)`.
        filters: Channels of each convolution.
        hidden: Units of the dense layer.
        normalization: Whether to use batch normalisation.
        name: Name of the model.

    Raises:
        ValueError: `input_shape` is not (H, W, C), or a size is not positive.

    Reference: B. Dai, D. Wipf, *Diagnosing and Enhancing VAE Models*, 2019, and their code's InfoGAN network, whose encoder has spectral
    normalisation besides.
    """
    check_image_shape(input_shape=input_shape)
    check_sizes(filters, num_outputs=num_outputs, hidden=hidden)
    inputs = h = keras.Input(tuple(input_shape))
    for i, channels in enumerate(filters):
        h = down(h, channels, normalization and i > 0, leaky_relu)
    h = dense(keras.layers.Flatten()(h), hidden, normalization, leaky_relu)
    return keras.Model(inputs, keras.layers.Dense(num_outputs)(h), name=name)


def info_gan_decoder(
    latent_dim: int,
    output_shape: Shape,
    filters: Sequence[int] = (128, 64),
    hidden: int = 1024,
    normalization: bool = True,
    output_activation: str | None = None,
    name: str | None = None,
) -> Network:
    """Returns the InfoGAN decoder, from latents [B, D] to [B, *output_shape], with ReLU units.

    A dense layer; one to a map of filters[0] channels; transposed convolutions 4x4 of stride 2, the last of them to the outputs. All
    but the last layer have batch normalisation. The map's sides are the image's, halved once for each transposed convolution and rounded
    up; the result is cropped to the size of the image.

    Args:
        latent_dim: Number of latent dimensions D.
        output_shape: Shape (H, W, P) of the outputs, P = `likelihood.params_size(C)`.
        filters: Channels of the map and of each transposed convolution but the last.
        hidden: Units of the first dense layer.
        normalization: Whether to use batch normalisation.
        output_activation: Any Keras activation of the outputs; None leaves logits, from which a likelihood computes means.
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
