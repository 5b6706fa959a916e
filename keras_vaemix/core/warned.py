"""Warnings that point at the line that called the library, however deep inside they arise."""

import sys
import warnings

INSIDE = ("keras_vaemix", "keras", "tensorflow", "contextlib")  # packages between that line and the warning


def warn_caller(message: str, category: type[Warning] = UserWarning) -> None:
    """Warns, as `warnings.warn` does, at the first line outside of this library, Keras and TensorFlow."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).partition(".")[0] in INSIDE:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
