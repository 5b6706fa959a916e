"""Residual networks with pre-activation, ResNetV2, for images of 32 to 256 pixels."""

import keras

from keras_vaemix.core.hints import Network, Shape
from keras_vaemix.core.part import check_positive, require
from keras_vaemix.networks.gated_conv import check_image_shape
from keras_vaemix.networks.normalizations import normalization_layer
from keras_vaemix.networks.upsampling import upsampling as upsampling_of

ACTIVATION = "relu"


def resnet_v2_encoder(
    input_shape: Shape,
    num_outputs: int,
    width: int = 64,
    depth: int = 2,
    max_filters: int = 512,
    min_size: int = 4,
    normalization: str = "group",
    name: str | None = None,
) -> Network:
    r"""Returns the encoder from images [B, H, W, C] to vectors [B, num_outputs].

    A convolution; stages of residual blocks :math:`h + f(h)`, where f is twice normalisation, ReLU and 3x3 convolution; and a linear
    layer. The first block of each stage halves the map, until its smaller side would fall below `min_size`: 64x64 images take four
    stages to 4x4, 256x256 images six. Stage i, counted from zero, has min(width 2^i, max_filters) channels.

    Departures from the paper, which is about classifiers: the shortcut halves a map by averaging, not by dropping three of four pixels;
    where the number of channels changes, the shortcut is a 1x1 convolution of h and not of its pre-activation; groups are normalised, not
    batches, so that examples are independent; and the initial variance of the last convolution in each of L blocks is divided by L, so
    that maps keep their scale even without normalisation.

    Args:
        input_shape: Shape (H, W, C) of one image, whose sides are multiples of 2^stages.
        num_outputs: Size of an output, `posterior.params_size(D)`.
        width: Channels of the first stage.
        depth: Residual blocks per stage.
        max_filters: Largest number of channels of a stage.
        min_size: Smallest side of the last map.
        normalization: "group", "layer", "instance" or "none", as in `normalization_layer`.
        name: Name of the model. Its outputs are float32, also in mixed precision.

    Raises:
        ValueError: A size is not positive, the image is smaller than twice `min_size`, or a side is not a multiple of 2^stages.

    Reference: K. He et al., *Identity Mappings in Deep Residual Networks*, 2016.
    """
    check_image_shape(input_shape=input_shape)
    check_positive(num_outputs=num_outputs, depth=depth)
    filters = stage_filters(input_shape, width, max_filters, min_size)
    inputs = keras.Input(tuple(input_shape))
    h = convolution(filters[0])(inputs)
    for channels in filters:
        h = down_block(h, channels, normalization, len(filters) * depth)
        for _ in range(depth - 1):
            h = block(h, normalization, len(filters) * depth)
    h = keras.layers.Flatten()(pre_activation(h, normalization))
    return keras.Model(inputs, keras.layers.Dense(num_outputs, dtype="float32")(h), name=name)


