"""Pictures of reconstructions, of samples of each component, and of how examples are distributed over components and labels."""

import numpy as np

from keras_vaemix.visualization.grids import Grid


def pairs(x, reconstructions, num_columns=8):
    """Returns a `Grid` with each row of examples above that of their reconstructions; only whole rows, or one if examples are fewer."""
    x, reconstructions = np.asarray(x), np.asarray(reconstructions)
    num_columns = min(num_columns, len(x))
    starts = range(0, len(x) - num_columns + 1, num_columns)
    rows = [part[i : i + num_columns] for i in starts for part in (x, reconstructions)]
    captions = ("original", "reconstruction") * len(starts)
    return Grid(np.concatenate(rows), num_columns, "Examples, and below each its reconstruction", captions)


def component_samples(model, num_columns=10, max_rows=20, seed=0, conditions=None):
    """Returns a `Grid` of samples from the model's prior, a row for each component, in order of decreasing weight.

    At most `max_rows` components are shown, with ties in the order of their indices; a prior that is not a mixture fills ten rows.
    For a model that is conditioned, each column has one of the first `num_columns` of `conditions`, [N, A].
    """
    given, what, columns = {}, "Samples: decoded draws from the prior", ()
    if conditions is not None:
        given["y"] = np.asarray(conditions)[:num_columns]
        num_columns, columns = len(given["y"]), tuple(f"y[{i}]" for i in range(len(given["y"])))
        what = f"{what}, given one condition y in each column"
    if model.num_components == 1:
        given = {name: np.tile(y, (10, 1)) for name, y in given.items()}
        return Grid(model.sample(10 * num_columns, seed=seed, **given), num_columns, what, columns=columns)
    weights = np.exp(model.log_weights())
    heaviest = np.argsort(-weights, kind="stable")[:max_rows]
    images = [model.sample(num_columns, int(k), seed + i, **given) for i, k in enumerate(heaviest)]
    which = "each component" if len(heaviest) == len(weights) else f"{len(heaviest)} of {len(weights)} components"
    which += ", heaviest first" if np.ptp(weights) > 1e-6 else ""
    rows = tuple(f"component {k}\n{weights[k]:.1%}" for k in heaviest)
    return Grid(np.concatenate(images), num_columns, f"{what}, a row for {which}, with weights", rows, columns)


def images_in_order(images, title, num_columns=10):
    """Returns a `Grid` of images [N, H, W, C], each row captioned with the indices of its images."""
    starts = range(0, len(images), num_columns)
    return Grid(images, num_columns, title, tuple(f"{i} to {min(i + num_columns, len(images)) - 1}" for i in starts))


def component_use(use, weights):
    """Returns a picture of the use of each component, as bars, beside its weight in the prior.

    Args:
        use: Mean responsibilities of the components for examples, [K].
        weights: Their weights in the prior, [K].
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure((7, 3.5), dpi=100, layout="constrained")
    axes = figure.add_subplot(title="Use of the components", xlabel="component", ylabel="fraction")
    axes.bar(range(len(use)), use, label="mean responsibility for the examples")
    axes.step(range(len(use)), weights, "k", where="mid", linewidth=1, label="weight in the prior")
    axes.xaxis.set_major_locator(MaxNLocator(20, integer=True))
    axes.set(xlim=(-0.5, len(use) - 0.5), ylim=(0, 1.3 * max(*use, *weights)))
    axes.legend(fontsize=8, loc="upper right", ncols=2)
    return rendered(figure)


def heat_map(table, max_rows=50, max_columns=100):
    """Returns a picture of how the examples of each component in use are distributed over labels, a row for each, largest first.

    Each cell is the fraction of a label in the component's examples, printed as a number for up to 20 labels; each row is labelled with
    the component and its fraction of all examples. Ties are in the order of indices; the largest `max_rows` components and the first
    `max_columns` labels are shown.

    Args:
        table: Numbers of examples [K, L], as `evaluation.category_table` returns them.
        max_rows: Largest number of components.
        max_columns: Largest number of labels.
    """
    from matplotlib.figure import Figure

    table = np.asarray(table, "float64")
    use = table.sum(axis=1) / max(table.sum(), 1)
    num_used = np.count_nonzero(use)
    rows, num_columns = np.argsort(-use, kind="stable")[: min(max(num_used, 1), max_rows)], min(table.shape[1], max_columns)
    shares = (table / np.maximum(table.sum(axis=1, keepdims=True), 1))[rows, :num_columns]
    figure = Figure((max(6, 2 + 0.5 * min(num_columns, 20)), max(3.5, 1.2 + 0.3 * len(rows))), dpi=100, layout="constrained")
    axes = figure.add_subplot(xlabel="label", ylabel="component, and its\nfraction of all examples")
    title = f"Labels of the examples of each component, as fractions\n({num_used} of {len(use)} components in use)"
    axes.set_title(title, fontsize="medium")
    shown = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_yticks(range(len(rows)), [f"{k}   {use[k]:.1%}" for k in rows])
    if num_columns <= 20:
        axes.set_xticks(range(num_columns))
        for i, j in np.argwhere(shares >= 0.005):
            color = "white" if shares[i, j] > 0.5 else "black"
            axes.text(j, i, f"{shares[i, j]:.2f}", ha="center", va="center", fontsize=8, color=color)
    else:
        figure.colorbar(shown, label="fraction of the component's examples")
    return rendered(figure)


def rendered(figure):
    """Returns a Matplotlib figure as a picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].astype("float32") / 255


def save_png(path, image):
    """Writes a picture [H, W, C] in [0, 1] as a PNG."""
    from PIL import Image

    pixels = np.round(255 * np.asarray(image)).astype("uint8")
    Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels).save(path)
