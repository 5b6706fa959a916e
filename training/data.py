"""Data sets: what `--dataset` names, from a local file or from TensorFlow Datasets, split and hashed."""

import difflib
import hashlib
import socket
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_vaemix import supports

SPLITS = ("train", "validation", "test")
BINARIZATION_SEED = 777


class Split(NamedTuple):
    """Examples x [N, *shape], 8-bit or in [0, 1], and labels y [N] or None."""

    x: Any
    y: Any = None


class Data(NamedTuple):
    """A data set in three splits.

    Attributes:
        support: The set in which its scaled values lie.
        is_intensity: Whether grey values may be read as probabilities of ink and be binarised at random, as the papers do.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    support: supports.Support
    is_intensity: bool = False

    @property
    def shape(self):
        return self.train.x.shape[1:]

    def sha256(self):
        """Returns the hash of all arrays of examples, in the order of the splits."""
        digest = hashlib.sha256()
        for name in SPLITS:
            digest.update(np.ascontiguousarray(getattr(self, name).x))
        return digest.hexdigest()

    def arrays(self, split, support):
        """Returns the examples of a split, fixed: scaled, and binarised once where the likelihood needs it."""
        if not self.binarizes(support):
            return scale(getattr(self, split).x)
        if split == "train":
            raise ValueError("Expected split to be validation or test: train is binarised anew in every step. Received: split='train'")
        rng = np.random.RandomState(BINARIZATION_SEED)
        drawn = {name: rng.binomial(1, scale(getattr(self, name).x)).astype("float32") for name in ("validation", "test")}
        return drawn[split]

    def binarizes(self, support):
        """Returns whether the examples are binarised at random for a likelihood with this support."""
        return support is supports.BINARY and self.is_intensity

    def batches(self, batch_size, support, seed, first_epoch=0):
        """Returns an endless `tf.data.Dataset` of training batches.

        The order of an epoch and the binarisation of its batches are functions of (seed, epoch), so that a resumed run sees what
        the interrupted one would have seen. What is left over when an epoch is cut into batches is another part each time.
        """
        x = tf.constant(self.train.x)
        binarize = self.binarizes(support)

        def epoch_batches(epoch):
            epoch_seed = tf.stack([tf.constant(seed, tf.int64), epoch])
            order = tf.random.experimental.stateless_shuffle(tf.range(len(x)), epoch_seed)
            indices = tf.data.Dataset.from_tensor_slices(order).batch(batch_size, drop_remainder=True)

            def batch(step, index):
                examples = scale(tf.gather(x, index))
                if not binarize:
                    return examples
                ink = tf.random.stateless_uniform(tf.shape(examples), tf.random.experimental.stateless_fold_in(epoch_seed, step), alg="philox")
                return tf.cast(ink < examples, tf.float32)

            return indices.enumerate().map(batch, num_parallel_calls=1)

        return tf.data.Dataset.counter(first_epoch).flat_map(epoch_batches).prefetch(8)


def scale(x):
    """Returns 8-bit values over 255, and anything else as it is, in float32."""
    if isinstance(x, tf.Tensor):
        return tf.cast(x, tf.float32) / 255 if x.dtype == tf.uint8 else tf.cast(x, tf.float32)
    return x.astype("float32") / 255 if x.dtype == np.uint8 else x.astype("float32")


def load(name, data_dir=None, image_size=64):
    """Returns the data set called `name`.

    Args:
        name: One of `NAMES`, or `npz:PATH`, or `folder:PATH`.
        data_dir: Folder of prepared files: NAME.npz there comes before TensorFlow Datasets.
        image_size: Side to which the images of a folder are resized and cropped.

    Raises:
        ValueError: The name is unknown, or the data are not usable.
        FileNotFoundError: There is no local file, no prepared copy, and no network.
    """
    kind, _, path = name.partition(":")
    if path and kind == "npz":
        return validated(from_arrays(name, read_npz(Path(path))))
    if path and kind == "folder":
        return validated(from_arrays(name, read_folder(Path(path), image_size)))
    if name == "digits":
        return validated(digits())
    if name not in NAMES:
        close = difflib.get_close_matches(name, NAMES, 3)
        hint = f"did you mean {' or '.join(close)}?" if close else f"choose one of {', '.join(NAMES)}"
        raise ValueError(f"Expected a known data set, npz:PATH or folder:PATH: {hint} Received: dataset={name!r}")
    local = Path(data_dir) / f"{name}.npz" if data_dir else None
    arrays = read_npz(local) if local and local.exists() else read_tfds(name, local)
    return validated(NAMES[name](arrays)._replace(name=name))


def validated(data):
    """Returns `data` if every split holds finite examples of one shape in the declared support."""
    for split in SPLITS:
        x = getattr(data, split).x
        supports.check_array(x[:1], supports.REAL, data.shape, f"{data.name} {split}")
        if x.dtype != np.uint8:
            supports.check_array(x, data.support, data.shape, f"{data.name} {split}")
    return data


# Sources of arrays.


def read_npz(path):
    """Returns the arrays of an .npz file; one that holds pickled objects is refused."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise FileNotFoundError(f"Expected an .npz file at {path}. Received: no such file") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise ValueError(f"Expected {path} to be a whole .npz file of plain arrays (no pickled objects). Received: {error}") from error


