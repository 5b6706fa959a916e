"""The choice of the network whose features are used to evaluate the images of a model and a data set."""

from keras_vaemix.core.part import require
from training.features.classifier import LABELS_EXPECTED, feature_network, has_classes
from training.features.inception import INCEPTION_FEATURES, InceptionFeatures, check_inception
from training.features.lenet import hidden_units


def load_features(name, data, cache=None, seed=0):
    """Returns the features called `name`, `lenet` or `inception`; see `feature_network` and `InceptionFeatures`."""
    require(name in FEATURES, f"features to be one of {', '.join(FEATURES)}", features=name)
    return FEATURES[name](data, cache, seed)


def resolve_features(name, model, data, split="test"):
    """Returns the name of the features for evaluating images of a split: `auto` resolved, or any other name, if these can be used.

    `auto` is lenet for autoencoders of images with labels, if there are enough images, or else none.

    Raises:
        ValueError: There are no images, no labels for lenet, or not more images than features, as a Frechet distance needs.
        FileNotFoundError: Inception's weights are not on this machine, and there is no network.
    """
    if name == "none":
        return name
    if name == "auto":
        can = data.is_images() and has_classes(data) and len(getattr(data, split).x) > num_features("lenet", data.shape)
        return "lenet" if can and not model.has_likelihood else "none"
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


FEATURES = {"lenet": feature_network, "inception": lambda data, cache, seed: InceptionFeatures()}
