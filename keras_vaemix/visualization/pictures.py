"""Pictures of what latents mean: `Grid`s of neighbours, attributes, variants and transitions; heat maps and bars [H, W, C] in [0, 1]."""

import numpy as np
import tensorflow as tf

from keras_vaemix.core.blocks import as_array, batch_size_for
from keras_vaemix.core.part import check_positive, require
from keras_vaemix.evaluation import posterior_means
from keras_vaemix.evaluation.generation import batched
from keras_vaemix.visualization.grids import Grid
from keras_vaemix.visualization.plots import rendered


def neighbors(images, train, indices):
    """Returns a `Grid` with a row for each generated image: the image first, then its nearest training images.

    Args:
        images: Generated images [N, H, W, C].
        train: Training images [N', H, W, C].
        indices: Indices of each image's neighbours in `train`, [N, k], as `evaluation.nearest_neighbors` returns them.
    """
    images, indices = np.asarray(images), np.asarray(indices)
    matches = indices.ndim == 2 and len(indices) == len(images)
    require(matches, f"indices [N, k] of the neighbours of N={len(images)} images", shape=indices.shape)
    rows = np.concatenate([images[:, None], as_array(train)[indices]], axis=1)  # [N, 1 + k, H, W, C]
    columns = ("sample", *(f"nearest {i}" for i in range(1, rows.shape[1])))
    return Grid(rows.reshape(-1, *images.shape[1:]), rows.shape[1], "Samples, and the training images nearest to each", columns=columns)


def attribute_line(model, x, has_attribute, examples, steps=9, reach=2.0):
    r"""Returns a `Grid` with a row for each example, of which an attribute is removed to the left and added to the right.

    The images are decoded at :math:`z + a\,\delta`, a from -reach to reach, where :math:`\delta` is the mean latent of the examples
    with the attribute minus that of the examples without.

    Args:
        model: A model with `latent_means(x)` -> [B, D] and `decode(z)` -> [B, H, W, C].
        x: Examples [N, H, W, C].
        has_attribute: Whether each of x has the attribute, boolean [N].
        examples: Examples to change, [R, H, W, C].
        steps: Number of images in a row, odd.
        reach: The largest a.

    Raises:
        ValueError: No example or every example has the attribute, `has_attribute` is not [N], or the model does not decode one latent.
    """
    check_positive(steps=steps)
    require(steps % 2 == 1, "an odd number of steps, with the example in the middle", steps=steps)
    check_one_latent(model)
    has_attribute = np.asarray(has_attribute)
    is_mask = has_attribute.dtype == bool and has_attribute.shape == (len(x),)
    require(is_mask, f"has_attribute to be {len(x)} booleans", shape=has_attribute.shape, dtype=str(has_attribute.dtype))
    with_it = int(has_attribute.sum())
    require(0 < with_it < len(x), "examples with the attribute and others without", with_attribute=with_it, examples=len(x))
    codes = posterior_means(model, x)
    difference = codes[has_attribute].mean(axis=0) - codes[~has_attribute].mean(axis=0)  # [D]
    line = np.linspace(-reach, reach, steps)[:, None] * difference  # [steps, D]
    z = posterior_means(model, examples)[:, None] + line  # [R, steps, D]
    columns = tuple(f"{a:+.2g}" if a else "0" for a in np.linspace(-reach, reach, steps))
    title = "Reconstructions (0), with an attribute removed (-) and added (+), as multiples of its mean difference"
    return Grid(decoded(model, z.reshape(-1, z.shape[-1]), np.shape(examples)[1:]), steps, title, columns=columns)


