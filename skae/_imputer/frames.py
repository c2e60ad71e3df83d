"""Data frames whose missing values are filled; all other values keep their bits, and columns their types."""

from __future__ import annotations

from typing import Any

import numpy as np

from skae._inputs.data_frames import (
    arrow_array,
    column_dtypes,
    column_names,
    numpy_dtype,
    pandas_series,
    polars_series,
    round_column,
    round_to_dtype,
)
from skae._inputs.schema import Schema
from skae._inputs.table_columns import object_column
from skae._inputs.table_encoding import as_table


def fill_frame(frame: Any, filled: np.ndarray, is_missing: np.ndarray) -> Any:
    """A copy of a pandas or polars frame with ``filled`` (n, n_columns) where ``is_missing``, rounded to the types."""
    if hasattr(frame, "isetitem"):
        return fill_pandas(frame, filled, is_missing)
    import polars as pl

    columns = []
    for series, values, missing in zip(frame.get_columns(), filled.T, is_missing.T, strict=True):
        dtype = numpy_dtype(series.dtype)
        column = series
        if dtype is None:
            column = pl.Series(series.name, values)
        elif missing.any():
            new = pl.Series(round_to_dtype(values, dtype)).cast(series.dtype)
            column = pl.select(pl.when(pl.Series(missing)).then(new).otherwise(series).alias(series.name)).to_series()
        columns.append(column)
    return pl.DataFrame(columns)


def fill_pandas(frame: Any, filled: np.ndarray, is_missing: np.ndarray) -> Any:
    """The same for pandas."""
    result = frame.copy()
    for index, (values, missing) in enumerate(zip(filled.T, is_missing.T, strict=True)):
        dtype = numpy_dtype(frame.dtypes.iloc[index])
        if dtype is None:  # objects
            result.isetitem(index, values)
        elif missing.any():
            column = frame.iloc[:, index].copy()
            column[missing] = round_to_dtype(values[missing], dtype)
            result.isetitem(index, column)
    return result


def fill_table(X: Any, schema: Schema, filled: np.ndarray, is_missing: np.ndarray) -> Any:
    """A copy of a table with categories or dates, with decoded ``filled`` (n, n_columns) where ``is_missing``.

    Numbers are rounded to the fitted types: columns of integers are floats in X if pandas marks missing values by NaN.
    """
    encoder = schema.encoder
    assert encoder is not None
    columns = encoder.decode(filled)
    if schema.frame is not None:
        columns = [round_column(values, dtype) for values, dtype in zip(columns, schema.frame.dtypes, strict=True)]
    if not hasattr(X, "columns"):
        values = encoder.to_array(columns)
        return np.where(is_missing, values, as_table(X).astype(values.dtype))
    dtypes, names, kept = column_dtypes(X), column_names(X), []
    for index, (values, missing) in enumerate(zip(columns, is_missing.T, strict=True)):
        column = X.iloc[:, index] if hasattr(X, "iloc") else X[names[index]]
        if missing.any():
            values, dtype = round_column(values, dtypes[index]), dtypes[index]
            column = REPLACE[type(X).__module__.partition(".")[0]](column, values, dtype, missing)
        kept.append(column)
    return join_columns(X, kept)


def replace_in_pandas(column: Any, values: np.ndarray, dtype: Any, missing: np.ndarray) -> Any:
    """A column of pandas with ``values`` where ``missing``; its categories get those values that they lack."""
    column = column.copy()
    if hasattr(dtype, "categories") and values.dtype.kind == "O":
        lacking = [value for value in dict.fromkeys(values[missing].tolist()) if value not in dtype.categories]
        column = column.cat.add_categories(lacking)
        dtype = column.dtype
    column.iloc[np.flatnonzero(missing)] = pandas_series(values[missing], dtype, None).array
    return column


def replace_in_polars(column: Any, values: np.ndarray, dtype: Any, missing: np.ndarray) -> Any:
    """The same for polars."""
    import polars as pl

    if dtype == pl.Null:
        return pl.Series(column.name, values.tolist() if values.dtype.kind == "O" else values)
    if dtype == pl.Enum:
        lacking = set(values[missing].tolist()) - set(dtype.categories)
        dtype = pl.Enum([*dtype.categories, *sorted(lacking)])
        column = column.cast(dtype)
        values = object_column(values)[:, 0]
        values[~missing] = None
    new = polars_series(column.name, values, dtype)
    return pl.select(pl.when(pl.Series(missing)).then(new).otherwise(column).alias(column.name)).to_series()


def replace_in_arrow(column: Any, values: np.ndarray, dtype: Any, missing: np.ndarray) -> Any:
    """The same for pyarrow."""
    import pyarrow as pa

    new = arrow_array(values, dtype).to_pylist()
    entries = [b if gone else a for a, b, gone in zip(column.to_pylist(), new, missing.tolist(), strict=True)]
    if pa.types.is_dictionary(dtype):
        return pa.array(entries, type=dtype.value_type).dictionary_encode().cast(dtype)
    return pa.array(entries, type=dtype)


REPLACE = {"pandas": replace_in_pandas, "polars": replace_in_polars, "pyarrow": replace_in_arrow}


def join_columns(X: Any, columns: list[Any]) -> Any:
    """A data frame of columns with the library, names and index of X."""
    if hasattr(X, "isetitem"):
        result = X.copy()
        for index, column in enumerate(columns):
            result.isetitem(index, column)
        return result
    if hasattr(X, "column_names"):
        import pyarrow as pa

        return pa.table(columns, names=X.column_names)
    return X.with_columns(columns)