def resnet_v2_decoder(
    latent_dim: int,
    output_shape: Shape,
    width: int = 64,
    depth: int = 2,
    max_filters: int = 512,
    min_size: int = 4,
    normalization: str = "group",
    upsampling: str = "nearest",
    output_activation: str | None = None,
    name: str | None = None,
) -> Network:
    """Returns the decoder from latents [B, D] to [B, *output_shape], the mirror image of `resnet_v2_encoder`.

    A dense layer to the size of the encoder's last map; stages of residual blocks with the encoder's channels in reverse, the first block
    of each doubling the map; normalisation, ReLU and a convolution. Neither way of doubling a map has checkerboards initially.

    Args:
        latent_dim: Number of latent dimensions D.
        output_shape: Shape (H, W, P) of the outputs, P = `likelihood.params_size(C)`, whose sides are multiples of 2^stages.
        width: Channels of the last stage.
        depth: Residual blocks per stage.
        max_filters: Largest number of channels of a stage.
        min_size: Smallest side of the first map.
        normalization: "group", "layer", "instance" or "none", as in `normalization_layer`.
        upsampling: "nearest" repeats pixels and convolves; "subpixel" turns channels into pixels, initialised with `ICNR`.
        output_activation: Any Keras activation of the outputs; None leaves logits, from which a likelihood computes means.
        name: Name of the model. Its outputs are float32, also in mixed precision.

    Raises:
        ValueError: A size is not positive, the image is smaller than twice `min_size`, or a side is not a multiple of 2^stages.

    Reference: K. He et al., *Identity Mappings in Deep Residual Networks*, 2016.
    """
    check_image_shape(output_shape=output_shape)
    check_positive(latent_dim=latent_dim, depth=depth)
    filters = stage_filters(output_shape, width, max_filters, min_size)[::-1]
    shape = (*(side // 2 ** len(filters) for side in output_shape[:2]), filters[0])
    inputs = keras.Input((latent_dim,))
    h = keras.layers.Reshape(shape)(keras.layers.Dense(shape[0] * shape[1] * shape[2])(inputs))
    for channels in filters:
        h = up_block(h, channels, normalization, len(filters) * depth, upsampling_of(upsampling))
        for _ in range(depth - 1):
            h = block(h, normalization, len(filters) * depth)
    h = pre_activation(h, normalization)
    outputs = keras.layers.Conv2D(output_shape[-1], 3, padding="same", activation=output_activation, dtype="float32")(h)
    return keras.Model(inputs, outputs, name=name)


def stage_filters(shape, width, max_filters, min_size):
    """Returns the channels of each stage for images (H, W, C); there are as many stages as times the image can be halved."""
    check_positive(width=width, max_filters=max_filters, min_size=min_size)
    sides = tuple(shape[:2])
    num_stages = (min(sides) // min_size).bit_length() - 1
    require(num_stages > 0, f"images of at least {2 * min_size}x{2 * min_size}: lower min_size", image=sides, min_size=min_size)
    factor = 2**num_stages
    nearest = tuple(max(1, round(side / factor)) * factor for side in sides)
    remedy = f"resize the images to {nearest[0]}x{nearest[1]}, or raise min_size for fewer stages"
    require(all(side % factor == 0 for side in sides), f"sides that are multiples of {factor}: {remedy}", image=sides, min_size=min_size)
    return [min(width * 2**stage, max_filters) for stage in range(num_stages)]


def block(h, normalization, num_blocks):
    """Returns h + f(h), a map of the same size."""
    return residual(h, convolution(h.shape[-1])(pre_activation(h, normalization)), normalization, num_blocks)


def down_block(h, channels, normalization, num_blocks):
    """Returns a map of half the size: f has stride 2, and h is averaged."""
    f = convolution(channels, strides=2)(pre_activation(h, normalization))
    return residual(projected(keras.layers.AveragePooling2D(2)(h), channels), f, normalization, num_blocks)


def up_block(h, channels, normalization, num_blocks, double):
    """Returns a map of twice the size: f doubles the map, and the pixels of h are repeated."""
    f = double(pre_activation(h, normalization), channels)
    return residual(keras.layers.UpSampling2D()(projected(h, channels)), f, normalization, num_blocks)


def residual(shortcut, f, normalization, num_blocks):
    """Returns the sum of the shortcut and the second half of f."""
    start = keras.initializers.VarianceScaling(2 / num_blocks)
    f = convolution(f.shape[-1], kernel_initializer=start)(pre_activation(f, normalization))
    return keras.layers.Add()([shortcut, f])


def projected(h, channels):
    """Returns h with the given number of channels, by a 1x1 convolution if it has a different number."""
    return h if h.shape[-1] == channels else keras.layers.Conv2D(channels, 1)(h)


def convolution(channels, strides=1, kernel_initializer="he_normal"):
    return keras.layers.Conv2D(channels, 3, strides, "same", kernel_initializer=kernel_initializer)


def pre_activation(h, normalization):
    return keras.layers.Activation(ACTIVATION)(normalization_layer(normalization, h.shape[-1])(h))
