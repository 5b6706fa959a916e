"""Pictures of what latents mean, as arrays [H, W, C] in [0, 1]: neighbours, attributes, covariances, masks."""

import numpy as np
import tensorflow as tf

from keras_vaemix.blocks import as_array
from keras_vaemix.evaluation import posterior_means
from keras_vaemix.part import check_positive, require
from keras_vaemix.plots import grid, rendered


def neighbors(images, train, indices):
    """Returns a row for each generated image, which stands first, and after it its nearest training images.

    Args:
        images: Generated images [N, H, W, C].
        train: Training images [N', H, W, C].
        indices: Those of the neighbours of each in `train`, [N, k], as `evaluation.nearest_neighbors` returns them.
    """
    images, indices = np.asarray(images), np.asarray(indices)
    matches = indices.ndim == 2 and len(indices) == len(images)
    require(matches, f"indices [N, k] of the neighbours of N={len(images)} images", shape=indices.shape)
    rows = np.concatenate([images[:, None], as_array(train)[indices]], axis=1)  # [N, 1 + k, H, W, C]
    return grid(rows.reshape(-1, *images.shape[1:]), rows.shape[1])


def attribute_line(model, x, has_attribute, examples, steps=9, reach=2.0):
    r"""Returns a row for each example with an attribute taken away on the left and added on the right, itself in the middle.

    The images are decoded at :math:`z + a\,\delta`, a from -reach to reach, where :math:`\delta` is the mean latent of the examples
    with the attribute minus that of those without.

    Args:
        model: Has `latent_means(x)` -> [B, D] and `decode(z)` -> [B, H, W, C].
        x: Examples [N, H, W, C].
        has_attribute: Whether each of x has the attribute, boolean [N].
        examples: Those to change, [R, H, W, C].
        steps: Number of images in a row, odd.
        reach: The largest a.

    Raises:
        ValueError: No example has the attribute or all have it, there is not one label for each, or the model decodes other latents.
    """
    check_positive(steps=steps)
    require(steps % 2 == 1, "an odd number of steps, with the example in the middle", steps=steps)
    latents = list(getattr(model, "latent_sizes", ["z"]))
    require(len(latents) == 1, "a model that decodes one continuous latent", latents=latents)
    has_attribute = np.asarray(has_attribute)
    is_mask = has_attribute.dtype == bool and has_attribute.shape == (len(x),)
    require(is_mask, f"has_attribute to be {len(x)} booleans", shape=has_attribute.shape, dtype=str(has_attribute.dtype))
    with_it = int(has_attribute.sum())
    require(0 < with_it < len(x), "examples with the attribute and others without", with_attribute=with_it, examples=len(x))
    codes = posterior_means(model, x)
    difference = codes[has_attribute].mean(axis=0) - codes[~has_attribute].mean(axis=0)  # [D]
    line = np.linspace(-reach, reach, steps)[:, None] * difference  # [steps, D]
    z = posterior_means(model, examples)[:, None] + line  # [R, steps, D]
    return grid(model.decode(tf.constant(z.reshape(-1, z.shape[-1]), tf.float32)), steps)


def covariance_picture(codes):
    """Returns the covariance matrix of latents [N, D] as a heat map, red above zero, blue below it, white at it."""
    codes = np.asarray(codes, "float64")
    require(codes.ndim == 2 and len(codes) >= 2 and codes.size > 0, "at least two codes [N, D]", shape=codes.shape)
    covariance = np.cov(codes, rowvar=False).reshape(codes.shape[1], -1)
    limit = max(float(np.abs(covariance).max()), 1e-12)
    return heat_picture(covariance, "RdBu_r", (-limit, limit), "latent dimension", "latent dimension")


def mask_history(history):
    """Returns the values of a mask over training as a heat map, a row for each latent dimension, from 0 (white) to 1 (black).

    Args:
        history: The mask at T times, [T, D] in [0, 1].
    """
    history = np.asarray(history, "float64")
    is_history = history.ndim == 2 and history.size > 0 and np.all((history >= 0) & (history <= 1))
    require(is_history, "masks [T, D] of values in [0, 1]", shape=history.shape)
    return heat_picture(history.T, "Greys", (0, 1), "epoch", "latent dimension")


def heat_picture(values, colors, limits, xlabel, ylabel):
    """Returns a matrix as a heat map with a bar of its colours."""
    from matplotlib.figure import Figure

    figure = Figure((6, 5), dpi=100, layout="constrained")
    axes = figure.add_subplot(xlabel=xlabel, ylabel=ylabel)
    shown = axes.imshow(values, cmap=colors, vmin=limits[0], vmax=limits[1], aspect="auto", interpolation="nearest")
    for axis in (axes.xaxis, axes.yaxis):
        axis.get_major_locator().set_params(integer=True)
    figure.colorbar(shown)
    return rendered(figure)
