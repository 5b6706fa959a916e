"""Weight files: a model loads one completely, or stays as it was with one error that names file and shapes; Keras half loads it."""

import contextlib
import tempfile
import warnings
from pathlib import Path

import h5py

NUM_NAMED = 3  # differences listed in an error


@contextlib.contextmanager
def whole(model, path):
    """Raises a `ValueError` if the block fails to load a weight file into a model, and restores the model's own weights."""
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
    """Returns a list of at most one text: which arrays of an HDF5 file do not have the shapes that the model would write."""
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
    """Returns the shapes of the arrays in an HDF5 file by name, without those of optimizers."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.__setitem__(name, item.shape) if isinstance(item, h5py.Dataset) else None)
    return {name: shape for name, shape in found.items() if not {"optimizer", "optimizers"} & set(name.split("/"))}
