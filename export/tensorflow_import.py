"""Import TensorFlow without the start-up notices that it writes to standard error whatever its log level."""

import contextlib
import importlib
import os


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


def import_tensorflow():
    """Imports TensorFlow and everything that imports it; an error of the import itself is raised as usual."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with silenced_stderr():
        importlib.import_module("keras_vaemix")
