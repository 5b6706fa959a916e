"""Features for evaluating examples that need no training here: the values themselves, and a network that the user gives."""

from pathlib import Path

import keras
import numpy as np

from export.storage.files import first_line
from keras_vaemix.core.part import require
from training.features.network import NetworkFeatures


class Values:
    """The values of examples [N, *] as their features [N, F], for vectors on which no network is trained; the distance is FD-values."""

    name = "values"

    def __call__(self, x):
        x = np.asarray(x, "float32")
        return x.reshape(len(x), -1)


def own_network(path):
    """Returns the features of the Keras model in a file, which maps examples to vectors; they are called by the file's name and a hash.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no Keras model that loads without code of its own, or it does not give a vector for each example.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"Expected a Keras model, FILE.keras, for --features. Received: {path}, which is not there")
    try:
        network = keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # of any kind: Keras has many for a damaged file
        raise ValueError(f"Expected a Keras model for --features in {path}. Received: {first_line(error)}") from error
    shape = getattr(network, "output_shape", None)
    is_one_vector = isinstance(shape, tuple) and len(shape) == 2 and shape[1] is not None
    require(is_one_vector, f"a network for --features from examples to vectors in {path}", output_shape=shape)
    features = NetworkFeatures(path.stem, network, {"num_features": shape[1]})
    features.name = features.key  # files of one name may hold different networks, and one may be called lenet
    return features
