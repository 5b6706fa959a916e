"""Modules that are imported when something of them is first used, so that flags are read without TensorFlow."""

import contextlib
import functools
import importlib
import os


class Later:
    """A module that is imported when something of it is first used: `keras = Later("keras")` stands where `import keras` would.

    Args:
        name: The full name of the module.
    """

    def __init__(self, name):
        self.__name__ = name

    def __getattr__(self, attribute):
        return getattr(load(self.__name__), attribute)


@functools.cache
def load(name):
    """Imports a module without the notices that TensorFlow writes to standard error, whatever its log level, and returns it.

    An error of the import itself is raised as usual.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with silenced_stderr():
        importlib.import_module("keras_vaemix")  # before Keras: it has the one clear error for another backend
        return importlib.import_module(name)


@contextlib.contextmanager
def silenced_stderr():
    """Sends what is written to the file descriptor of standard error to nowhere."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
