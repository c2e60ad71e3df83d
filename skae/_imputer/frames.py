"""Data frames whose missing values are filled; all other values keep their bits, and columns their types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from skae._inputs.data_frames import (
    FrameSchema,
    arrow_array,
    column_dtypes,
    column_names,
    numpy_dtype,
    pandas_series,
    polars_series,
    round_column,
)
from skae._inputs.table_columns import changed_error, family_of, object_column
from skae._inputs.table_encoding import is_category_type, read_column


def fill_frame(X: Any, fitted: FrameSchema | None, columns: Sequence[np.ndarray], is_missing: np.ndarray) -> Any:
    """A copy of a data frame with the values of ``columns`` (n,) where ``is_missing`` (n, n_columns).

    Numbers are rounded to the types of the column in X and in the ``fitted`` data frame: columns of integers are floats
    in X if pandas marks missing values by NaN. ValueError, which names it, for text or categories in place of numbers.
    """
    library, filled = type(X).__module__.partition(".")[0], []
    of_fit = fitted.dtypes if fitted is not None and fitted.library == library else (None,) * len(columns)
    parts = zip(column_names(X), column_dtypes(X), of_fit, columns, is_missing.T, strict=True)
    for index, (name, dtype, dtype_of_fit, values, missing) in enumerate(parts):
        column = X.iloc[:, index] if hasattr(X, "iloc") else X[name]
        if missing.any():
            rounded = round_column(round_column(values, dtype_of_fit), dtype)
            if holds(dtype, values):
                column = REPLACE[library](column, rounded, dtype, missing)
            elif missing.all():
                column = MAKE[library](column, rounded, dtype_of_fit)
            elif is_text_type(dtype) or is_category_type(dtype) or is_text(read_column(X, index)[~missing]):
                raise changed_error(name, "numbers", f"values of type {dtype}")
            else:
                # Such as decimals and Python objects.
                column = MAKE[library](column, np.where(missing, rounded, values), None)
        filled.append(column)
    return join_columns(X, filled)


def holds(dtype: Any, values: np.ndarray) -> bool:
    """Whether a column of a type of pandas, polars or pyarrow can hold decoded values."""
    family = family_of("", values)
    if numpy_dtype(dtype) is not None:
        return family in ("numbers", "booleans")
    if is_text_type(dtype):
        return family == "text"
    return values.dtype.kind not in "iuf" and not str(dtype).lower().startswith("null")


def is_text_type(dtype: Any) -> bool:
    """Whether a type of pandas, polars or pyarrow is text."""
    return "str" in str(dtype).lower()


def is_text(values: np.ndarray) -> bool:
    """Whether values are text in an array of objects, as pandas 2 stores text."""
    return values.dtype.kind == "O" and all(isinstance(value, str) for value in values)


def add_indicators(frame: Any, names: Any, is_missing: np.ndarray) -> Any:
    """The data frame with further columns of booleans ``is_missing`` (n, n_names)."""
    if hasattr(frame, "iloc"):
        import pandas as pd

        levels = frame.columns.nlevels
        columns = pd.MultiIndex.from_tuples([(name, *[""] * (levels - 1)) for name in names]) if levels > 1 else names
        return pd.concat([frame, pd.DataFrame(is_missing, index=frame.index, columns=columns)], axis=1)
    if hasattr(frame, "column_names"):
        for name, missing in zip(names, is_missing.T, strict=True):
            frame = frame.append_column(name, [missing])
        return frame
    return frame.with_columns(**dict(zip(names, map(polars_booleans, is_missing.T), strict=True)))


def convert_frame(frame: Any, library: str) -> Any:
    """A complete data frame as one of another library, with plain types."""
    form = FrameSchema.of(frame)
    assert form is not None
    return form.to_frame([read_column(frame, index) for index in range(len(form.names))], library)


def polars_booleans(values: np.ndarray) -> Any:
    """A column of polars."""
    import polars as pl

    return pl.Series(values)


def replace_in_pandas(column: Any, values: np.ndarray, dtype: Any, missing: np.ndarray) -> Any:
    """A column of pandas with ``values`` where ``missing``; its categories get those values that they lack."""
    column = column.copy()
    if hasattr(dtype, "categories"):
        lacking = [value for value in dict.fromkeys(values[missing].tolist()) if value not in dtype.categories]
        column = column.cat.add_categories(lacking)
        dtype = column.dtype
    if hasattr(column, "sparse"):
        return column.mask(missing, pandas_series(values, dtype, column.index))
    column.iloc[np.flatnonzero(missing)] = pandas_series(values[missing], dtype, None).array
    return column


def replace_in_polars(column: Any, values: np.ndarray, dtype: Any, missing: np.ndarray) -> Any:
    """The same for polars."""
    import polars as pl

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
# Make a column like another one, of other values and of a type; None is that of the values.
MAKE = {
    "pandas": lambda column, values, dtype: pandas_series(values, dtype, column.index),
    "polars": lambda column, values, dtype: polars_series(column.name, values, dtype),
    "pyarrow": lambda column, values, dtype: arrow_array(values, dtype),
}


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
