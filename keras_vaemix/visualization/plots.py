"""Pictures as arrays [H, W, C] in [0, 1]: grids of images, reconstructions, samples of each component, categories against labels."""

import numpy as np


def grid(images, num_columns, pad=1):
    """Returns images [N, H, W, C] arranged in rows as one image [H', W', C]."""
    images = np.clip(np.asarray(images, "float32"), 0, 1)
    n, height, width, num_channels = images.shape
    num_rows = -(-n // num_columns)
    canvas = np.ones((num_rows, height + pad, num_columns, width + pad, num_channels), "float32")
    for i, image in enumerate(images):
        canvas[i // num_columns, :height, i % num_columns, :width] = image
    return canvas.reshape(num_rows * (height + pad), num_columns * (width + pad), num_channels)[:-pad, :-pad]


def pairs(x, reconstructions, num_columns=8):
    """Returns a grid with each row of examples above the row of their reconstructions; only whole rows, or one if examples are fewer."""
    x, reconstructions = np.asarray(x), np.asarray(reconstructions)
    num_columns = min(num_columns, len(x))
    rows = [part[i : i + num_columns] for i in range(0, len(x) - num_columns + 1, num_columns) for part in (x, reconstructions)]
    return grid(np.concatenate(rows), num_columns)


def component_samples(model, num_columns=10, max_rows=50, seed=0):
    """Returns a grid of samples from the model's prior, a row for each component, in order of decreasing weight.

    At most `max_rows` components are shown, with ties in the order of their indices; a prior that is not a mixture fills ten rows.
    """
    if model.num_components == 1:
        return grid(model.sample(10 * num_columns, seed=seed), num_columns)
    heaviest = np.argsort(-np.asarray(model.log_weights()), kind="stable")[:max_rows]
    return grid(np.concatenate([model.sample(num_columns, int(k), seed + i) for i, k in enumerate(heaviest)]), num_columns)


def heat_map(table, max_rows=50, max_columns=100):
    """Returns a picture of how the examples of each category are distributed over labels, a row for each category, largest first.

    Each cell is the fraction of a label in the category's examples, printed as a number for up to 20 labels; each row is labelled with
    the category and its fraction of all examples. Ties are in the order of indices; the largest `max_rows` categories and the first
    `max_columns` labels are shown.

    Args:
        table: Numbers of examples [K, L], as `evaluation.category_table` returns them.
        max_rows: Largest number of categories.
        max_columns: Largest number of labels.
    """
    from matplotlib.figure import Figure

    table = np.asarray(table, "float64")
    use = table.sum(axis=1) / max(table.sum(), 1)
    rows, num_columns = np.argsort(-use, kind="stable")[:max_rows], min(table.shape[1], max_columns)
    shares = (table / np.maximum(table.sum(axis=1, keepdims=True), 1))[rows, :num_columns]
    figure = Figure((2 + 0.5 * min(num_columns, 20), 1 + 0.3 * len(rows)), dpi=100, layout="constrained")
    axes = figure.add_subplot(xlabel="label", ylabel="category and its share of examples")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_yticks(range(len(rows)), [f"{k}   {use[k]:.1%}" for k in rows])
    if num_columns <= 20:
        axes.set_xticks(range(num_columns))
        for i, j in np.argwhere(shares >= 0.005):
            color = "white" if shares[i, j] > 0.5 else "black"
            axes.text(j, i, f"{shares[i, j]:.2f}", ha="center", va="center", fontsize=8, color=color)
    return rendered(figure)


def rendered(figure):
    """Returns a Matplotlib figure as a picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].astype("float32") / 255


def save_png(path, image, zoom=1):
    """Writes a picture [H, W, C] in [0, 1] as a PNG, with each pixel enlarged `zoom` times."""
    from PIL import Image

    pixels = np.round(255 * np.asarray(image)).astype("uint8").repeat(zoom, 0).repeat(zoom, 1)
    Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels).save(path)
