"""Pictures as arrays [H, W, C] in [0, 1]: grids of images, reconstructions, and one row of samples per component."""

import numpy as np


def grid(images, num_columns, pad=1):
    """Returns images [N, H, W, C] side by side, row after row, as one [H', W', C]."""
    images = np.clip(np.asarray(images, "float32"), 0, 1)
    n, height, width, num_channels = images.shape
    num_rows = -(-n // num_columns)
    canvas = np.ones((num_rows, height + pad, num_columns, width + pad, num_channels), "float32")
    for i, image in enumerate(images):
        canvas[i // num_columns, :height, i % num_columns, :width] = image
    return canvas.reshape(num_rows * (height + pad), num_columns * (width + pad), num_channels)[:-pad, :-pad]


def pairs(x, reconstructions, num_columns=8):
    """Returns a grid with each row of examples above the row of their reconstructions."""
    x, reconstructions = np.asarray(x), np.asarray(reconstructions)
    rows = [part[i : i + num_columns] for i in range(0, len(x) - num_columns + 1, num_columns) for part in (x, reconstructions)]
    return grid(np.concatenate(rows), num_columns)


def component_samples(model, num_columns=10, max_rows=50, seed=0):
    """Returns a grid of samples from the model's prior, a row for each component, the heaviest first.

    Where there are more components than `max_rows`, the heaviest are shown, ties by index; a prior that is no mixture fills ten
    rows.
    """
    if model.num_components == 1:
        return grid(model.sample(10 * num_columns, seed=seed), num_columns)
    heaviest = np.argsort(-np.asarray(model.log_weights()), kind="stable")[:max_rows]
    return grid(np.concatenate([model.sample(num_columns, int(k), seed + i) for i, k in enumerate(heaviest)]), num_columns)


def save_png(path, image, zoom=1):
    """Writes a picture [H, W, C] in [0, 1] as PNG, each pixel `zoom` times as large."""
    from PIL import Image

    pixels = np.round(255 * np.asarray(image)).astype("uint8").repeat(zoom, 0).repeat(zoom, 1)
    Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels).save(path)
