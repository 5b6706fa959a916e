"""Where arrays come from: .npz files, folders of images, and TensorFlow Datasets."""

import re
import socket

import numpy as np

from keras_vaemix.core.part import require
from keras_vaemix.storage.archives import check_arrays
from training.data.images import image_files, read_images

SPLIT_NAMES = {
    "train": "train(ing)?",
    "validation": "val(id(ation)?)?",
    "test": "test(ing)?",
}  # and the usual names of each, as regular expressions
SUFFIX = "([-_ ]?(set|data|images|[0-9]+))?"


def split_of(name):
    """Returns the split that a name such as Train, valid, test_images or val2017 stands for, or None for any other name."""
    return next((split for split, names in SPLIT_NAMES.items() if re.fullmatch(names + SUFFIX, name, re.IGNORECASE)), None)


def read_npz(path):
    """Returns the arrays of an .npz file; one that holds pickled objects, or would grow beyond what `check_arrays` allows, is refused."""
    try:
        check_arrays(path)
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except FileNotFoundError:
        raise FileNotFoundError(f"Expected an .npz file at {path}. Received: no such file") from None
    except Exception as error:  # of any kind: zipfile and its decompressors have many
        raise ValueError(f"Expected {path} to be a whole .npz file of plain arrays (no pickled objects). Received: {error}") from error


def read_folder(path, image_size):
    """Returns the images below `path` as arrays: of each split if folders are named after splits, see `split_of`, else of all."""
    folders = split_folders(path)
    if not folders:
        return with_labels({"": read_images(path, image_size)})
    print(f"read {', '.join(f'{split} from {folder}' for split, folder in folders.items())} in {path}")
    return with_labels({f"_{split}": read_images(path / folder, image_size) for split, folder in folders.items()})


def split_folders(path):
    """Returns the name of the folder of each split in `path`, none if all images are one set.

    Raises:
        ValueError: Some images are in folders named after splits, but the split of each image is not clear.
    """
    below = {file.relative_to(path).parts[:-1] for file in image_files(path)[0]}
    empty = {folder.name for folder in path.iterdir() if folder.is_dir() and split_of(folder.name)}
    top = sorted({parts[0] if parts else "images beside them" for parts in below} | empty)
    inner = sorted("/".join(parts) for parts in below if any(split_of(folder) for folder in parts[1:]))
    found = {split: [name for name in top if split_of(name) == split] for split in SPLIT_NAMES}
    is_one_set = not any(found.values())
    are_splits = all(split_of(name) for name in top) and found["train"] and all(len(names) < 2 for names in found.values())
    if inner or not (is_one_set or are_splits):
        raise ValueError(
            "Expected all images in one folder train, and at most one validation and test (Training, valid, val, testing and the like will "
            "do), or no folder named like a split: move or rename folders, or pass the folder with the images themselves. "
            f"Received: {path}, with {', '.join(inner or top)}"
        )
    return {split: names[0] for split, names in found.items() if names}


def with_labels(parts):
    """Returns the arrays of the parts of a set, named with the end of each part; an image's folder is its label, the same in all parts.

    A part whose images are in no folder has no labels.

    Raises:
        ValueError: Some images of a part are in folders, and others beside these.
    """
    for end, part in parts.items():
        folders = np.unique(part["folder"]).tolist()
        expected = f"all{end.replace('_', ' ')} images in folders, which are their labels, or none: move those beside the folders"
        require("." not in folders or len(folders) == 1, expected, folders=folders[:5])
    labelled = {end: part["folder"] for end, part in parts.items() if part["folder"][0] != "."}
    folders = np.unique([folder for given in labelled.values() for folder in given])
    labels = {f"y{end}": np.searchsorted(folders, given) for end, given in labelled.items()}
    return {f"x{end}": part["x"] for end, part in parts.items()} | (labels if len(folders) > 1 else {})


def read_tfds(name, local):
    """Returns the arrays of a set from TensorFlow Datasets, under the names in local files."""
    looked_for = f"{local}" if local else f"{name}.npz (no --data-dir was given)"
    if name == "frey_faces":
        raise FileNotFoundError(f"Expected {looked_for}: {name} is not in TensorFlow Datasets, pass --data-dir. Received: no such file")
    import tensorflow_datasets as tfds

    builder = tfds.builder(name)
    if not builder.is_prepared() and not online():
        raise FileNotFoundError(
            f"Expected {looked_for}, a copy prepared by TensorFlow Datasets, or a network: "
            f"put the file, with arrays x_train, y_train, x_test and y_test, into a folder and pass it as --data-dir. "
            f"Received: none of the three for dataset={name!r}"
        )
    arrays = {}
    for split in ("train", "test"):
        batches = list(tfds.as_numpy(tfds.load(name, split=split).batch(1000)))
        arrays[f"x_{split}"] = np.concatenate([batch["image"] for batch in batches])
        arrays[f"y_{split}"] = np.concatenate([batch["label"] for batch in batches])
    return arrays


def online(host="storage.googleapis.com", seconds=3):
    """Returns whether the host of most data sets can be reached, at once instead of after minutes of retries."""
    try:
        socket.create_connection((host, 443), seconds).close()
    except OSError:
        return False
    return True
