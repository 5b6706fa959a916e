"""Features of examples by a network."""

import hashlib

import numpy as np

from export.storage.files import cache_root
from keras_vaemix.core.part import require


class NetworkFeatures:
    """Features [N, F] of examples [N, *], such as images [N, H, W, C], by a network.

    Args:
        name: Name that figures with these features carry, as in FD-lenet.
        network: Keras model from examples to features.
        metadata: A dict of facts about the network.
        batch_size: Number of examples at a time.

    Attributes:
        key: The name and a hash of the weights, under which results that depend on these features are kept.
    """

    def __init__(self, name, network, metadata, batch_size=500):
        self.name, self.network, self.metadata, self.batch_size = name, network, metadata, batch_size
        digest = hashlib.sha256()
        for weight in network.get_weights():
            digest.update(np.ascontiguousarray(weight))
        self.key = f"{name}-{digest.hexdigest()[:16]}"

    def __call__(self, images):
        images = np.asarray(images, "float32")
        self.check(images.shape[1:])
        batches = [images[i : i + self.batch_size] for i in range(0, len(images), self.batch_size)]
        return np.concatenate([self.network.predict_on_batch(self.prepare(batch)) for batch in batches])

    def check(self, shape):
        """Raises `ValueError` unless the network takes examples of this shape."""
        own = self.network.input_shape[1:]
        fits = len(own) == len(shape) and all(want in (None, got) for want, got in zip(own, shape, strict=True))
        require(fits, f"examples [N, {', '.join(str(side or '*') for side in own)}] for {self.name}", shape=tuple(shape))

    def prepare(self, images):
        """Returns a batch in the form that the network takes."""
        return images


def cache_folder(data, cache=None):
    """Returns the cache folder of a data set, created if necessary."""
    folder = cache_root(cache) / data.sha256()
    folder.mkdir(parents=True, exist_ok=True)
    return folder
