"""Examples by index: from arrays that fit into memory, or read on demand from large ones."""

import functools
import math

import numpy as np
import tensorflow as tf

LARGE = 2**30  # bytes above which an array is neither copied nor made a constant


class Rows:
    """Examples of a large array, in memory or mapped from disk, that are read when indexed: `rows[i]` is an array.

    Args:
        source: Array [N', *], or `Rows`.
        index: Integers [N] into it.
        scaled: Whether examples are scaled by `scale`.

    Attributes:
        shape: Shape of all examples, [N, *].
        dtype: Dtype of the examples.
    """

    def __init__(self, source, index, scaled=False):
        self.source, self.index, self.scaled = source, np.asarray(index), scaled
        self.shape = (*self.index.shape, *source.shape[1:])
        self.dtype = np.dtype("float32") if scaled else source.dtype

    @property
    def ndim(self):
        return len(self.shape)

    @property
    def nbytes(self):
        return math.prod(self.shape) * self.dtype.itemsize

    def __len__(self):
        return len(self.index)

    def __getitem__(self, i):
        x = np.asarray(self.source[self.index[i]])
        return scale(x) if self.scaled else x

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self[:], dtype)


def is_large(x):
    """Returns whether x is read on demand."""
    return isinstance(x, Rows) or x.nbytes > LARGE


def take(x, index):
    """Returns the examples of x [N', *] at an index [N]: a copy, or `Rows` of a large x."""
    return Rows(x, index) if is_large(x) else x[index]


def scaled(x):
    """Returns `scale(x)`, for a large x as `Rows`."""
    return Rows(x, np.arange(len(x)), scaled=True) if is_large(x) else scale(x)


def scale(x):
    """Returns 8-bit values over 255, and anything else as it is, in float32."""
    if isinstance(x, tf.Tensor):
        return tf.cast(x, tf.float32) / 255 if x.dtype == tf.uint8 else tf.cast(x, tf.float32)
    return x.astype("float32") / 255 if x.dtype == np.uint8 else x.astype("float32")


def gatherer(x):
    """Returns a function from indices [B], a tensor, to those examples of x [N, *]: from a constant, or read on demand from a large x."""
    if not is_large(x):
        return functools.partial(tf.gather, tf.constant(x))

    def read(index):
        examples = tf.numpy_function(lambda index: np.asarray(x[index]), [index], x.dtype, stateful=False)
        return tf.ensure_shape(examples, (*index.shape, *x.shape[1:]))

    return read
