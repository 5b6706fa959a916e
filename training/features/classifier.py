"""The features of a small classifier of the data set itself, trained once and kept."""

import hashlib
import time

import keras
import numpy as np

from export.storage.files import atomically, first_line, read_json, write_json
from keras_vaemix.core.part import require
from keras_vaemix.core.supports import UNIT_INTERVAL
from training.data.splits import in_order
from training.features.lenet import trained_classifier
from training.features.network import NetworkFeatures, cache_folder

LABELS_EXPECTED = "labels of two classes or more for lenet: choose --features inception, or FILE.keras, a network of your own"


def has_classes(data):
    """Returns whether the training examples have labels of two classes or more."""
    labels = data.labels("train")
    return labels is not None and len(np.unique(labels)) >= 2


def feature_network(data, cache=None, seed=0):
    """Returns the features of a small classifier of the data set, trained once on the labels of its training split and kept.

    They are the activations of its last hidden layer, 84, or 32 for images of fewer than 16 pixels a side. It is trained on grey
    values, even if a model of the data sees them binarised. `metadata` holds its `test_accuracy`, if the test set has the same classes.

    Args:
        data: A `Data` of images with labels.
        cache: Folder where it is kept; None is `$VAEMIX_CACHE` or `~/.cache/keras_vaemix`.
        seed: Integer; the network is a function of it and of the data.

    Raises:
        ValueError: The data have no labels, or are not images, or the kept file is damaged.
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
    except Exception as error:  # of any kind: Keras has many for a damaged file
        raise ValueError(f"Expected a whole network in {path}: remove the file to train it again. Received: {first_line(error)}") from error


def train_and_keep(path, data, labels, seed):
    """Trains the classifier and writes its feature network to `path`, after its metadata."""
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
