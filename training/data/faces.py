"""The faces of CelebA and CelebA-HQ from a folder, or from copies prepared by TensorFlow Datasets, resized to one size."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from training.data.image_cache import cached
from training.data.sources import read_folder

RESOLUTIONS = (32, 64, 128, 256, 512, 1024)


def read_celeb_a(local, image_size):
    """Returns CelebA's three splits, the middle square of each image resized to image_size."""
    builder, arrays = prepared(["celeb_a"], local), {}
    for split in ("train", "validation", "test"):
        arrays[f"x_{split}"], _, attributes = squares(builder, split, image_size)
        arrays |= {f"attributes_{split}": attributes, "attribute_names": np.array(names_of(builder))}
    return arrays


def read_celeb_a_hq(local, image_size):
    """Returns CelebA-HQ in the order of its file names, from the folder celeb_a_hq beside the local file if there is one.

    Otherwise it comes with these names, from the smallest prepared resolution that is at least image_size.
    """
    if local and local.with_suffix("").is_dir():
        return read_folder(local.with_suffix(""), image_size)
    builder = prepared([f"celeb_a_hq/{resolution}" for resolution in RESOLUTIONS if resolution >= image_size], local)
    x, names, _ = squares(builder, "train", image_size)
    return {"x": x, "filename": names}


def prepared(names, local):
    """Returns the first of the named builders whose data are prepared; neither set can simply be downloaded.

    Raises:
        FileNotFoundError: There is none.
    """
    import tensorflow_datasets as tfds

    builders = (tfds.builder(name) for name in names)
    builder = next((builder for builder in builders if builder.is_prepared()), None)
    if builder is None:
        raise FileNotFoundError(
            f"Expected {local or 'a file NAME.npz in --data-dir'}, or a copy of {' or '.join(names) or 'at most 1024 pixels'} prepared "
            "by TensorFlow Datasets (tfds build, see its catalogue), or pass --dataset folder:PATH. Received: none of these"
        )
    return builder


def names_of(builder):
    """Returns the names of the attributes of a builder's images, sorted."""
    features = builder.info.features
    return sorted(features["attributes"].keys()) if "attributes" in features else []


def squares(builder, split, image_size):
    """Returns the middle squares of the images of a split.

    Returns:
        8-bit images [N, image_size, image_size, 3], the names of their files, and their attributes, booleans [N, A], which may be none.
    """
    import tensorflow_datasets as tfds

    attribute_names = names_of(builder)

    def square(example):
        image, name = example["image"], example.get("image/filename", "")
        has = [example["attributes"][name] for name in attribute_names]
        side = min(image.shape[:2])
        top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
        cropped = tf.cast(image[top : top + side, left : left + side], tf.float32)
        resized = tf.image.resize(cropped, (image_size, image_size), "lanczos3", antialias=True)
        return tf.saturate_cast(tf.round(resized), tf.uint8), name, tf.stack(has) if has else tf.zeros(0, bool)

    dataset = builder.as_dataset(split=split).map(square, num_parallel_calls=tf.data.AUTOTUNE)

    def decode(images):
        names, attributes = [], []
        for image, name, has in tfds.as_numpy(dataset):
            images[len(names)] = image
            names.append(name.decode())
            attributes.append("".join("1" if one else "0" for one in has))
        return {"names": names, "attributes": attributes}

    folder = Path(builder.data_dir)
    images, notes = cached(
        folder, sorted(folder.glob(f"*-{split}.*")), (len(dataset), image_size, image_size, 3), decode, ["names", "attributes"]
    )
    attributes = np.array([[one == "1" for one in has] for has in notes["attributes"]], bool)
    return images, np.array(notes["names"]), attributes
