"""The choice of the features in which the examples of a model and a data set are compared."""

import math

from keras_vaemix.core.part import require
from training.features.classifier import LABELS_EXPECTED, feature_network, has_classes
from training.features.inception import INCEPTION_FEATURES, InceptionFeatures, check_inception
from training.features.lenet import hidden_units
from training.features.own import Values, own_network

FILE = ".keras"  # end of the name of a network that the user gives


def load_features(name, data, cache=None, seed=0):
    """Returns the features called `name`, `lenet`, `inception` or `values`, or those of the network in a file FILE.keras.

    See `feature_network`, `InceptionFeatures`, `Values` and `own_network`. Networks learn from all training examples, even if the data
    have a part of them.
    """
    if name.endswith(FILE):
        return own_network(name)
    require(name in FEATURES, f"features to be one of {', '.join(FEATURES)}, or a file NAME{FILE}", features=name)
    return FEATURES[name](data.whole or data, cache, seed)


def resolve_features(name, model, data, split="test"):
    """Returns the name of the features for evaluating examples of a split: `auto` resolved, or any other name, if these can be used.

    `auto` is for autoencoders: lenet for images with labels, values for vectors, if there are enough examples, or else none.

    Raises:
        ValueError: The network takes other examples, there are no labels for lenet, or not more examples than features, as a Frechet
            distance needs.
        FileNotFoundError: Inception's weights are not on this machine, and there is no network, or the file is not there.
    """
    n = len(getattr(data, split).x)
    if name == "auto":
        fitting = "values" if len(data.shape) == 1 else "lenet" if data.is_images() and has_classes(data) else "none"
        return "none" if model.has_likelihood or fitting == "none" or n <= num_features(fitting, data.shape) else fitting
    if name == "none":
        return name
    if name.endswith(FILE):
        own = own_network(name)
        own.check(data.shape)
        most = own.metadata["num_features"]
    else:
        require(name == "values" or data.is_images(), f"images for --features {name}: choose none", dataset=data.name, shape=data.shape)
        require(name != "lenet" or has_classes(data), LABELS_EXPECTED, dataset=data.name)
        most = num_features(name, data.shape)
    require(n > most, f"more {split} examples than the {most} features of {name}: add some, or choose --features none", num_examples=n)
    if name == "inception":
        check_inception()
    return name


def num_features(name, shape):
    """Returns the number of features called `name` of examples of a shape."""
    return {"lenet": lambda: hidden_units(shape)[-1], "inception": lambda: INCEPTION_FEATURES, "values": lambda: math.prod(shape)}[name]()


FEATURES = {
    "lenet": feature_network,
    "inception": lambda data, cache, seed: InceptionFeatures(),
    "values": lambda data, cache, seed: Values(),
}
