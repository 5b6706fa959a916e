"""Networks whose features judge images: a small classifier of the data set itself, or Inception; and the moments of real images."""

import hashlib
import os
import time
from pathlib import Path

import keras
import numpy as np

from keras_vaemix.evaluation import Moments, sample_of
from keras_vaemix.models import LatentModel
from keras_vaemix.part import check_positive, require
from keras_vaemix.supports import UNIT_INTERVAL
from training.data.sources import online, read_npz
from training.data.splits import in_order
from training.files import atomically, cache_root, first_line, read_json, write_json
from training.lenet import hidden_units, trained_classifier

INCEPTION_SIDE, INCEPTION_FEATURES = 299, 2048
LABELS_EXPECTED = "a data set with labels of two classes or more: train lenet on another, or choose inception"
INCEPTION_FILE = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"


class NetworkFeatures:
    """Features [N, F] of images [N, H, W, C] by a network.

    Args:
        name: What figures with these features are called after, as FD-lenet.
        network: Keras model from images to features.
        metadata: A dict: what is known of the network.
        batch_size: Number of images at a time.

    Attributes:
        key: The name and a hash of the weights: what depends on these features is kept under it.
    """

    def __init__(self, name, network, metadata, batch_size=500):
        self.name, self.network, self.metadata, self.batch_size = name, network, metadata, batch_size
        digest = hashlib.sha256()
        for weight in network.get_weights():
            digest.update(np.ascontiguousarray(weight))
        self.key = f"{name}-{digest.hexdigest()[:16]}"

    def __call__(self, images):
        images, shape = np.asarray(images, "float32"), self.network.input_shape[1:]
        fits = images.ndim == 4 and all(want in (None, got) for want, got in zip(shape, images.shape[1:], strict=True))
        require(fits, f"images [N, {', '.join(str(side or '*') for side in shape)}]", shape=images.shape)
        batches = [images[i : i + self.batch_size] for i in range(0, len(images), self.batch_size)]
        return np.concatenate([self.network.predict_on_batch(self.prepare(batch)) for batch in batches])

    def prepare(self, images):
        """Returns a batch as the network takes it."""
        return images


class InceptionFeatures(NetworkFeatures):
    """The 2,048 pooled features of Keras's InceptionV3, for images in [0, 1] of any size, grey or in colour.

    Its weights are not those of the Inception network of 2015 on which the FID is defined: call the distance FD-inception.

    Args:
        batch_size: Number of images at a time.

    Raises:
        FileNotFoundError: The weights are neither on this machine nor to be had from the network.

    Reference: C. Szegedy et al., *Rethinking the Inception Architecture for Computer Vision*, 2016.
    """

    def __init__(self, batch_size=50):
        super().__init__("inception", inception_network(), {"num_features": INCEPTION_FEATURES}, batch_size)

    def __call__(self, images):
        images = np.asarray(images, "float32")
        require(images.ndim == 4 and images.shape[-1] in (1, 3), "images [N, H, W, C] with one or three channels", shape=images.shape)
        return super().__call__(np.broadcast_to(images, (*images.shape[:3], 3)))

    def prepare(self, images):
        """Returns images clipped to [0, 1], as in a file, resized, and brought to [-1, 1]."""
        resized = keras.ops.image.resize(np.clip(images, 0, 1), (INCEPTION_SIDE, INCEPTION_SIDE), interpolation="bilinear")
        return 2 * np.asarray(resized) - 1


def check_inception():
    """Returns what is expected of Inception's weights; raises `FileNotFoundError` where there is neither the file nor a network."""
    folder = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "models"
    expected = f"the weights of Inception: choose the features lenet, or put {INCEPTION_FILE} into {folder}"
    if not (folder / INCEPTION_FILE).exists() and not online():
        raise FileNotFoundError(f"Expected {expected}. Received: no such file, and no network")
    return expected


def inception_network():
    """Returns InceptionV3 without its classifier; raises `FileNotFoundError` with the remedy where its weights cannot be had."""
    expected = check_inception()
    try:
        network = keras.applications.InceptionV3(include_top=False, weights="imagenet", pooling="avg")
    except Exception as error:  # Keras raises a plain Exception where a download fails
        raise FileNotFoundError(f"Expected {expected}. Received: {error}") from error
    return network


def load_features(name, data, cache=None, seed=0):
    """Returns the features called `name`, `lenet` or `inception`; see `feature_network` and `InceptionFeatures`."""
    require(name in FEATURES, f"features to be one of {', '.join(FEATURES)}", features=name)
    return FEATURES[name](data, cache, seed)


