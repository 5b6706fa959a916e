"""The sets on which data and likelihoods are defined, and the one check of data against them."""

import math
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_vaemix.core.blocks import as_array, blocks
from keras_vaemix.core.part import require


class Support(NamedTuple):
    """A set of values.

    Attributes:
        name: Its name, as in "values in {0, 1}".
        remedy: How a user can bring data into it.
        inside: Function that returns which values [..., N] of an array or a tensor lie in it; [..., 1] of each row.
        pixel_range: Range of values if they can be those of pixels; 8-bit values are brought into it by dividing them by 255.
        is_unit: Whether all values are in [0, 1].
    """

    name: str
    remedy: str
    inside: Callable
    pixel_range: tuple | None = None
    is_unit: bool = True


def _levels(x):
    return (x >= 0) & (x <= 1) & (abs((x * 255 + 0.5) % 1 - 0.5) < 1e-3)


def _one_hot(x):
    return keras.ops.all((x == 0) | (x == 1), -1, keepdims=True) & (keras.ops.sum(x, -1, keepdims=True) == 1)


UNIT = (0.0, 1.0)
GREY = "binarise it, or choose ContinuousBernoulli for values in [0, 1], or PseudoBernoulli by name"
BINARY = Support("{0, 1}", GREY, lambda x: (x == 0) | (x == 1), UNIT)
UNIT_INTERVAL = Support("[0, 1]", "scale it, for example x / 255", lambda x: (x >= 0) & (x <= 1), UNIT)
OPEN_INTERVAL = Support("(0, 1)", "scale it, and move zeros and ones inside", lambda x: (x > 0) & (x < 1), UNIT)
LEVELS = Support("{0, 1/255, ..., 1}", "divide 8-bit integers by 255", _levels, UNIT)
COUNTS = Support("the counts {0, 1, 2, ...}", "remove what is negative or not whole", lambda x: (x >= 0) & (x == x // 1), is_unit=False)
ONE_HOT = Support("the one-hot vectors", "give each row one 1 among zeros, as keras.utils.to_categorical does", _one_hot)
REAL = Support("the real line", "remove what is not finite", lambda x: (x == x) | (x != x), is_unit=False)


def check_array(x, support, shape=None, name="x", mask=None, filler=0.0):
    """Raises one clear `ValueError` unless `x` is a non-empty numeric array [N, *shape] of finite values in `support`.

    With a mask [N, *shape], or True, NaN in x and values whose mask is zero are missing: `filler` takes their place.
    """
    require_dense(x, name)
    x = as_array(x)
    check_kind(x, shape, name)
    for start, block in blocks(x):
        values = block if mask is None else np.where(observed(block, mask, start), block, filler)
        with np.errstate(over="ignore"):  # what overflows is not finite
            values = values.astype("float32") if values.dtype == np.float64 else values  # as everything is computed
        check_block(values, start, support, name)


def check_kind(x, shape=None, name="x"):
    """Raises `ValueError` unless the array `x` is non-empty, numeric and of shape [N, *shape], whatever its values are."""
    require_dense(x, name)
    is_real = (np.issubdtype(x.dtype, np.number) or x.dtype == bool) and not np.iscomplexobj(x)
    require(is_real, f"{name} to be an array of real numbers", dtype=str(x.dtype))
    require(len(x.shape) > 0 and math.prod(x.shape) > 0, f"{name} to hold at least one example", shape=x.shape)
    if shape is not None:
        require(x.shape[1:] == tuple(shape), expected_shape(name, x.shape, shape), shape=x.shape)


def require_dense(x, name="x"):
    """Raises `ValueError` for a sparse matrix of SciPy, a masked array of NumPy, and a data set of batches."""
    expected = f"{name} as arrays: loop over the batches, such as np.concatenate([model.log_likelihood(x) for x in ds])"
    require(not isinstance(x, (tf.data.Dataset, keras.utils.PyDataset)), expected, **{name: type(x).__name__})
    expected = f"{name} without a mask of NumPy's, which nothing here looks at: {name}.filled(np.nan), or a dict with a 'mask'"
    require(not isinstance(x, np.ma.MaskedArray), expected, **{name: type(x).__name__})
    require(not hasattr(x, "toarray"), f"{name} as a dense array: {name}.toarray()", **{name: type(x).__name__})


def expected_shape(name, received, shape):
    """Returns that examples `name` of the shape [N, *shape] were expected, with the way to it from the shape `received` if it is plain."""
    received, shape = tuple(received), tuple(shape)
    full = ", ".join(map(str, shape))
    ways = {(*received[1:], 1): f"{name}[..., None] adds the channel", received: f"{name}[None] is a batch of one"}
    is_flat = len(received) == 2 and None not in (*shape, received[1]) and math.prod(shape) == received[1]
    way = ways.get(shape, f"{name}.reshape(-1, {full})" if is_flat else "")
    return f"{name} of shape (N, {full}){way and ': '}{way}"


def observed(block, mask, start):
    """Returns which values of a block of rows from the index `start` on are observed; the mask [N, *] is that of all rows, or True."""
    return ~np.isnan(block) & (True if mask is True else np.asarray(mask[start : start + len(block)], bool))


def check_columns(x, mask, name="x"):
    """Raises `ValueError` if a value of the examples x [N, *] is missing in all of them; `mask` as in `check_array`."""
    seen = np.zeros(x.shape[1:], bool)
    for start, block in blocks(x):
        seen |= observed(block, mask, start).any(axis=0)
    unseen = [index[0] if len(index) == 1 else tuple(index) for index in np.argwhere(~seen).tolist()]
    require(not unseen, f"an observed value in every column of {name}: leave out columns without any", columns=unseen[:10])


def remedy(x, support):
    """Returns how to bring data into the support; what looks like 8-bit values is divided by 255 first."""
    is_8_bit = support.pixel_range is not None and x.min() >= 0 and 127 < x.max() <= 255 and np.all(x == np.round(x))
    if not is_8_bit:
        return support.remedy
    by_255 = "divide 8-bit values by 255"
    return by_255 if np.all(support.inside(x / 255)) else f"{by_255}, then {support.remedy}"


def check_block(x, start, support, name):
    """Raises `ValueError` unless the examples x, numbered from `start`, are finite and in `support`."""
    finite = np.isfinite(x)
    if not finite.all():
        first, *rest = index = np.argwhere(~finite)[0].tolist()
        is_missing = np.isnan(x[tuple(index)])
        gaps = ", or, if they are missing, take a VAE, CPVAE or GMVAE whose encoders have a mask: networks.named_inputs" * bool(is_missing)
        expected = f"finite values in {name}: remove or replace the others{gaps}"
        require(False, expected, index=(start + first, *rest), value=float(x[tuple(index)]))
    inside = np.asarray(support.inside(x))  # of values, or of rows
    if not inside.all():
        expected = f"{name} in {support.name}, the likelihood's support: {remedy(x, support)}"
        first, *rest = np.argwhere(~inside)[0].tolist()[: x.ndim - (inside.shape != x.shape)]
        value, extent = x[first, *rest].tolist(), {"minimum": float(x.min()), "maximum": float(x.max())}
        require(False, expected, index=(start + first, *rest), value=value, **extent)
