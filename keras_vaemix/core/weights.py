"""Files of weights: those of this model, or one error that names the file and the shapes; Keras leaves a model half loaded."""

import contextlib
import tempfile
import warnings
from pathlib import Path

import h5py

NUM_NAMED = 3  # differences in an error


@contextlib.contextmanager
def whole(model, path):
    """Raises a `ValueError` where the block fails to load a file of weights into a model, which then has its own again."""
    own = model.get_weights()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Skipping nested container")
            yield
    except FileNotFoundError:
        raise FileNotFoundError(f"Expected a file of weights at {path}. Received: no such file") from None
    except (ValueError, KeyError, OSError) as error:
        model.set_weights(own)
        (first, *_) = differences(model, path) or str(error).splitlines() or [type(error).__name__]
        raise ValueError(f"Expected {path} to hold the weights of this model. Received: {first}") from error


def differences(model, path):
    """Returns, as a list of one text or none, which arrays of an HDF5 file are not of the shape that the model would write."""
    try:
        received = shapes(path)
    except OSError:
        return []
    with tempfile.TemporaryDirectory() as folder:
        model.save_weights(Path(folder) / "own.weights.h5")
        expected = shapes(Path(folder) / "own.weights.h5")
    names = [name for name in sorted({*expected, *received}) if expected.get(name) != received.get(name)]
    texts = [f"{name} {received.get(name, 'absent')}, not {expected.get(name, 'there')}" for name in names]
    return ["; ".join(texts[:NUM_NAMED]) + (f"; and {len(texts) - NUM_NAMED} more" if len(texts) > NUM_NAMED else "")] if texts else []


def shapes(path):
    """Returns the shapes of the arrays of an HDF5 file, by name, those of optimizers aside."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.__setitem__(name, item.shape) if isinstance(item, h5py.Dataset) else None)
    return {name: shape for name, shape in found.items() if not {"optimizer", "optimizers"} & set(name.split("/"))}
