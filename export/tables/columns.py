"""The kinds of a table's columns: how values of a data frame are numbers of a row, and numbers are values again."""

import abc
import dataclasses
import math

import numpy as np

from export.manifest import check
from export.tables import pandas as pd
from export.tables.dtypes import dense, settled, with_dtype

EXACT = 2**53  # whole numbers up to this one are exact in float64


@dataclasses.dataclass
class Column(abc.ABC):
    """Abstract: a column of a data frame, which takes `width` numbers of a row.

    Attributes:
        name: Its name.
        dtype: Name of the pandas dtype of its values.
        values: The different values, where they are few.
    """

    name: str
    dtype: str
    values = ()
    width = 1

    def __post_init__(self):
        check(isinstance(self.name, str), "columns whose names are text", self.name)
        try:
            pd.api.types.pandas_dtype(self.dtype)
        except TypeError:
            check(False, f"a pandas dtype of column {self.name!r}", self.dtype)

    @classmethod
    @abc.abstractmethod
    def of(cls, values):
        """Returns the column that a `pandas.Series` is one of."""

    @abc.abstractmethod
    def encode(self, values):
        """Returns a `pandas.Series` of N values as numbers [N, width], NaN where they are missing; raises `ValueError` for others."""

    @abc.abstractmethod
    def decode(self, x):
        """Returns numbers [N, width] that `nearest` does not change as a `pandas.Series`."""

    @abc.abstractmethod
    def nearest(self, x):
        """Returns for numbers [N, width] the nearest that values are encoded as."""

    def mean_names(self):
        """Returns a name for each of the means [N, width]."""
        return [self.name]

    def schema(self):
        """Returns the column as a dict that JSON can hold."""
        return {"kind": self.kind, **dataclasses.asdict(self)}


class Numeric(Column):
    """Abstract: a column of numbers.

    Where their dtype is one of integers, decoded numbers are rounded, and kept within its limits; where it is one of booleans, those above
    0.5 are True.
    """

    @classmethod
    def of(cls, values):
        return cls(values.name, str(settled(values).dtype))

    def encode(self, values):
        values = settled(values)
        is_real = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_complex_dtype(values)
        check(is_real or values.isna().all(), f"numbers in column {self.name!r}", f"dtype {values.dtype}")
        x = values.to_numpy("float64", na_value=np.nan)
        check(not np.isinf(x).any(), f"finite numbers in column {self.name!r}", x[np.isinf(x)][:1])
        return x[:, None]

    def decode(self, x):
        values, dtype = x[:, 0].astype("float64"), pd.api.types.pandas_dtype(self.dtype)
        if pd.api.types.is_bool_dtype(dtype):
            return with_dtype(pd.Series(values > 0.5, dtype="boolean").mask(np.isnan(values)), dtype)
        if pd.api.types.is_integer_dtype(dtype):
            limits = np.iinfo(getattr(dtype, "numpy_dtype", dtype))
            largest = limits.max if limits.max <= EXACT else np.nextafter(float(limits.max), 0)  # float64 rounds it up
            values = np.clip(np.rint(values), limits.min, largest)
        return with_dtype(pd.Series(values), dtype)


class Number(Numeric):
    """A column of real numbers."""

    kind = "number"

    def nearest(self, x):
        return x


class Count(Numeric):
    """A column of counts."""

    kind = "count"

    def nearest(self, x):
        return np.maximum(np.rint(x), 0)


@dataclasses.dataclass
class Labelled(Column):
    """Abstract: a column with few different values, whose numbers say which one it is.

    Attributes:
        values: The values: texts, numbers or booleans.
        ordered: Whether they are in an order, in a column of pandas' dtype category; None in any other.
    """

    values: tuple
    ordered: bool | None = None

    def __post_init__(self):
        super().__post_init__()
        are_labels = isinstance(self.values, (list, tuple)) and len(self.values) > 1 and all(map(is_label, self.values))
        check(are_labels, f"several texts, numbers or booleans in column {self.name!r}", self.values)
        check(self.ordered in (None, True, False), f"column {self.name!r} to be ordered or not", self.ordered)
        self.values = tuple(self.values)

    @classmethod
    def of(cls, values):
        ordered = values.cat.ordered if isinstance(values.dtype, pd.CategoricalDtype) else None
        values = values if ordered is not None else settled(values)
        labels = pd.Categorical(values).categories
        dtype = values.dtype if ordered is None else labels.dtype
        return cls(values.name, str(dtype), tuple(labels.tolist()), ordered)

    def encode(self, values):
        values = dense(values)
        found = values.astype(object).map({value: code for code, value in enumerate(self.values)}).astype("float64")
        unseen = values[found.isna() & values.notna()]
        check(unseen.empty, f"values of column {self.name!r} among {list(self.values)}, those seen before", list(unseen[:1]))
        return self.numbers(found.to_numpy())

    def decode(self, x):
        labels = pd.Index(self.values, dtype=self.dtype)
        values = pd.Categorical.from_codes(self.codes(x), categories=labels, ordered=bool(self.ordered))
        return pd.Series(values) if self.ordered is not None else with_dtype(pd.Series(values.astype(object)), labels.dtype)

    @abc.abstractmethod
    def numbers(self, codes):
        """Returns the numbers [N, width] of codes [N], which are NaN where a value is missing."""

    @abc.abstractmethod
    def codes(self, x):
        """Returns the codes [N] of numbers [N, width], -1 where a value is missing."""


class TwoValues(Labelled):
    """A column with two values, the second of which is 1; its mean is the probability of the second."""

    kind = "two values"

    def __post_init__(self):
        super().__post_init__()
        check(len(self.values) == 2, f"two values in column {self.name!r}", list(self.values))

    def numbers(self, codes):
        return codes[:, None]

    def codes(self, x):
        return np.nan_to_num(x[:, 0], nan=-1).astype(int)

    def nearest(self, x):
        return np.where(np.isnan(x), x, x > 0.5)

    def mean_names(self):
        return [f"{self.name}={self.values[1]}"]


class Category(Labelled):
    """A column of categories, each a number of a one-hot vector; its means are their probabilities."""

    kind = "category"

    @property
    def width(self):
        return len(self.values)

    def numbers(self, codes):
        x = np.eye(self.width)[np.nan_to_num(codes).astype(int)]
        return np.where(np.isnan(codes)[:, None], np.nan, x)

    def codes(self, x):
        return np.where(np.isnan(x).any(axis=1), -1, np.argmax(x, axis=1))

    def nearest(self, x):
        return np.where(np.isnan(x), x, np.eye(self.width)[np.argmax(x, axis=1)])

    def mean_names(self):
        return [f"{self.name}={value}" for value in self.values]


KINDS = {kind.kind: kind for kind in (Number, Count, TwoValues, Category)}


def column_of(schema):
    """Returns the `Column` of a schema, which is untrusted."""
    kind = schema.get("kind") if isinstance(schema, dict) else None
    check(isinstance(kind, str) and kind in KINDS, f"columns of a kind among {', '.join(KINDS)}", schema)
    try:
        return KINDS[kind](**{name: value for name, value in schema.items() if name != "kind"})
    except TypeError as error:
        raise ValueError(f"Expected the schema of a column. Received: {str(schema)[:100]}") from error


def is_label(value):
    return isinstance(value, (str, int)) or (isinstance(value, float) and math.isfinite(value))
