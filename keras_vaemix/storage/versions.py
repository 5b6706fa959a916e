"""The versions of the software that results depend on."""

import contextlib
import platform
from importlib import metadata

from keras_vaemix.version import __version__

PACKAGES = (
    "keras",
    "tensorflow",
    "tensorflow-probability",
    "numpy",
    "onnx",
    "onnxruntime",
    "tf2onnx",
    "scikit-learn",
    "umap-learn",
)


def versions():
    """Returns the versions of Python and of the packages that results depend on."""
    found = {"python": platform.python_version(), "keras_vaemix": __version__}  # a checkout need not be installed
    for package in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found
