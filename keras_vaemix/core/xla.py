"""What XLA cannot compile: one error that names it and the remedy, or the same function without XLA."""

import contextlib
import re

import tensorflow as tf

REFUSED = ("unsupported operations when trying to compile", "tf2xla conversion failed")


def refused(error):
    """Returns the operations, with the layers that they are of, for which XLA refused to compile; none for another error."""
    is_refusal = isinstance(error, tf.errors.OpError) and any(text in error.message for text in REFUSED)
    return list(dict.fromkeys(re.findall(r"\{\{node ([^}]+)\}\}", error.message))) if is_refusal else []


@contextlib.contextmanager
def naming_refused():
    """Raises a `ValueError` of one line where XLA refuses to compile what the block runs: nothing of it has run yet."""
    try:
        yield
    except tf.errors.OpError as error:
        names = refused(error)
        if not names:
            raise
        remedy = "give layers that resize interpolation='bilinear' (UpSampling2D 'nearest' too), or call compile(jit_compile=False)"
        raise ValueError(f"Expected operations that XLA can compile: {remedy}. Received: {', '.join(names)}") from error


class Compiled:
    """A `tf.function` that XLA compiles, and TensorFlow alone runs where XLA refuses.

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
