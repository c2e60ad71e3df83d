"""Data frames whose missing values are filled; all other values keep their bits, and columns their types."""

from __future__ import annotations

from typing import Any

import numpy as np

from skae._inputs.data_frames import numpy_dtype, round_to_dtype


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
