"""Rows of numbers back to pandas data frames, as a model's schema says, without TensorFlow; it needs the extra `tables`."""

try:
    import pandas
except ModuleNotFoundError as error:
    raise ModuleNotFoundError('Expected pandas to be installed: pip install ".[tables]" in a clone, or pandas. Received: none') from error

__all__ = ["pandas"]
