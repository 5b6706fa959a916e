"""The scale of the values of a user's arrays: inferred from the values themselves, or given."""

import numpy as np

from keras_vaemix.core.blocks import blocks
from keras_vaemix.core.part import require

EIGHT_BITS, SIXTEEN_BITS = 255, 65535


def as_grey(name, arrays):
    """Returns arrays of a set whose 8-bit values are known to be grey values, as they are, and a description of their scaling."""
    are_8_bits = all(x.dtype == np.uint8 for x in arrays.values())
    return arrays, "8-bit values divided by 255" if are_8_bits else "values taken as they are"


def ranged(name, arrays, value_range=None):
    """Returns rescaled examples by split, and a description of what was done: values from 0 to `value_range` are scaled to [0, 1].

    Without it, the values decide, NaN apart. Zeros and ones stay as they are. Whole numbers from 0 to 255 are 8-bit grey values if their
    dtype has 8 bits, or if they are images of any dtype with a value above 127. Other integers from zero on are ambiguous, and so are
    whole numbers of any dtype in a table [N, C] whose greatest is from 128 to 255. Everything else stays as it is.

    Args:
        name: Name of the set, for errors.
        arrays: Arrays [N, *] by name.
        value_range: Number, 1 for values that stay as they are; or None.

    Raises:
        ValueError: The range is ambiguous, a value lies outside the given one, or one split has 8-bit values and another fractions.
    """
    for key, x in arrays.items():
        is_real = x.dtype == bool or (np.issubdtype(x.dtype, np.number) and not np.issubdtype(x.dtype, np.complexfloating))
        require(is_real, f"arrays of real numbers in {name}", **{key: x.dtype.name})
    low, high, are_whole = extent(arrays.values())
    found = f"values from {low:.6g} to {high:.6g}"
    if value_range != 1 and not are_whole:
        grey = [key for key, x in arrays.items() if x.dtype == np.uint8 and x.size and x.max() > 1]
        expected = f"values on one scale in all splits of {name}, as fractions or as 8-bit whole numbers"
        require(not grey, expected, in_8_bits=grey, fractions=[key for key in arrays if key not in grey])
    if value_range is None:
        value_range = range_of(name, arrays, low, high, are_whole)
    elif value_range != 1:
        require(low >= 0 and high <= value_range, f"values from 0 to --value-range in {name}", minimum=low, maximum=high, range=value_range)
    if value_range == 1:
        return {key: x.astype("float32") if x.dtype == np.uint8 else x for key, x in arrays.items()}, f"{found}, taken as they are"
    are_8_bits = value_range == EIGHT_BITS and are_whole
    divided = lambda x: x.astype("uint8", copy=False) if are_8_bits and not has_gaps(x) else (x / value_range).astype("float32")  # noqa: E731
    return {key: divided(x) for key, x in arrays.items()}, f"{found}, divided by {value_range:g}"


def extent(arrays):
    """Returns the least and the greatest of all values but NaN, and whether all of them are whole numbers."""
    low, high, are_whole = np.inf, -np.inf, True
    for x in arrays:
        for _, block in blocks(x):
            if block.size:
                low, high = np.fmin(low, float(np.fmin.reduce(block, None))), np.fmax(high, float(np.fmax.reduce(block, None)))
            are_whole = are_whole and (block.dtype.kind in "biu" or bool(np.all((block == np.round(block)) | np.isnan(block))))
    return float(low), float(high), are_whole


def has_gaps(x):
    """Returns whether a value of an array is missing: NaN."""
    return x.dtype.kind == "f" and any(np.isnan(block).any() for _, block in blocks(x))


def range_of(name, arrays, low, high, are_whole):
    """Returns the range of whole numbers from 0 to `high`, or 1 for anything else; raises `ValueError` if it is ambiguous."""
    if not (are_whole and low >= 0 and high > 1):
        return 1
    kinds, are_rows = {x.dtype for x in arrays.values()}, all(x.ndim == 2 for x in arrays.values())
    look_grey = EIGHT_BITS // 2 < high <= EIGHT_BITS
    if kinds == {np.dtype("uint8")} or (look_grey and not are_rows):
        return EIGHT_BITS
    if look_grey or any(kind.kind in "iu" for kind in kinds):
        dtypes = ", ".join(sorted(kind.name for kind in kinds))
        grey = f"{EIGHT_BITS} scales 8-bit" if high <= EIGHT_BITS else f"{SIXTEEN_BITS} scales 16-bit"
        expected = f"--value-range for whole numbers in {name}: 1 keeps counts as they are, {grey} grey values"
        require(False, expected, minimum=low, maximum=high, dtype=dtypes)
    return 1
