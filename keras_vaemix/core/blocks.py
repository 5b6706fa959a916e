"""Arrays that may be larger than memory, as those mapped from disk: taken as they come, and read a block at a time."""

import math

import numpy as np

BLOCK_BYTES = 2**26
SMALL = 64 * 64 * 3  # values of an example
MOST_VALUES = 2**20  # of larger ones, for each of which networks hold hundreds


def as_array(x):
    """Returns x itself if it has a NumPy dtype, and so is sliced to arrays, and anything else as an array."""
    return x if isinstance(getattr(x, "dtype", None), np.dtype) else np.asarray(x)


def blocks(x, num_bytes=BLOCK_BYTES):
    """Yields the rows of x [N, *] in their order, as many at a time as `num_bytes` hold, at least one: first index and array."""
    size = max(1, num_bytes // max(1, np.asarray(x[:1]).nbytes))
    for start in range(0, len(x), size):
        yield start, np.asarray(x[start : start + size])


def batch_size_for(batch_size, shape, most):
    """Returns how many examples of a shape go through a network at once: `batch_size`, or for None `most`, fewer if they are large."""
    if batch_size is not None:
        return batch_size
    size = math.prod(shape)
    return most if size <= SMALL else max(1, min(most, MOST_VALUES // size))
