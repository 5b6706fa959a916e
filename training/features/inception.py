"""The features of Inception."""

import os
from pathlib import Path

import keras
import numpy as np

from keras_vaemix.core.part import require
from training.data.sources import online
from training.features.network import NetworkFeatures

INCEPTION_SIDE, INCEPTION_FEATURES = 299, 2048
INCEPTION_FILE = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"


class InceptionFeatures(NetworkFeatures):
    """The 2,048 pooled features of Keras's InceptionV3, for images in [0, 1] of any size, grey or in colour.

    Its weights are not those of the Inception network of 2015 on which the FID is defined: call the distance FD-inception.

    Args:
        batch_size: Number of images at a time.

    Raises:
        FileNotFoundError: The weights are not on this machine and cannot be downloaded.

    Reference: C. Szegedy et al., *Rethinking the Inception Architecture for Computer Vision*, 2016.
    """

    def __init__(self, batch_size=50):
        super().__init__("inception", inception_network(), {"num_features": INCEPTION_FEATURES}, batch_size)

    def __call__(self, images):
        images = np.asarray(images, "float32")
        require(images.ndim == 4 and images.shape[-1] in (1, 3), "images [N, H, W, C] with one or three channels", shape=images.shape)
        return super().__call__(np.broadcast_to(images, (*images.shape[:3], 3)))

    def prepare(self, images):
        """Returns images clipped to [0, 1], as in a file, resized, and scaled to [-1, 1]."""
        resized = keras.ops.image.resize(np.clip(images, 0, 1), (INCEPTION_SIDE, INCEPTION_SIDE), interpolation="bilinear")
        return 2 * np.asarray(resized) - 1


def check_inception():
    """Returns what is expected, in words, of Inception's weights; raises `FileNotFoundError` without the file and a network."""
    folder = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "models"
    expected = f"the weights of Inception: choose the features lenet, or put {INCEPTION_FILE} into {folder}"
    if not (folder / INCEPTION_FILE).exists() and not online():
        raise FileNotFoundError(f"Expected {expected}. Received: no such file, and no network")
    return expected


def inception_network():
    """Returns InceptionV3 without its classifier; raises `FileNotFoundError` with the remedy if its weights cannot be downloaded."""
    expected = check_inception()
    try:
        network = keras.applications.InceptionV3(include_top=False, weights="imagenet", pooling="avg")
    except Exception as error:  # Keras raises a plain Exception if a download fails
        raise FileNotFoundError(f"Expected {expected}. Received: {error}") from error
    return network