def named_attribute_lines(model, x, has_attribute, name, num_rows=8):
    """Returns the `attribute_line` grid of a named attribute for up to `num_rows` of the examples, half without it and half with it.

    Args:
        model, x, has_attribute: As in `attribute_line`.
        name: Name of the attribute.
        num_rows: Number of examples to change.
    """
    shown = np.concatenate([np.flatnonzero(which)[: num_rows // 2] for which in (~has_attribute, has_attribute)])
    line = attribute_line(model, x, has_attribute, x[shown])
    title = f"Reconstructions (0), with the attribute {name} removed (-) and added (+), as multiples of its mean difference"
    return line._replace(title=title, rows=tuple("with it" if has_attribute[i] else "without it" for i in shown))


def variants(model, example, latents, values=(-6.0, 0.0, 6.0)):
    r"""Returns a `Grid` of an example's variants, with one latent varied along rows, another along columns, and all others unchanged.

    Args:
        model: A model with `latent_means(x)` -> [B, D] and `decode(z)` -> [B, H, W, C].
        example: Example [H, W, C]; its latents are the posterior mean, while the paper draws them.
        latents: Indices of the latents that grow to the right and downwards. `evaluation.latent_effects` ranks them.
        values: Values that both latents take.

    Raises:
        ValueError: The indices are not two different ones in [0, D), or the model does not decode one latent.

    Reference: M. Rivera, *GAMIX-VAE: A VAE with Gaussian Mixture Based Posterior*, 2023, Figure 2.
    """
    check_one_latent(model)
    z = posterior_means(model, np.asarray(example)[None])[0]
    are_two = len(set(latents)) == len(latents) == 2 and all(0 <= j < len(z) for j in latents)
    require(are_two, f"two different latents in 0..{len(z) - 1}", latents=tuple(latents))
    right, down = np.meshgrid(values, values)
    varied = np.repeat(z[None], right.size, axis=0)  # [len(values)^2, D]
    varied[:, latents[0]], varied[:, latents[1]] = right.ravel(), down.ravel()
    first, second = latents
    title = f"One example, with its latent {first} varied along rows and its latent {second} along columns"
    rows, columns = (tuple(f"z{j} = {value:g}" for value in values) for j in (second, first))
    return Grid(decoded(model, varied, np.shape(example)), len(values), title, rows, columns)


def transitions(model, first, second, steps=6):
    r"""Returns a `Grid` with a row for each pair of examples, decoded between their latents.

    Column k is decoded at :math:`z_k = (1 - \alpha_k) z_1 + \alpha_k z_2`, :math:`\alpha_k = k / (n - 1)`.

    Args:
        model: A model with `latent_means(x)` -> [B, D] and `decode(z)` -> [B, H, W, C].
        first: Examples [R, H, W, C] on the left.
        second: As many on the right.
        steps: Number n of columns.

    Raises:
        ValueError: There are fewer than two columns, the two sides differ in number, or the model does not decode one latent.

    Reference: M. Rivera, *GAMIX-VAE: A VAE with Gaussian Mixture Based Posterior*, 2023, Figure 3.
    """
    check_one_latent(model)
    require(steps >= 2, "at least two steps", steps=steps)
    require(len(first) == len(second), "as many examples on both sides", first=len(first), second=len(second))
    z1, z2 = (posterior_means(model, x)[:, None] for x in (first, second))  # [R, 1, D]
    alpha = np.linspace(0, 1, steps)[:, None]
    z = (1 - alpha) * z1 + alpha * z2  # [R, steps, D]
    columns = tuple(f"\N{GREEK SMALL LETTER ALPHA} = {a:.2g}" for a in alpha[:, 0])
    title = "Transitions between the latents of two examples, from the first (left) to the second (right)"
    return Grid(decoded(model, z.reshape(-1, z.shape[-1]), np.shape(first)[1:]), steps, title, columns=columns)


def decoded(model, z, shape):
    """Returns the images decoded from latents z [N, D], a few at a time if images of this shape are large."""
    return batched(model.decode, tf.constant(z, tf.float32), batch_size_for(None, shape, len(z)))


def check_one_latent(model):
    """Raises `ValueError` unless the model decodes one continuous latent."""
    latents = list(getattr(model, "latent_sizes", ["z"]))
    require(len(latents) == 1, "a model that decodes one continuous latent", latents=latents)


def effects_picture(effects, num_shown=20):
    """Returns the latents with the largest effects as bars, largest first, each with its index."""
    from matplotlib.figure import Figure

    effects = np.asarray(effects, "float64")
    require(effects.ndim == 1 and effects.size > 0, "effects [D]", shape=effects.shape)
    first = np.argsort(-effects, kind="stable")[:num_shown]
    figure = Figure((max(6, 0.4 * len(first)), 5), dpi=100, layout="constrained")
    which = (
        f"The {len(first)} latents with the largest effect, of {len(effects)}" if len(first) < len(effects) else "Latents by their effect"
    )
    axes = figure.add_subplot(title=which, xlabel="index of the latent", ylabel="mean change per value, latent ± one standard deviation")
    axes.bar(range(len(first)), effects[first])
    axes.set_xticks(range(len(first)), first, fontsize="small")
    return rendered(figure)


def covariance_picture(codes, what="latents"):
    """Returns the covariance matrix of latents [N, D] as a heat map, red above zero, blue below zero, white at zero; `what` they are."""
    codes = np.asarray(codes, "float64")
    require(codes.ndim == 2 and len(codes) >= 2 and codes.size > 0, "at least two codes [N, D]", shape=codes.shape)
    covariance = np.cov(codes, rowvar=False).reshape(codes.shape[1], -1)
    limit = max(float(np.abs(covariance).max()), 1e-12)
    title = f"Covariance of {codes.shape[1]} {what}, {len(codes)} examples"
    return heat_picture(covariance, "RdBu_r", (-limit, limit), title, "index of the latent", "index of the latent", "covariance")


def mask_history(history):
    """Returns the values of a mask over training as a heat map with a row for each latent dimension, from 0 (white) to 1 (black).

    Args:
        history: The mask at T epochs, [T, D] in [0, 1].
    """
    history = np.asarray(history, "float64")
    is_history = history.ndim == 2 and history.size > 0 and np.all((history >= 0) & (history <= 1))
    require(is_history, "masks [T, D] of values in [0, 1]", shape=history.shape)
    return heat_picture(history.T, "Greys", (0, 1), "The mask of the latents over training", "epoch", "index of the latent", "mask")


def heat_picture(values, colors, limits, title, xlabel, ylabel, label):
    """Returns a matrix as a heat map with a colour bar."""
    from matplotlib.figure import Figure

    figure = Figure((6, 5), dpi=100, layout="constrained")
    axes = figure.add_subplot(title=title, xlabel=xlabel, ylabel=ylabel)
    shown = axes.imshow(values, cmap=colors, vmin=limits[0], vmax=limits[1], aspect="auto", interpolation="nearest")
    for axis in (axes.xaxis, axes.yaxis):
        axis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    figure.colorbar(shown, label=label)
    return rendered(figure)
