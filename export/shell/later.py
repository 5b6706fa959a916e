"""Modules that are imported on first use, so that flags are read without TensorFlow."""

import contextlib
import functools
import importlib
import os


class Later:
    """A module that is imported on first use: `keras = Later("keras")` replaces `import keras`.

    Args:
        name: The full name of the module.
    """

    def __init__(self, name):
        self.__name__ = name

    def __getattr__(self, attribute):
        return getattr(load(self.__name__), attribute)


@functools.cache
def load(name):
    """Imports and returns a module without the notices that TensorFlow writes to standard error at any log level.

    An error in the import itself is raised as usual.
    """
    with silenced_stderr():
        importlib.import_module("keras_vaemix")  # before Keras: it raises the one clear error for another backend
        return importlib.import_module(name)


@contextlib.contextmanager
def silenced_stderr():
    """Discards everything that is written to the file descriptor of standard error."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
