"""Arrays that may be larger than memory, such as those mapped from disk: never copied whole, but read a block at a time."""

import math

import numpy as np

BLOCK_BYTES = 2**26
SMALL = 64 * 64 * 3  # values of the largest example that is called small
MOST_VALUES = 2**20  # values of a batch of larger ones; for each value networks hold hundreds


def as_array(x):
    """Returns x itself if it has a NumPy dtype, so that its slices are arrays; converts anything else to an array."""
    return x if isinstance(getattr(x, "dtype", None), np.dtype) else np.asarray(x)


def blocks(x, num_bytes=BLOCK_BYTES):
    """Yields blocks of rows of x [N, *] in order, each with its first index; a block has at most `num_bytes`, or one row."""
    size = max(1, num_bytes // max(1, np.asarray(x[:1]).nbytes))
    for start in range(0, len(x), size):
        yield start, np.asarray(x[start : start + size])


def batch_size_for(batch_size, shape, most):
    """Returns how many examples of a shape go through a network at once: `batch_size`; if None, `most`, or fewer if they are large."""
    if batch_size is not None:
        return batch_size
    size = math.prod(shape)
    return most if size <= SMALL else max(1, min(most, MOST_VALUES // size))
