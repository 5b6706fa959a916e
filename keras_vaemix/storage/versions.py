"""The versions of what figures depend on."""

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
    """Returns the versions of Python and of what figures depend on."""
    found = {"python": platform.python_version(), "keras_vaemix": __version__}  # that of a checkout is not among the installed ones
    for package in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found
