"""Data frames: a likelihood for each column of a table, rows of numbers for a model, and data frames of what it draws."""

import json
import textwrap
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from export.tables import pandas as pd
from export.tables.table import Table
from keras_vaemix.core.part import require
from keras_vaemix.integrations.column_choice import choose
from keras_vaemix.likelihoods import Columns, Likelihood
from keras_vaemix.networks import ScaledColumns


class Frame(Table):
    r"""A table's columns with a likelihood for each: between pandas data frames and the rows x [N, W] of a model.

    The likelihood of a column, unless one is asked for, is

    - of texts, or of pandas' dtype category: `Categorical`, with a number of the row for each category;
    - of booleans, or of two different numbers: `Bernoulli`;
    - of integers of at least 0: `NegativeBinomial`, or `Poisson` unless they vary by significantly more than that does;
    - of any other numbers: `LearnedScaleNormal`, `Standardized`.

    A column of floats with gaps that is whole elsewhere is one of integers, as which pandas cannot store it. Which likelihoods were chosen
    is shown by `repr(frame)`.

    The frame is a view of its likelihood, and is saved with it: that of a loaded model is `Frame.from_model(model)`. The manifest of an
    exported model has its columns too, which `export.tables` turns rows back by without TensorFlow.

    Args:
        likelihood: A `Columns` that another frame has made.

    Attributes:
        likelihood: The `Columns` of the table, made of public parts; its `are_counts` and `names` are those of the table.
        columns: The columns, with a `name` each.
        width: Number of numbers W in a row.

    Raises:
        ValueError: The likelihood was not made by a frame.

    Example:
        >>> import pandas as pd
        >>> from keras_vaemix.integrations.frames import Frame
        >>> df = pd.DataFrame({"age": [34.5, 71.0, 20.2], "colour": ["red", "blue", "red"]})
        >>> frame = Frame.from_data(df)
        >>> frame.encode(df).shape, frame.likelihood.params_size(3)
        ((3, 3), 3)
        >>> frame.decode(frame.encode(df))["colour"].tolist()
        ['red', 'blue', 'red']
    """

    def __init__(self, likelihood: Columns) -> None:
        schema: Any = getattr(likelihood, "schema", None)
        require(schema is not None, "the likelihood of a model that was built from a Frame", likelihood=likelihood)
        super().__init__(json.loads(schema))
        widths = tuple((column.name, column.width) for column in self.columns)
        expected = tuple(zip(likelihood.names, likelihood.widths, strict=True))
        require(widths == expected, "a schema of the columns of its likelihood", schema=widths, likelihood=expected)
        self.likelihood = likelihood

    @classmethod
    def from_data(cls, data: Any, likelihoods: Mapping[str, Likelihood] | None = None) -> Self:
        """Returns the frame of a table, with a likelihood chosen for each column.

        Args:
            data: A pandas data frame or a structured array; what is missing in it has no influence.
            likelihoods: Likelihoods by the names of columns for which none is to be chosen. One of real values, such as `StudentT()`, is
                standardised; `Beta()` is for shares in (0, 1), which are never guessed.

        Raises:
            ValueError: A column holds other values than these, nothing, or only one value, or does not suit the likelihood asked for it.
        """
        frame, asked = as_frame(data), dict(likelihoods or {})
        unknown = [name for name in asked if name not in frame]
        require(not unknown, f"likelihoods of columns, {list(frame)}", likelihoods=unknown)
        chosen, refused = [], []
        for name in frame:
            try:
                chosen.append(choose(frame[name], asked.get(name)))
            except ValueError as error:
                refused.append(str(error))
        if refused:
            raise ValueError("\n".join(refused))
        schema = {"columns": [column.schema() for column, _ in chosen]}
        blocks = [(column.name, likelihood, column.width) for column, likelihood in chosen]
        made = cls(Columns(blocks, schema=json.dumps(schema)))
        made.encode(frame)
        return made

    @classmethod
    def from_model(cls, model: Any) -> Self:
        """Returns the frame of a model that was built with its likelihood, such as one that was loaded."""
        likelihood: Any = getattr(model, "likelihood", None)
        return cls(likelihood)

    def encode(self, data: Any) -> np.ndarray:
        """Returns a table as rows for the model, [N, W] in float32, NaN where a value is missing.

        Columns are found by name, in any order; further ones are left out.

        Raises:
            ValueError: A column is missing, or holds values that it did not have before, such as an unseen category or half a count.
        """
        frame = as_frame(data)
        missing = [column.name for column in self.columns if column.name not in frame]
        require(not missing, f"the columns {missing} too, under these names", columns=list(frame))
        x = np.concatenate([column.encode(frame[column.name]) for column in self.columns], axis=1)
        self.likelihood.check(x, mask=True)  # before the cast, which might make values alike
        return x.astype("float32")

    def scaled_columns(self, data: Any) -> ScaledColumns:
        """Returns the layer that scales the columns for an encoder, with the moments of a table."""
        return ScaledColumns.from_data(self.encode(data), self.likelihood.are_counts)

    def summary(self) -> Any:
        """Returns what was chosen as a data frame: for each column its kind, dtype, likelihood and values."""
        rows = {
            column.name: (column.kind, column.dtype, repr(likelihood), ", ".join(map(str, column.values)))
            for column, likelihood in zip(self.columns, self.likelihood.block_likelihoods, strict=True)
        }
        return pd.DataFrame.from_dict(rows, "index", columns=["kind", "dtype", "likelihood", "values"])

    def __repr__(self) -> str:
        shortened = {"values": lambda text: textwrap.shorten(text, 60, placeholder=" ...")}
        return f"Frame of {len(self.columns)} columns, {self.width} numbers in a row\n{self.summary().to_string(formatters=shortened)}"


def as_frame(data):
    """Returns a data frame, or a structured array as one; raises `ValueError` unless its columns have names of their own."""
    names = getattr(getattr(data, "dtype", None), "names", None)
    if names is not None:
        data = pd.DataFrame({name: data[name].astype(data[name].dtype.newbyteorder("=")) for name in names})
    require(isinstance(data, pd.DataFrame), "a pandas DataFrame or a structured array, whose columns have names", data=type(data).__name__)
    unlike = [name for name in data if not isinstance(name, str)] + data.columns[data.columns.duplicated()].tolist()
    require(not unlike, "columns with a text of their own as name: df.columns = [...] names them", names=unlike)
    return data
