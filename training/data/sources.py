"""Where arrays come from: .npz files, folders of images, and TensorFlow Datasets."""

import socket

import numpy as np

from training.archives import check_arrays
from training.data.images import read_images

SPLITS = ("train", "validation", "test")


def read_npz(path):
    """Returns the arrays of an .npz file; one that holds pickled objects, or would grow beyond what `check_arrays` allows, is refused."""
    try:
        check_arrays(path)
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except FileNotFoundError:
        raise FileNotFoundError(f"Expected an .npz file at {path}. Received: no such file") from None
    except Exception as error:  # of whatever kind: zipfile and what it decompresses with have many
        raise ValueError(f"Expected {path} to be a whole .npz file of plain arrays (no pickled objects). Received: {error}") from error


def read_folder(path, image_size):
    """Returns the images below `path` as arrays: of each split where there are folders train, validation and test, else of all."""
    if not (path / "train").is_dir():
        images = read_images(path, image_size)
        return with_labels({"": images})
    return with_labels({f"_{split}": read_images(path / split, image_size) for split in SPLITS if (path / split).is_dir()})


def with_labels(parts):
    """Returns the arrays of parts of a set by names that end in theirs: the folder that holds an image is its label, one in all parts."""
    folders = np.unique(np.concatenate([part["folder"] for part in parts.values()]))
    arrays = {f"x{end}": part["x"] for end, part in parts.items()}
    if len(folders) == 1:
        return arrays
    return arrays | {f"y{end}": np.searchsorted(folders, part["folder"]) for end, part in parts.items()}


def read_tfds(name, local):
    """Returns the arrays of a set from TensorFlow Datasets, under the names that the local files have."""
    looked_for = f"{local}" if local else f"{name}.npz (no --data-dir was given)"
    if name == "frey_faces":
        raise FileNotFoundError(f"Expected {looked_for}: {name} is not in TensorFlow Datasets, pass --data-dir. Received: no such file")
    import tensorflow_datasets as tfds

    builder = tfds.builder(name)
    if not builder.is_prepared() and not online():
        raise FileNotFoundError(
            f"Expected {looked_for}, a copy prepared by TensorFlow Datasets, or a network: "
            f"put the file into a folder and pass it as --data-dir. Received: none of the three for dataset={name!r}"
        )
    arrays = {}
    for split in ("train", "test"):
        batches = list(tfds.as_numpy(tfds.load(name, split=split).batch(1000)))
        arrays[f"x_{split}"] = np.concatenate([batch["image"] for batch in batches])
        arrays[f"y_{split}"] = np.concatenate([batch["label"] for batch in batches])
    return arrays


def online(host="storage.googleapis.com", seconds=3):
    """Returns whether the host of most data sets can be reached, found out at once instead of after minutes of retries."""
    try:
        socket.create_connection((host, 443), seconds).close()
    except OSError:
        return False
    return True
