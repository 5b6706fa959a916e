"""Data sets by name."""

import difflib
import functools
import math
import os
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_vaemix.core import supports
from keras_vaemix.core.blocks import blocks
from keras_vaemix.core.part import require
from training.data.arrays import channels, check_labels, check_used, from_arrays, with_split_names
from training.data.faces import read_celeb_a, read_celeb_a_hq
from training.data.manifolds import manifold
from training.data.rows import take
from training.data.sources import read_folder, read_npz, read_tfds
from training.data.splits import BINARIZATION_SEED, SPLITS, Data, Split
from training.data.toys import cp_vae_toy, mog_toy
from training.data.values import ranged


def load(name, data_dir=None, image_size=64, value_range=None):
    """Returns the data set called `name`.

    Args:
        name: One of `BUNDLED` or `NAMES`, or `npz:PATH`, or `folder:PATH`.
        data_dir: Folder of prepared files: NAME.npz there, or the folder celeb_a_hq, takes precedence over TensorFlow Datasets.
        image_size: Side to which images of a folder and prepared faces are resized and cropped; files of arrays stay as they are.
        value_range: Value in npz:PATH that is scaled to 1, with 0 staying 0; or None to infer it from the values, see `values.ranged`.

    Raises:
        ValueError: The name is unknown, or the data are not usable.
        FileNotFoundError: There is no local file, no prepared copy, and no network.
    """
    kind, _, path = name.partition(":")
    is_range = kind == "npz" and isinstance(value_range, (int, float)) and 0 < value_range < math.inf
    require(
        value_range is None or is_range,
        "--value-range above 0, for npz:PATH alone: other sets have their own",
        value_range=value_range,
        dataset=name,
    )
    if path and kind == "npz":
        arrays = with_split_names(name, read_npz(Path(path)))
        return validated(from_arrays(name, arrays, functools.partial(ranged, value_range=value_range)).shuffled())
    if path and kind == "folder":
        return validated(from_arrays(name, read_folder(Path(path), image_size)).shuffled())
    if name in BUNDLED:
        return validated(BUNDLED[name]())
    if name not in NAMES:
        close = difflib.get_close_matches(name, [*BUNDLED, *NAMES], 3)
        close = [f"npz:{name}"] if name.endswith(".npz") else [f"folder:{name}"] if Path(name).is_dir() else close
        hint = f"did you mean {' or '.join(close)}?" if close else f"choose one of {', '.join([*BUNDLED, *NAMES])}."
        raise ValueError(f"Expected a known data set, npz:PATH or folder:PATH: {hint} Received: dataset={name!r}")
    local = local_file(name, data_dir)
    arrays = with_split_names(local or name, read(name, local, image_size))
    try:
        data = NAMES[name](arrays)
        return grey(validated(data._replace(name=name)))
    except KeyError as missing:
        raise ValueError(f"Expected an array {missing.args[0]} in {local or name}. Received: {sorted(arrays)}") from None
    except ValueError as error:
        raise ValueError(f"{error}, in {local or name}") from error


def located(name):
    """Returns the name of a data set with the absolute path of its file or folder, if it has one."""
    kind, _, path = name.partition(":")
    return f"{kind}:{os.path.abspath(path)}" if path else name


def local_file(name, data_dir):
    """Returns the file of a named set in a folder of prepared files, or None without such a folder."""
    return Path(data_dir) / f"{name}.npz" if data_dir else None


def is_resized(name, data_dir=None):
    """Returns whether `load` resizes the images of a data set: those of a folder and prepared faces, but not those in a file of arrays."""
    local = local_file(name, data_dir)
    return name.startswith("folder:") or (name in FACES and not (local and local.exists()))


def read(name, local, image_size):
    """Returns the arrays of a set: from its local file if there is one, else from TensorFlow Datasets."""
    if local and local.exists():
        return read_npz(local)
    return FACES[name](local, image_size) if name in FACES else read_tfds(name, local)


def validated(data):
    """Returns `data` if every split holds examples of one shape in the declared support, and a label for each or none.

    NaN marks what is missing: the model decides whether it takes gaps.
    """
    for split in SPLITS:
        x, name = getattr(data, split).x, f"{data.name} {split}"
        check_labels(getattr(data, split), name)
        supports.check_kind(x, data.shape, name)
        if x.dtype != np.uint8:
            supports.check_array(x, data.support, data.shape, name, mask=True)
    if data.has_gaps():
        supports.check_columns(data.train.x, True, f"{data.name} train")
    return data


def grey(data):
    """Returns `data` of a named set, whose 8-bit values are grey values, unless they are zeros and ones: those would be divided by 255."""
    x = data.train.x
    expected = f"8-bit values from 0 to 255 in {data.name} train: save zeros and ones as float32, or take the file by npz:PATH"
    require(x.dtype != np.uint8 or any(block.max() > 1 for _, block in blocks(x)), expected, minimum=0, maximum=1)
    return data


def digits():
    """Returns scikit-learn's 1,797 digits of 8x8 pixels with 17 grey levels, split 1197 / 200 / 400."""
    from sklearn.datasets import load_digits

    bundled = load_digits()
    x, y = (bundled.images[..., None] / 16).astype("float32"), bundled.target
    order = np.random.default_rng(BINARIZATION_SEED).permutation(len(x))
    return Data("digits", *(Split(x[index], y[index]) for index in np.split(order, [1197, 1397])), supports.UNIT_INTERVAL, True)