def judging(name, model, data, split="test"):
    """Returns the name of the features that judge images of a split: what `auto` stands for, and any other name as it is, if they can.

    `auto` is lenet for autoencoders of images with labels, if there are enough images, and else none.

    Raises:
        ValueError: There are no images, no labels for lenet, or no more images than features, which a Frechet distance needs.
        FileNotFoundError: Inception's weights are neither on this machine nor to be had from the network.
    """
    if name == "none":
        return name
    if name == "auto":
        can = data.is_images() and has_classes(data) and len(getattr(data, split).x) > num_features("lenet", data.shape)
        return "lenet" if can and not isinstance(model, LatentModel) else "none"
    require(data.is_images(), f"images for --features {name}: choose none", dataset=data.name, shape=data.shape)
    require(name != "lenet" or has_classes(data), LABELS_EXPECTED, dataset=data.name)
    n, most = len(getattr(data, split).x), num_features(name, data.shape)
    require(n > most, f"more {split} images than the {most} features of {name}: add images, or choose --features none", num_images=n)
    if name == "inception":
        check_inception()
    return name


def num_features(name, shape):
    """Returns the number of features of the network called `name` for images of a shape (H, W, C)."""
    return hidden_units(shape)[-1] if name == "lenet" else INCEPTION_FEATURES


def has_classes(data):
    """Returns whether the training examples have labels of two classes or more."""
    labels = data.labels("train")
    return labels is not None and len(np.unique(labels)) >= 2


def feature_network(data, cache=None, seed=0):
    """Returns the features of a small classifier of the data set, trained once on the labels of its training split and kept.

    They are the activations of its last hidden layer, 84, or 32 for images of fewer than 16 pixels a side. It is trained on grey
    values, whatever a model of the data makes of them. `metadata` holds its `test_accuracy`, if the test set has
    the same classes.

    Args:
        data: A `Data` of images with labels.
        cache: Folder where it is kept, `$VAEMIX_CACHE` or `~/.cache/keras_vaemix` for None.
        seed: Integer; the network is a function of it and of the data.

    Raises:
        ValueError: The data have no labels, or are no images, or the file that was kept is damaged.
    """
    require(len(data.shape) == 3, "a data set of images [N, H, W, C]", dataset=data.name, shape=data.shape)
    require(has_classes(data), LABELS_EXPECTED, dataset=data.name)
    labels = data.labels("train")
    digest = hashlib.sha256(np.ascontiguousarray(labels)).hexdigest()[:16]
    path = cache_folder(data, cache) / f"lenet-{seed}-{digest}.keras"
    if not path.exists():
        train_and_keep(path, data, labels, seed)
    try:
        network = keras.models.load_model(path, compile=False, safe_mode=True)
        return NetworkFeatures("lenet", network, read_json(path.with_suffix(".json")))
    except Exception as error:  # of whatever kind: Keras has many for a damaged file
        raise ValueError(f"Expected a whole network in {path}: remove the file to train it anew. Received: {first_line(error)}") from error


def train_and_keep(path, data, labels, seed):
    """Trains the classifier and writes its feature network to `path`, after what is known of it."""
    start = time.time()
    classifier = trained_classifier(data.arrays("train", UNIT_INTERVAL), labels, seed)
    network = keras.Model(classifier.input, classifier.layers[-2].output, name="lenet")
    metadata = {
        "dataset": data.name,
        "data_sha256": data.sha256(),
        "num_features": network.output_shape[-1],
        "seed": seed,
        "seconds": round(time.time() - start, 1),
    }
    truth = data.labels("test")
    if truth is not None and np.isin(truth, labels).all():
        guesses = np.argmax(classifier.predict(in_order(data.arrays("test", UNIT_INTERVAL), 500), verbose=0), axis=1)
        metadata["test_accuracy"] = float(np.mean(guesses == truth))
    write_json(path.with_suffix(".json"), metadata)
    with atomically(path) as temporary:
        network.save(temporary)


def real_moments(data, split, features, cache=None, num_samples=10_000):
    """Returns the `Moments` of the features of at most `num_samples` grey images of a split, computed once and kept.

    They are the images that `evaluation.generation_report` takes of the split with seed 0.

    Args:
        data: A `Data` of images.
        split: `"train"`, `"validation"` or `"test"`.
        features: `NetworkFeatures`.
        cache: Folder where they are kept, as for `feature_network`.
        num_samples: At most so many images.
    """
    check_positive(num_samples=num_samples)
    x = data.arrays(split, UNIT_INTERVAL)
    index = sample_of(len(x), num_samples)
    path = cache_folder(data, cache) / f"{features.key}-{split}-{len(index)}.npz"
    if not path.exists():
        moments = Moments.of(features(x[index]), f"real {split}")
        with atomically(path) as temporary:
            np.savez(temporary, **moments._asdict())
    kept, size = read_npz(path), features.network.output_shape[-1]
    received = {name: array.shape for name, array in kept.items()}
    is_whole = received == {"mean": (size,), "covariance": (size, size), "count": ()}
    require(is_whole, f"moments of {size} features in {path}: remove the file to compute them anew", shapes=received)
    return Moments(kept["mean"], kept["covariance"], int(kept["count"]))


def cache_folder(data, cache=None):
    """Returns the folder of what is kept of a data set, made if need be."""
    folder = cache_root(cache) / data.sha256()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


FEATURES = {"lenet": feature_network, "inception": lambda data, cache, seed: InceptionFeatures()}
