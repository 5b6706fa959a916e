"""The backend of Keras, of which the library needs TensorFlow."""

import os


def check_backend():
    """Raises `ValueError` unless Keras runs on TensorFlow: before Keras is imported, which fails where the other backend is absent."""
    name = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if name == "tensorflow":
        import keras

        name = keras.backend.backend()  # of keras.json, or as it was imported
    if name != "tensorflow":
        raise ValueError(
            "Expected Keras on TensorFlow, which keras_vaemix needs: set KERAS_BACKEND=tensorflow before Python starts. "
            f"Received: the backend {name}"
        )
