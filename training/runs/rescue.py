"""What interrupted training leaves behind: its last whole epoch, and the batch of a step that was not finite."""

import contextlib

import numpy as np

from export.storage.files import atomically, is_full


@contextlib.contextmanager
def save_on_exit(recorder, batches, dump_bad_batch=False):
    """Saves the last whole epoch of a `fit` that ends with an error or a signal, unless the disk is full.

    Args:
        recorder: The `Recorder` of the run.
        batches: Function of an epoch, counted from zero, that returns the batches from there on.
        dump_bad_batch: Whether to write the batch of a `NotFiniteError` to bad_batch.npz in the run folder.
    """
    try:
        yield
    except BaseException as error:
        if not is_full(error):
            recorder.keep()
        if dump_bad_batch and getattr(error, "step", None):
            dump(recorder.run.folder / "bad_batch.npz", batches(error.epoch - 1), error)
        raise


def dump(path, batches, error):
    """Writes the batch of a step that was not finite: `x` and any labels `y` as given to the model, with `epoch` and `step`, from one."""
    (batch,) = batches.skip(error.step - 1).take(1).as_numpy_iterator()
    given = {"x": batch[0], "y": batch[1]} if isinstance(batch, tuple) else {"x": batch}
    with atomically(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **given, epoch=error.epoch, step=error.step)
