"""The DCGAN networks of the WAE and RAE papers, for images of any size."""

from collections.abc import Sequence

import keras

from keras_vaemix.core.hints import Network, Shape
from keras_vaemix.networks.gated_conv import check_image_shape
from keras_vaemix.networks.strided import check_sizes, cropped, down, latent_map, transposed, up


def dcgan_encoder(
    input_shape: Shape,
    num_outputs: int,
    filters: Sequence[int] = (128, 256, 512, 1024),
    normalization: bool = True,
    name: str | None = None,
) -> Network:
    """Returns the encoder of the RAE paper, from images [B, H, W, C] to vectors [B, num_outputs], with ReLU units.

    Convolutions 4x4 of stride 2 with batch normalisation, and a linear layer.

    Args:
        input_shape: Shape (H, W, C) of one image.
        num_outputs: Size of an output: the latent size D, or `posterior.params_size(D)`.
        filters: Channels of each convolution.
        normalization: Whether to use batch normalisation.
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


def dcgan_decoder(
    latent_dim: int,
    output_shape: Shape,
    filters: Sequence[int] = (1024, 512, 256),
    normalization: bool = True,
    output_activation: str | None = None,
    name: str | None = None,
) -> Network:
    """Returns the decoder of the RAE paper, from latents [B, D] to [B, *output_shape], with ReLU units.

    A dense layer to a map of filters[0] channels, 8x8 for 32x32 images; transposed convolutions 4x4 of stride 2; one of stride 1 to the
    outputs. All but the last have batch normalisation. The map's size follows from the image's, as in `info_gan_decoder`: 64x64
    images take filters=(1024, 512, 256, 128) for a map of 8x8.

    Args:
        latent_dim: Number of latent dimensions D.
        output_shape: Shape (H, W, P) of the outputs, P = `likelihood.params_size(C)`.
        filters: Channels of the map and of each transposed convolution but the last.
        normalization: Whether to use batch normalisation.
        output_activation: Any Keras activation of the outputs; None leaves logits, from which a likelihood computes means.
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
