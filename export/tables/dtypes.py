"""The dtypes of pandas: of objects that are numbers, and of what has missing values."""

import numpy as np

from export.tables import pandas as pd

OF_OBJECTS = {"boolean": "boolean", "integer": "Int64", "floating": "Float64", "mixed-integer-float": "Float64"}  # by what pandas infers


def settled(values):
    """Returns a dense `pandas.Series`; one of objects in the dtype of what they are, if they are all numbers or all booleans."""
    values = dense(values)
    inferred = pd.api.types.infer_dtype(values, skipna=True) if values.dtype == object else None
    return values.astype(OF_OBJECTS.get(inferred, values.dtype))


def dense(values):
    """Returns a `pandas.Series` in a dense dtype, in which all of pandas' ways work."""
    return values.sparse.to_dense() if isinstance(values.dtype, pd.SparseDtype) else values


def with_dtype(values, dtype):
    """Returns a `pandas.Series` in a dtype; in one that has missing values, if some are missing and it has none."""
    is_full = isinstance(dtype, np.dtype) and dtype.kind in "iub" and values.isna().any()
    return values.convert_dtypes() if is_full else values.astype(dtype)