def read_folder(path, image_size):
    """Returns the images below `path` as 8-bit RGB [N, image_size, image_size, 3]; the folder that holds an image is its label."""
    from PIL import Image, ImageOps

    files = sorted(f for f in path.rglob("*") if f.suffix.lower() in (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")) if path.is_dir() else []
    if not files:
        raise FileNotFoundError(f"Expected a folder with images (png, jpg, bmp, gif, webp) at {path}. Received: none there")
    images = np.empty((len(files), image_size, image_size, 3), "uint8")
    for i, file in enumerate(files):
        try:
            with Image.open(file) as image:
                images[i] = np.asarray(ImageOps.fit(image.convert("RGB"), (image_size, image_size), Image.Resampling.LANCZOS))
        except (OSError, Image.DecompressionBombError) as error:
            raise ValueError(f"Expected {file} to be an image: remove or replace it. Received: {error}") from error
    labels = np.unique([str(f.parent) for f in files], return_inverse=True)[1]
    return {"x": images, "y": labels} if labels.any() else {"x": images}


def read_tfds(name, local):
    """Returns the arrays of a set from TensorFlow Datasets, under the names that the local files have."""
    looked_for = f"{local}" if local else f"{name}.npz (no --data-dir was given)"
    if name == "frey_faces":
        raise FileNotFoundError(f"Expected {looked_for}: frey_faces is not in TensorFlow Datasets; pass its folder as --data-dir. Received: no such file")
    import tensorflow_datasets as tfds

    builder = tfds.builder(name)
    if not builder.is_prepared() and not online():
        raise FileNotFoundError(
            f"Expected {looked_for}, a copy prepared by TensorFlow Datasets, or a network: "
            f"put the file into a folder and pass it as --data-dir. Received: none of the three for dataset={name!r}"
        )
    arrays = {}
    for split in ("train", "test"):
        examples = tfds.load(name, split=split, batch_size=-1, as_supervised=False)
        arrays[f"x_{split}"] = tfds.as_numpy(examples["image"])
        arrays[f"y_{split}"] = tfds.as_numpy(examples["label"])
    return arrays


def online(host="storage.googleapis.com", seconds=3):
    """Returns whether the host of most data sets can be reached, found out at once instead of after minutes of retries."""
    try:
        socket.create_connection((host, 443), seconds).close()
    except OSError:
        return False
    return True


# From arrays to splits.


def digits():
    """Returns scikit-learn's 1,797 digits of 8x8 pixels with 17 grey levels, split 1197 / 200 / 400."""
    from sklearn.datasets import load_digits

    bundled = load_digits()
    x, y = (bundled.images[..., None] / 16).astype("float32"), bundled.target
    order = np.random.default_rng(BINARIZATION_SEED).permutation(len(x))
    train, validation, test = np.split(order, [1197, 1397])
    return Data("digits", Split(x[train], y[train]), Split(x[validation], y[validation]), Split(x[test], y[test]), supports.UNIT_INTERVAL, True)


def from_arrays(name, arrays):
    """Returns a set from arrays `x_train`, `x_validation`, `x_test` with labels `y_*`, or from one array `x`, split 80 / 10 / 10."""
    if "x_val" in arrays:
        arrays = {**arrays, "x_validation": arrays["x_val"], "y_validation": arrays.get("y_val")}
    if "x" not in arrays and "x_train" not in arrays:
        raise ValueError(f"Expected an array x, or x_train (with x_validation and x_test), in {name}. Received: {sorted(arrays)}")
    arrays = {key: value for key, value in arrays.items() if value is not None}
    if "x" in arrays:
        arrays = {"x_train": arrays["x"], **({"y_train": arrays["y"]} if "y" in arrays else {})}
    whole = {name: Split(channels(arrays[f"x_{name}"]), arrays.get(f"y_{name}")) for name in SPLITS if f"x_{name}" in arrays}
    for missing in [split for split in SPLITS[1:] if split not in whole]:
        whole["train"], whole[missing] = hold_out(whole["train"], max(1, len(arrays["x_train"]) // 10))
    x = whole["train"].x
    return Data(name, *(whole[split] for split in SPLITS), support_of(x))


def hold_out(split, n):
    """Returns a split without n examples chosen at random, and those."""
    order = np.random.default_rng(BINARIZATION_SEED).permutation(len(split.x))
    pick = lambda index: Split(split.x[index], None if split.y is None else split.y[index])  # noqa: E731
    return pick(np.sort(order[n:])), pick(np.sort(order[:n]))


def support_of(x):
    """Returns the smallest support that holds the examples."""
    if not np.issubdtype(x.dtype, np.number) and x.dtype != bool:
        raise ValueError(f"Expected arrays of numbers. Received: dtype={x.dtype}")
    scaled = scale(np.asarray(x))
    return next(s for s in (supports.BINARY, supports.LEVELS, supports.UNIT_INTERVAL, supports.REAL) if s.contains(scaled))


def channels(x):
    """Returns images [N, H, W] as [N, H, W, 1], and anything else as it is."""
    return x[..., None] if x.ndim == 3 else x


def last_validated(arrays, num_validation, is_intensity):
    """Returns a set whose validation examples are the last of its training examples."""
    x, y = channels(arrays["x_train"]), arrays["y_train"]
    return Data(
        "",
        Split(x[:-num_validation], y[:-num_validation]),
        Split(x[-num_validation:], y[-num_validation:]),
        Split(channels(arrays["x_test"]), arrays["y_test"]),
        supports.LEVELS,
        is_intensity,
    )


def mnist(arrays):
    """Returns MNIST, 50,000 / 10,000 / 10,000: the last of the training examples validate."""
    return last_validated(arrays, min(10_000, len(arrays["x_train"]) // 6), True)


def omniglot(arrays):
    """Returns Omniglot, 23,000 / 1,345 / 8,070 where the file has the IWAE paper's sizes, else the alphabets' own split."""
    if "iwae_size_train_idx" not in arrays:
        grey = {**arrays, **{f"x_{s}": to_28x28(arrays[f"x_{s}"]) for s in ("train", "test")}}
        return last_validated(grey, min(1345, len(arrays["x_train"]) // 6), True)
    x = channels(np.concatenate([arrays["x_train"], arrays["x_test"]]))
    y = np.concatenate([arrays["alphabet_train"], arrays["alphabet_test"]])
    train, test = arrays["iwae_size_train_idx"], arrays["iwae_size_test_idx"]
    parts = np.split(train, [len(train) - 1345])
    return Data("", *(Split(x[index], y[index]) for index in (*parts, test)), supports.LEVELS, True)


def to_28x28(images):
    """Returns Omniglot's black-on-white RGB drawings as 28x28 grey, ink = 255, averaged over areas."""
    ink = 255 - tf.cast(images[..., :1], tf.float32)
    return tf.cast(tf.round(tf.image.resize(ink, (28, 28), "area")), tf.uint8).numpy()


def frey_faces(arrays):
    """Returns the Frey faces, 1,565 / 200 / 200 images of 28x20."""
    x = channels(arrays["x_all"])
    return Data("", *(Split(x[arrays[f"{split}_idx"]]) for split in ("train", "val", "test")), supports.LEVELS)


def cifar10(arrays):
    """Returns CIFAR-10; the last sixth of the training images validates unless the file says otherwise."""
    if "x_val" in arrays:
        return from_arrays("cifar10", {**arrays, **{f"y_{s}": np.ravel(arrays[f"y_{s}"]) for s in ("train", "val", "test") if f"y_{s}" in arrays}})
    return last_validated(arrays, len(arrays["x_train"]) // 6, False)


NAMES = {
    "digits": digits,
    "mnist": mnist,
    "fashion_mnist": mnist,
    "omniglot": omniglot,
    "frey_faces": frey_faces,
    "cifar10": cifar10,
}
