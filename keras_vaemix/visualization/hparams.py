"""The settings of a run with its final figures, for TensorBoard's table of hyperparameters."""

import math

import tensorflow as tf
from tensorboard.plugins.hparams import api


def write_hparams(log_dir, settings, figures, step=0):
    """Writes one row of the table, by any of whose columns TensorBoard sorts and filters runs.

    Args:
        log_dir: A folder of its own below the logs of the run: only what is in it is in the row.
        settings: Settings by name; what is not a number, a text or a truth value is written as text.
        figures: Final figures by name, dicts within it included. Finite numbers are written, as `final/*`, except counts, `num_*`.
        step: The epoch that the figures are of.
    """
    plain = {name: value if isinstance(value, (bool, int, float, str)) else str(value) for name, value in settings.items()}
    writer = tf.summary.create_file_writer(str(log_dir))
    with writer.as_default(step):
        api.hparams(plain)
        for name, value in numbers(figures, "final/").items():
            tf.summary.scalar(name, value, description="Final figure, of the evaluation after training.")
    writer.close()


def numbers(figures, prefix=""):
    """Returns the numbers of nested dicts by their paths, such as `groups/first`."""
    found = {}
    for name, value in figures.items():
        if isinstance(value, dict):
            found |= numbers(value, f"{prefix}{name}/")
        elif isinstance(value, (int, float)) and math.isfinite(value) and not name.startswith("num_"):
            found[prefix + name] = value
    return found
