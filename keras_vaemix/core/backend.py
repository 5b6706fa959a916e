"""The backend of Keras, which must be TensorFlow, with the level of its log."""

import os


def check_backend():
    """Raises `ValueError` unless Keras runs on TensorFlow, before importing Keras, which fails if another backend is not installed.

    TensorFlow then logs nothing below a fatal error but a few notices at its import, unless `TF_CPP_MIN_LOG_LEVEL` says otherwise or it
    was imported before.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    name = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if name == "tensorflow":
        import keras

        name = keras.backend.backend()  # as keras.json says, or as it was imported
    if name != "tensorflow":
        raise ValueError(
            "Expected Keras on TensorFlow, which keras_vaemix needs: set KERAS_BACKEND=tensorflow before Python starts. "
            f"Received: the backend {name}"
        )
