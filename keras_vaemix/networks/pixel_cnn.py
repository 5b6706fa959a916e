"""PixelCNN: a decoder that sees the previous pixels, with one definition for a whole image and for a single pixel."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_vaemix.core.hints import Array, Shape, Tensor
from keras_vaemix.core.part import check_positive, constructor_config, constructor_repr, register, require
from keras_vaemix.core.policies import default_policy
from keras_vaemix.networks.gated_conv import check_image_shape, latent_map
from keras_vaemix.networks.gated_mlp import GatedDense, gated
from keras_vaemix.networks.halves import halves


@register
class MaskedConv2D(keras.layers.Layer):
    r"""Convolution over previous pixels, :math:`y_i = b + \sum_{j < i} W_{j-i} x_j`, in raster order; with `sees_center`, :math:`j \le i`.

    Mask A of the paper does not see the center, mask B does. The channels of a pixel are seen all or none: the paper's order within a
    pixel (R, then G, then B) is not used. The kernel has no rows below the center, since they are never seen.

    Args:
        filters: Channels of y.
        kernel_size: Side k of the kernel, odd; the weights are [k // 2 + 1, k, C, filters].
        sees_center: Whether a pixel sees itself.
        kernel_initializer: Any Keras initializer.

    Raises:
        ValueError: A size is not positive, or `kernel_size` is even.

    Reference: A. van den Oord et al., *Pixel Recurrent Neural Networks*, 2016, Section 3.4.
    """

    def __init__(self, filters: int, kernel_size: int, sees_center: bool, kernel_initializer: str = "he_normal", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_positive(filters=filters, kernel_size=kernel_size)
        require(kernel_size % 2 == 1, "an odd kernel_size", kernel_size=kernel_size)
        self.filters, self.kernel_size, self.sees_center = filters, kernel_size, sees_center
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    @property
    def reach(self):
        """Number of pixels that it sees to the left, to the right and above."""
        return self.kernel_size // 2

    def build(self, input_shape):
        shape = (self.reach + 1, self.kernel_size, input_shape[-1], self.filters)
        self.kernel = self.add_weight(shape, self.kernel_initializer, name="kernel")
        self.bias = self.add_weight((self.filters,), "zeros", name="bias")

    def mask(self) -> Tensor:
        """Returns ones where the kernel sees pixels, else zeros, [k // 2 + 1, k, 1, 1]."""
        mask = np.ones((self.reach + 1, self.kernel_size, 1, 1), "float32")
        mask[-1, self.reach + self.sees_center :] = 0
        return mask

    def call(self, x: Array) -> Tensor:
        return self.convolve(tf.pad(x, [[0, 0], [self.reach, 0], [self.reach, self.reach], [0, 0]]))

    def convolve(self, padded):
        """Returns y for x padded by `reach` rows above and `reach` columns on both sides; a neighbourhood gives y for one pixel."""
        kernel = tf.cast(self.kernel * self.mask(), padded.dtype)
        return tf.nn.conv2d(padded, kernel, 1, "VALID") + tf.cast(self.bias, padded.dtype)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **constructor_config(self)}


@register
class PixelCNN(keras.Model):
    r"""Autoregressive decoder, :math:`p(x|z) = \prod_i p(x_i | x_{<i}, z)`, i over pixels in raster order.

    Given z and the previous pixels, the channels of a pixel are independent: see `MaskedConv2D`. Gated dense layers map z to a map m of
    the image's size, which enters every layer through a 1x1 convolution U:

    .. math:: h_0 = A * x + U_0 m, \qquad h_l = h_{l-1} + g(B_l * n(h_{l-1}) + U_l m), \qquad y = \mathrm{head}(h_L)

    with g the gate :math:`g(a, b) = a \odot \sigma(b)`, mask A in the first layer and B in the others. n normalises the channels of
    one pixel: batch normalisation, as in the paper's code, would make p(x|z) depend on the batch. Gates, as in the first reference, and
    residual sums replace the ReLUs of the VampPrior code's PixelHVAE; the blind spot above and to the right, which the first reference
    removes with two stacks, remains.

    Args:
        latent_dim: Number of latent dimensions D.
        example_shape: Shape (H, W, C) of one image.
        num_params: Number of outputs P for each pixel, `likelihood.params_size(C)`.
        filters: Channels of each masked layer.
        num_layers: Number L of layers with mask B.
        first_kernel_size: Side of the kernel with mask A, odd.
        kernel_size: Side of the kernels with mask B, odd.
        hidden: Units of the gated dense layers between z and the map.
        map_channels: Channels of the map.
        kernel_initializer: Any Keras initializer.

    Raises:
        ValueError: `example_shape` is not (H, W, C), a size is not positive, or a kernel's side is even.

    Reference: A. van den Oord et al., *Conditional Image Generation with PixelCNN Decoders*, 2016; J. Tomczak, M. Welling,
    *VAE with a VampPrior*, 2018.
    """

    def __init__(
        self,
        latent_dim: int,
        example_shape: Shape,
        num_params: int,
        filters: int = 64,
        num_layers: int = 6,
        first_kernel_size: int = 7,
        kernel_size: int = 3,
        hidden: Sequence[int] = (300,),
        map_channels: int = 4,
        kernel_initializer: str = "he_normal",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_image_shape(example_shape=example_shape)
        check_positive(latent_dim=latent_dim, num_params=num_params, num_layers=num_layers, map_channels=map_channels)
        self.latent_dim, self.example_shape, self.num_params = latent_dim, tuple(example_shape), num_params
        self.filters, self.num_layers, self.first_kernel_size, self.kernel_size = filters, num_layers, first_kernel_size, kernel_size
        self.hidden, self.map_channels, self.kernel_initializer = tuple(hidden), map_channels, kernel_initializer
        with default_policy(self.dtype_policy):
            self._make_layers()
        self([keras.Input(shape[1:]) for shape in self.input_shape])

    def _make_layers(self):
        given, each = {"kernel_initializer": self.kernel_initializer}, range(self.num_layers)
        half = {"kernel_initializer": halves(self.kernel_initializer)}
        filters, map_shape = self.filters, (*self.example_shape[:2], self.map_channels)
        self.context = latent_map((self.latent_dim,), map_shape, self.hidden, self.kernel_initializer)
        self.convolutions = [MaskedConv2D(filters, self.first_kernel_size, False, **given)]
        self.convolutions += [MaskedConv2D(2 * filters, self.kernel_size, True, **half) for _ in each]
        self.mixers = [keras.layers.Dense(filters, use_bias=False, **given)]
        self.mixers += [keras.layers.Dense(2 * filters, use_bias=False, **half) for _ in each]
        self.norms = [keras.layers.LayerNormalization() for _ in each]
        self.head = keras.Sequential(
            [keras.layers.LayerNormalization(), GatedDense(filters, **given), keras.layers.Dense(self.num_params, **given)]
        )

    @property
    def input_shape(self):
        return [(None, self.latent_dim), (None, *self.example_shape)]

    @property
    def output_shape(self):
        return (None, *self.example_shape[:-1], self.num_params)

    def call(self, inputs: Tensor) -> Tensor:
        """Returns the parameters [B, H, W, P] for z [B, D] and x [B, H, W, C]; those of a pixel depend only on the pixels before it."""
        z, x = inputs
        return self.params(x, self.context(z), lambda layer, h: self.convolutions[layer](h))

    def params(self, x, context, convolve):
        """Returns the parameters for x, a whole image or one pixel; `convolve(layer, h)` applies a masked layer."""
        h = convolve(0, x) + self.mixers[0](context)
        for layer, norm in enumerate(self.norms, 1):
            h = h + gated(convolve(layer, norm(h)) + self.mixers[layer](context))
        return self.head(h)

    # One pixel at a time.

    def empty_caches(self, n):
        """Returns each convolution's cache for n images before the first row: zeros [n, k // 2 + 1, W + 2 (k // 2), channels].

        The last row of a cache is the row of the current pixel. The first cache holds the image itself, in full precision.
        """
        width, num_channels = self.example_shape[1:]
        contents = [(num_channels, "float32")] + [(self.filters, self.compute_dtype)] * self.num_layers
        return [
            tf.zeros([n, layer.reach + 1, width + 2 * layer.reach, channels], dtype)
            for layer, (channels, dtype) in zip(self.convolutions, contents, strict=True)
        ]

    @staticmethod
    def next_row(caches):
        """Returns the caches for the first pixel of the next row."""
        return [tf.concat([cache[:, 1:], tf.zeros_like(cache[:, :1])], axis=1) for cache in caches]

    def put(self, layer, cache, value, column):
        """Returns the cache with `value` [n, 1, 1, channels] in the current row, at `column` of the image."""
        reach = self.convolutions[layer].reach
        i, j = np.indices(cache.shape[1:3])
        return tf.where(((i == reach) & (j - reach == column))[..., None], value, cache)

    def step(self, caches, context, column):
        """Computes one pixel from the caches, at the cost of one pixel for any image size.

        Args:
            caches: The result of `empty_caches`, `next_row`, an earlier step, or `put` for a drawn pixel (layer 0).
            context: The map m at the pixel, [n, 1, 1, map_channels].
            column: Column of the pixel, an integer tensor.

        Returns:
            The pixel's parameters [n, 1, 1, P], and the caches, updated but for that of the image, whose pixel is not drawn yet.
        """
        caches = list(caches)

        def convolve(layer, h):
            convolution, cache = self.convolutions[layer], caches[layer]
            if layer:
                cache = caches[layer] = self.put(layer, cache, h, column)
            return convolution.convolve(tf.cast(columns(cache, column, convolution.kernel_size), self.compute_dtype))

        return self.params(None, context, convolve), caches

    def get_config(self) -> dict[str, Any]:
        return {**constructor_config(self), "name": self.name, "dtype": keras.dtype_policies.serialize(self.dtype_policy)}

    __repr__ = constructor_repr


def columns(h, start, size):
    """Returns `size` columns of h [n, rows, columns, channels] from `start`, a tensor; the size is static, as XLA requires."""
    return tf.slice(h, [0, 0, start, 0], [tf.shape(h)[0], h.shape[1], size, h.shape[3]])
