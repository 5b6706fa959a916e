"""The sharpness of images and the error of reconstructions, per image, and a report of their means."""

from typing import Any

import keras
import numpy as np
from scipy import ndimage

from keras_vaemix.core.blocks import as_array, batch_size_for
from keras_vaemix.core.hints import Array
from keras_vaemix.core.part import check_positive, require
from keras_vaemix.core.progress import progress
from keras_vaemix.evaluation.generation import batched, draws_of, reconstructor, sample_of
from keras_vaemix.evaluation.likelihood import standard_error

LAPLACIAN = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], "float32")
LUMA = np.array([0.299, 0.587, 0.114], "float32")  # ITU-R BT.601


def sharpness(images: Array) -> np.ndarray:
    r"""Returns the variance of the Laplacian of each image, :math:`\mathrm{Var}_{ij}[(\nabla^2 x)_{ij}]`, [N], low for blurred images.

    The Laplacian uses four neighbours; images are mirrored at the border pixels. Noise is sharp too: images are as sharp as real ones if
    the figures are close, not if they are high.

    Args:
        images: Images [N, H, W, C] of one or three channels, 8-bit or with values in [0, 1]; 8-bit values are divided by 255.

    Raises:
        ValueError: The images have another shape.

    Reference: J. Pech-Pacheco et al., *Diatom Autofocusing in Brightfield Microscopy: a Comparative Study*, 2000.
    """
    x = unit(images)
    require(x.ndim == 4 and x.shape[-1] in (1, 3) and x.size > 0, "images [N, H, W, 1 or 3]", shape=x.shape)
    grey = x[..., 0] if x.shape[-1] == 1 else x @ LUMA
    return np.array([ndimage.convolve(one, LAPLACIAN, mode="mirror").var(dtype=float) for one in grey])


def l1(x: Array, y: Array) -> np.ndarray:
    """Returns the mean absolute error of each example, [N].

    Args:
        x: Examples [N, *], 8-bit or of any range; 8-bit values are divided by 255.
        y: Their reconstructions, of the same shape.

    Raises:
        ValueError: The shapes differ, or there are no examples.
    """
    x, y = unit(x), unit(y)
    require(x.shape == y.shape and x.ndim > 1 and x.size > 0, "examples and reconstructions of the same shape [N, *]", x=x.shape, y=y.shape)
    return np.mean(np.abs(x - y), axis=tuple(range(1, x.ndim)), dtype=float)


def sharpness_report(
    model: keras.Model, x: Array, num_samples: int = 1000, batch_size: int | None = None, seed: int = 0, verbose: int = 0
) -> dict[str, Any]:
    """Returns the sharpness of samples, reconstructions and real images, and the error of reconstructions: means over n images of each.

    Args:
        model: A model with `sample(n, seed=)` and `reconstruct(x)`, both of which return images in the range of x.
        x: Real images [N, H, W, C], of which n = min(num_samples, N) are used.
        num_samples: Largest number of images of each kind.
        batch_size: Number of images at a time; if None, 100, or fewer if they are large.
        seed: Integer; the choice of images and the samples are a function of it.
        verbose: 1 shows progress bars.

    Returns:
        A dict: `sharpness_generation`, `sharpness_reconstruction`, `sharpness_real`, and `l1`, the mean absolute error per value; each
        with its standard error over images, `..._se`, NaN for a single image.

    Raises:
        ValueError: The examples are not images.
    """
    x = as_array(x)
    batch_size = batch_size_for(batch_size, x.shape[1:], 100)
    check_positive(num_samples=num_samples, batch_size=batch_size)
    real = x[sample_of(len(x), num_samples, seed)]
    reconstructed = batched(reconstructor(model, seed), real, batch_size, verbose, f"sharpness of {len(real)} reconstructions")
    draws = progress(draws_of(len(real), batch_size, seed), verbose, f"sharpness of {len(real)} samples")
    fake = np.concatenate([np.asarray(model.sample(size, seed=draw)) for size, draw in draws])
    sharp = {"generation": fake, "reconstruction": reconstructed, "real": real}
    figures = {f"sharpness_{kind}": sharpness(images) for kind, images in sharp.items()} | {"l1": l1(real, reconstructed)}
    means = {name: float(np.mean(values)) for name, values in figures.items()}
    return means | {f"{name}_se": standard_error(values) for name, values in figures.items()}


def unit(x):
    """Returns 8-bit values divided by 255, and anything else as it is, in float32."""
    x = np.asarray(x)
    return x.astype("float32") / 255 if x.dtype == np.uint8 else x.astype("float32")
