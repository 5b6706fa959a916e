"""The table that a model was built from: rows of numbers back to data frames."""

import numpy as np

from export.manifest import check, locate, read_manifest
from export.tables import pandas as pd
from export.tables.columns import column_of

TOLERANCE = 1e-3  # of a draw, which has six decimals where it comes from a server


class Table:
    """The columns of a table, which turn its rows into data frames.

    Args:
        schema: What a model, the manifest of its artifact or the server of it says of the table: a dict.

    Attributes:
        columns: The columns, with a `name` each.
        width: Number of numbers W in a row.

    Raises:
        ValueError: The schema is not that of a table.
    """

    def __init__(self, schema):
        columns = schema.get("columns") if isinstance(schema, dict) else None
        check(isinstance(columns, list) and columns, "a schema with the columns of a table", schema)
        self.columns = tuple(column_of(one) for one in columns)
        self.width = sum(column.width for column in self.columns)

    def schema(self):
        """Returns the schema, which JSON can hold."""
        return {"columns": [column.schema() for column in self.columns]}

    def blocks(self, x):
        """Yields each column with its numbers [N, width] of rows x [N, W]; raises `ValueError` for other shapes."""
        x = np.asarray(x)
        check(x.ndim == 2 and x.shape[1] == self.width, f"rows of shape (N, {self.width})", x.shape)
        stops = np.cumsum([column.width for column in self.columns])
        yield from zip(self.columns, np.split(x, stops[:-1], axis=1), strict=True)

    def decode(self, x, index=None):
        """Returns rows [N, W], encoded, drawn or imputed, as a data frame with the columns, dtypes and categories of the table.

        Args:
            x: Rows; NaN is missing. An integer or boolean column that cannot hold missing values gets the dtype Int64 or boolean.
            index: Index of the data frame, such as that of the one that was encoded.

        Raises:
            ValueError: Rows are not those of the table, as means are not: a count is not whole, or a category is not one-hot.
        """
        found = {}
        for column, block in self.blocks(x):
            nearest = column.nearest(block)
            is_off = np.abs(block - nearest) > TOLERANCE
            expected = f"rows with draws of column {column.name!r}: take decode_means(x) for means, or decode(nearest(x))"
            check(not is_off.any(), expected, block[is_off][:1])
            found[column.name] = column.decode(nearest)
        return indexed(pd.DataFrame(found), index)

    def decode_means(self, x, index=None):
        """Returns means [N, W] of p(x|z) or of imputations as a data frame of real numbers, with a column for each category.

        The column `colour=red` holds the probability of red, and `smoker=True` that of True.
        """
        parts = [pd.DataFrame(block.astype("float64"), columns=column.mean_names()) for column, block in self.blocks(x)]
        return indexed(pd.concat(parts, axis=1), index)

    def nearest(self, x):
        """Returns the rows [N, W] of the table that are nearest to means: the most probable categories, and whole counts."""
        return np.concatenate([column.nearest(block) for column, block in self.blocks(x)], axis=1)


def read_table(artifact):
    """Returns the `Table` of an artifact or a package whose model was built from a data frame.

    Raises:
        FileNotFoundError, ValueError: It is not an artifact, or its model is not one of a data frame's columns.
    """
    manifest = read_manifest(locate(artifact))
    check("table" in manifest, "an artifact of a model with the likelihood of a Frame", f"{artifact}, of {manifest.get('likelihood')}")
    return Table(manifest["table"])


def indexed(frame, index):
    return frame if index is None else frame.set_axis(index, axis=0)
