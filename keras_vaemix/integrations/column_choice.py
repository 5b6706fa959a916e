"""The choice of a likelihood for a column of a data frame."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from export.tables import pandas as pd
from export.tables.columns import Category, Column, Count, Number, TwoValues
from export.tables.dtypes import settled
from keras_vaemix.core import supports
from keras_vaemix.core.part import require, require_kind
from keras_vaemix.likelihoods import Bernoulli, Categorical, LearnedScaleNormal, Likelihood, NegativeBinomial, Poisson, Standardized

LARGEST_COUNT = 2**24  # above it float32 does not hold every whole number


class Choice(NamedTuple):
    """A kind of column with when it is chosen, and the likelihood it is given, both functions of what is observed of a column."""

    kind: type[Column]
    suits: Callable
    likelihood: Callable


def are_counts(seen):
    """Returns whether observed numbers, of an integer dtype or of one that cannot be, are counts that float32 holds."""
    x = seen.to_numpy("float64")
    return bool(np.all((x >= 0) & (x <= LARGEST_COUNT) & (x == np.floor(x))))


def likelihood_of_counts(seen):
    """Returns a Poisson, unless the variance is above the mean by three standard errors of a Poisson's."""
    x = seen.to_numpy("float64")
    return NegativeBinomial(1) if x.var() > x.mean() * (1 + 3 * np.sqrt(2 / len(x))) else Poisson()


def is_text(seen):
    return not pd.api.types.is_numeric_dtype(seen)


CHOICES = (
    Choice(Category, is_text, lambda seen: Categorical()),
    Choice(TwoValues, lambda seen: seen.nunique() == 2, lambda seen: Bernoulli()),
    Choice(Count, lambda seen: pd.api.types.is_integer_dtype(seen) and are_counts(seen), likelihood_of_counts),
    Choice(Number, lambda seen: True, lambda seen: LearnedScaleNormal()),
)
BY_SUPPORT = {supports.ONE_HOT: Category, supports.BINARY: TwoValues, supports.COUNTS: Count}  # any other is one of numbers


def choose(values, asked):
    """Returns the `Column` of a `pandas.Series` and its likelihood, the one asked for or, if that is None, one that suits it."""
    name, values = values.name, settled(values)
    seen = values.dropna()
    require(len(seen) > 0, f"an observed value in column {name!r}: leave it out", missing=len(values))
    strange = next((kind for kind in dict.fromkeys(map(type, seen.astype(object))) if not issubclass(kind, (str, int, float))), None)
    require(strange is None, f"numbers, booleans or texts in column {name!r}: convert it", kind=getattr(strange, "__name__", None))
    require(seen.nunique() > 1, f"values of column {name!r} that differ: leave it out", values=seen[:1].tolist())
    if pd.api.types.is_float_dtype(values) and len(seen) < len(values) and are_counts(seen):
        seen = seen.astype("int64")
    if asked is None:
        choice = next(choice for choice in CHOICES if choice.suits(seen))
        column, likelihood = choice.kind.of(values), choice.likelihood(seen)
    else:
        require_kind(f"the likelihood of column {name!r}", asked, Likelihood)
        column, likelihood = BY_SUPPORT.get(asked.support, Number).of(values), asked
    return column, standardized(column, likelihood, values) if likelihood.has_raw_scale else likelihood


def standardized(column, likelihood, values):
    """Returns a likelihood of real values in the units of a column; raises `ValueError` if float32 does not tell the values apart."""
    return Standardized.from_data(likelihood, column.encode(values)[:, 0], f"column {column.name!r}")
