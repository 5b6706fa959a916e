"""What to do if XLA cannot compile a function: raise one error that names the operations and the remedy, or run it without XLA."""

import contextlib
import re

import tensorflow as tf

REFUSED = ("unsupported operations when trying to compile", "tf2xla conversion failed")


def refused(error):
    """Returns the operations that XLA refused to compile, with their layers; none for any other error."""
    is_refusal = isinstance(error, tf.errors.OpError) and any(text in error.message for text in REFUSED)
    return list(dict.fromkeys(re.findall(r"\{\{node ([^}]+)\}\}", error.message))) if is_refusal else []


@contextlib.contextmanager
def naming_refused():
    """Raises a one-line `ValueError` if XLA refuses to compile what the block runs; nothing of it has run by then."""
    try:
        yield
    except tf.errors.OpError as error:
        names = refused(error)
        if not names:
            raise
        remedy = "give layers that resize interpolation='bilinear' (UpSampling2D 'nearest' too), or call compile(jit_compile=False)"
        raise ValueError(f"Expected operations that XLA can compile: {remedy}. Received: {', '.join(names)}") from error


class Compiled:
    """A `tf.function` that XLA compiles, or that TensorFlow runs without XLA if XLA refuses.

    Args:
        function: Function of tensors and Python values.
    """

    def __init__(self, function):
        self.function, self.compiled = function, tf.function(function, jit_compile=True)

    def __call__(self, *args):
        try:
            return self.compiled(*args)
        except tf.errors.OpError as error:
            if not refused(error):
                raise
            self.compiled = tf.function(self.function)
            return self.compiled(*args)
