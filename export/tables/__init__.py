"""Rows of numbers back to pandas data frames, as a model's schema says, without TensorFlow; it needs the extra `keras_vaemix[tables]`."""

try:
    import pandas
except ModuleNotFoundError as error:
    raise ModuleNotFoundError('Expected pandas to be installed: pip install "keras_vaemix[tables]", or pandas. Received: none') from error

__all__ = ["pandas"]