def images(arrays, key):
    """Returns an array of images [N, H, W, C] from a file; raises `ValueError` if it holds other examples."""
    x = arrays[key]
    require(x.ndim in (3, 4) and len(x), f"images [N, H, W] or [N, H, W, C] in {key}", shape=x.shape)
    return channels(x)


def indices(arrays, key, n):
    """Returns an array of indices from a file; raises `ValueError` unless they index n examples."""
    index = arrays[key]
    are_indices = index.ndim == 1 and np.issubdtype(index.dtype, np.integer) and np.all((index >= 0) & (index < n))
    require(are_indices, f"integers from 0 to {n - 1} in {key}", shape=index.shape, dtype=str(index.dtype))
    return index


def last_validated(arrays, num_validation, is_intensity):
    """Returns a set whose validation split is the last of its training examples."""
    given = sorted({"x_validation", "y_validation"} & set(arrays))
    require(not given, "no arrays of a validation split in a file of this set, where it is the last training examples", arrays=given)
    x, y = images(arrays, "x_train"), arrays["y_train"]
    require(len(x) > num_validation > 0, "at least six training examples", x_train=x.shape)
    check_labels(Split(x, y), "x_train")
    return Data(
        "",
        Split(x[:-num_validation], y[:-num_validation]),
        Split(x[-num_validation:], y[-num_validation:]),
        Split(images(arrays, "x_test"), arrays["y_test"]),
        supports.LEVELS,
        is_intensity,
    )


def mnist(arrays):
    """Returns MNIST, 50,000 / 10,000 / 10,000: the validation split is the last of the training examples."""
    return last_validated(arrays, min(10_000, len(arrays["x_train"]) // 6), True)


def omniglot(arrays):
    """Returns Omniglot, 23,000 / 1,345 / 8,070 if the file has the IWAE paper's sizes, else the alphabets' own split."""
    if "iwae_size_train_idx" not in arrays:
        grey = {**arrays, **{f"x_{s}": to_28x28(images(arrays, f"x_{s}")) for s in ("train", "test")}}
        return last_validated(grey, min(1345, len(arrays["x_train"]) // 6), True)
    x = np.concatenate([images(arrays, "x_train"), images(arrays, "x_test")])
    y = np.concatenate([arrays["alphabet_train"], arrays["alphabet_test"]])
    check_labels(Split(x, y), "x_train and x_test")
    train, test = (indices(arrays, f"iwae_size_{split}_idx", len(x)) for split in ("train", "test"))
    require(len(train) > 1345, "more than 1,345 training examples, as many as are for validation", iwae_size_train_idx=len(train))
    parts = np.split(train, [len(train) - 1345])
    return Data("", *(Split(x[index], y[index]) for index in (*parts, test)), supports.LEVELS, True)


def to_28x28(images):
    """Returns Omniglot's black-on-white RGB drawings as 28x28 grey, ink = 255, averaged over areas."""
    ink = 255 - tf.cast(images[..., :1], tf.float32)
    return tf.cast(tf.round(tf.image.resize(ink, (28, 28), "area")), tf.uint8).numpy()


def frey_faces(arrays):
    """Returns the Frey faces, 1,565 / 200 / 200 images of 28x20."""
    x = images(arrays, "x_all")
    return Data("", *(Split(x[indices(arrays, f"{split}_idx", len(x))]) for split in ("train", "val", "test")), supports.LEVELS)


def cifar10(arrays):
    """Returns CIFAR-10; the validation split is the last sixth of the training images unless the file has its own."""
    arrays = {key: np.ravel(value) if key.startswith("y_") else value for key, value in arrays.items()}
    return from_arrays("cifar10", arrays) if "x_validation" in arrays else last_validated(arrays, len(arrays["x_train"]) // 6, False)


def celeb_a_hq(arrays):
    """Returns CelebA-HQ as in the GAMIX-VAE paper: the first four fifths, 24,000 of 30,000, less a tenth for validation; the rest test.

    The order is that of the file names as strings, if there is an array `filename` or a folder, or else that of the array `x`.
    """
    if "x" not in arrays:
        return from_arrays("celeb_a_hq", arrays)
    check_used("celeb_a_hq", arrays)
    x = channels(arrays["x"])
    order = np.argsort(arrays["filename"], kind="stable") if "filename" in arrays else np.arange(len(x))
    require(order.shape == x.shape[:1], f"one filename for each of {len(x)} images", filename=order.shape)
    train, test = np.split(order, [len(x) * 4 // 5])
    check_labels(Split(x, arrays.get("y")), "celeb_a_hq")
    given = {"x": x, "y": arrays["y"]} if "y" in arrays else {"x": x}
    parts = {f"{key}_{split}": take(value, index) for key, value in given.items() for split, index in (("train", train), ("test", test))}
    return from_arrays("celeb_a_hq", parts)


BUNDLED = {  # need no file
    "digits": digits,
    "mog_toy": mog_toy,
    "cp_vae_toy": cp_vae_toy,
    "manifold8": functools.partial(manifold, 8),
    "manifold16": functools.partial(manifold, 16),
}
NAMES = {
    "mnist": mnist,
    "fashion_mnist": mnist,
    "omniglot": omniglot,
    "frey_faces": frey_faces,
    "cifar10": cifar10,
    "celeb_a": functools.partial(from_arrays, "celeb_a"),
    "celeb_a_hq": celeb_a_hq,
}
FACES = {"celeb_a": read_celeb_a, "celeb_a_hq": read_celeb_a_hq}
