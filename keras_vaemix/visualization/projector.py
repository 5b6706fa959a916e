"""The latents of examples, with labels and thumbnails, for TensorBoard's projector."""

import math
from pathlib import Path

import numpy as np
from tensorboard.plugins.projector import EmbeddingInfo, ProjectorConfig, SpriteMetadata, visualize_embeddings

from keras_vaemix.evaluation import posterior_means
from keras_vaemix.visualization.grids import in_unit
from keras_vaemix.visualization.plots import save_png

SIDE = 64  # pixels of the largest thumbnail


def write_projector(log_dir, model, x, labels=None):
    """Writes the means of the latents of examples, with what the projector shows of each point.

    The points can be coloured by label and by component, if there are any; images are shown as thumbnails.

    Args:
        log_dir: Folder of an event file below the logs, which TensorBoard takes for a run.
        model: The model.
        x: Examples [N, *]; a thousand are easily moved in a browser.
        labels: Their labels [N], or None.
    """
    log_dir = Path(log_dir)
    log_dir.mkdir(parents=True, exist_ok=True)
    z = posterior_means(model, x)
    z = np.pad(z, ((0, 0), (0, max(0, 3 - z.shape[1]))))  # the projector draws nothing of points in fewer dimensions
    np.savetxt(log_dir / "latents.tsv", z, "%.6g", "\t")
    columns = {} if labels is None else {"label": np.asarray(labels).tolist()}
    if model.has_clusters and model.can_sample():
        columns["component"] = model.cluster(x).tolist()
    columns["example"] = range(len(x))
    embedding = EmbeddingInfo(tensor_name="latents", tensor_path="latents.tsv", tensor_shape=z.shape, metadata_path="metadata.tsv")
    (log_dir / "metadata.tsv").write_text(table(columns))
    if len(x.shape) == 4 and x.shape[-1] in (1, 3):
        images = thumbnails(x)
        save_png(log_dir / "sprite.png", sprite(images))
        embedding.sprite.CopyFrom(SpriteMetadata(image_path="sprite.png", single_image_dim=images.shape[2:0:-1]))
    visualize_embeddings(str(log_dir), ProjectorConfig(embeddings=[embedding]))


def table(columns):
    """Returns columns by name as text, with a header if there are several: that of a single one would be taken for a point."""
    rows = ["\t".join(map(str, row)) for row in zip(*columns.values(), strict=True)]
    return "\n".join([*(["\t".join(columns)] if len(columns) > 1 else []), *rows]) + "\n"


def thumbnails(images):
    """Returns images [N, H, W, C] scaled as in a `Grid`, missing values grey, reduced by block means to at most 64 pixels a side."""
    n, height, width, num_channels = images.shape
    size = -(-max(height, width) // SIDE)
    cut = np.clip(np.nan_to_num(in_unit(images)[0], nan=0.5), 0, 1)[:, : height // size * size, : width // size * size]
    return cut.reshape(n, height // size, size, width // size, size, num_channels).mean(axis=(2, 4))


def sprite(images):
    """Returns images [N, H, W, C] edge to edge in one picture of as many rows as columns, from which the projector cuts them again."""
    n, height, width, num_channels = images.shape
    side = math.isqrt(n - 1) + 1
    filled = np.zeros((side**2, height, width, num_channels), "float32")
    filled[:n] = images
    return filled.reshape(side, side, height, width, num_channels).swapaxes(1, 2).reshape(side * height, side * width, num_channels)
