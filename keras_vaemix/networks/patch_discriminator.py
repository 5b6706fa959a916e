"""The PatchGAN discriminator of pix2pix: a score for every patch of an image."""

import keras

from keras_vaemix.core.hints import Network, Shape
from keras_vaemix.core.part import check_positive, require
from keras_vaemix.networks.gated_conv import check_image_shape
from keras_vaemix.networks.normalizations import normalization_layer
from keras_vaemix.networks.strided import leaky_relu

KERNEL_SIZE = 4
MAX_MULTIPLE = 8  # of the first layer's filters


def patch_discriminator(
    input_shape: Shape,
    filters: int = 64,
    num_layers: int = 3,
    normalization: str | None = None,
    spectral_normalization: bool = False,
    name: str | None = None,
) -> Network:
    """Returns the discriminator from images [B, H, W, C] to scores [B, H', W', 1], high where a patch looks real.

    Convolutions 4x4 with LeakyReLU(0.2): `num_layers` of stride 2 and one of stride 1, of filters (1, 2, 4, 8, 8, ...) channels, and one
    of stride 1 to the scores. Three layers are C64-C128-C256-C512-1, whose scores see 70x70 pixels each: 30x30 scores for a 256x256
    image. The first layer and the scores are not normalised; the other layers are normalised over the whole image.

    A departure: pix2pix uses batch normalisation with batches of one image; here examples are independent for any batch size.

    Args:
        input_shape: Shape (H, W, C) of one image, no smaller than `receptive_field(num_layers)`: 64x64 images take two layers.
        filters: Channels of the first layer.
        num_layers: Number of convolutions of stride 2.
        normalization: "instance", "group", "layer" or "none", as in `normalization_layer`. None means "instance", or "none" with
            spectral normalisation, whose bound another normalisation would undo.
        spectral_normalization: Whether `keras.layers.SpectralNormalization` divides each kernel by an estimate of its largest singular
            value in every call with training=True; this changes the kernel itself.
        name: Name of the model. Its scores are float32, also in mixed precision.

    Raises:
        ValueError: A size is not positive, or an image is smaller than a patch.

    Reference: P. Isola et al., *Image-to-Image Translation with Conditional Adversarial Networks*, 2017; T. Miyato et al., *Spectral
    Normalization for Generative Adversarial Networks*, 2018.
    """
    check_image_shape(input_shape=input_shape)
    check_positive(filters=filters, num_layers=num_layers)
    check_patch(input_shape, num_layers)
    wrap = spectral if spectral_normalization else lambda layer: layer
    normalization = normalization or ("none" if spectral_normalization else "instance")
    inputs = h = keras.Input(tuple(input_shape))
    for i in range(num_layers + 1):
        channels, kind = filters * min(2**i, MAX_MULTIPLE), normalization if i else "none"
        convolution = keras.layers.Conv2D(channels, KERNEL_SIZE, strides_of(i, num_layers), use_bias=kind == "none")
        h = wrap(convolution)(keras.layers.ZeroPadding2D(1)(h))
        h = keras.layers.Activation(leaky_relu)(normalization_layer(kind, channels)(h))
    scores = wrap(keras.layers.Conv2D(1, KERNEL_SIZE))(keras.layers.ZeroPadding2D(1)(h))
    return keras.Model(inputs, keras.layers.Activation("linear", dtype="float32")(scores), name=name)


def spectral(layer):
    """Returns a layer of spectral norm one; the norm is estimated in float32, since float16 would overflow."""
    return keras.layers.SpectralNormalization(layer, dtype="float32")


def receptive_field(num_layers: int) -> int:
    """Returns the side of the patch that a score of `patch_discriminator` sees: r -> (r - 1) stride + 4, from the last layer to the first.

    >>> [receptive_field(n) for n in (1, 2, 3, 4)]
    [16, 34, 70, 142]
    """
    side = KERNEL_SIZE
    for i in reversed(range(num_layers + 1)):
        side = (side - 1) * strides_of(i, num_layers) + KERNEL_SIZE
    return side


def strides_of(i, num_layers):
    return 2 if i < num_layers else 1


def check_patch(shape, num_layers):
    """Raises `ValueError` unless an image is at least as large as a patch."""
    patch, side = receptive_field(num_layers), min(shape[:2])
    fitting = [n for n in range(1, num_layers) if receptive_field(n) <= side]
    remedy = f"num_layers={fitting[-1]} is the most for it" if fitting else "even num_layers=1 needs 16x16"
    require(side >= patch, f"images of at least {patch}x{patch}, a patch: {remedy}", input_shape=tuple(shape), num_layers=num_layers)
