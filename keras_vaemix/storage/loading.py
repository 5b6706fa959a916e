"""Loads a saved model in safe mode, after a check of what its file declares."""

from pathlib import Path

import keras

from keras_vaemix.storage.archives import check_keras_file


def load_model(path):
    """Returns the model of a run, loaded with `safe_mode=True`."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"Expected a trained model at {path}. Received: no such file")
    try:
        check_keras_file(path)
        return keras.saving.load_model(path, safe_mode=True)
    except Exception as error:  # of any kind: a file can name any Keras class with any arguments
        first_line = str(error).partition("\n")[0]
        raise ValueError(f"Expected {path} to be a whole Keras model. Received: {first_line}") from error
