"""Output as data frames, with the columns and types of the fitted data frame, in the configured library."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import get_config

LIBRARIES = ("pandas", "polars")
# Data frames of these libraries come back as such.
READ_LIBRARIES = (*LIBRARIES, "pyarrow")


@dataclass(frozen=True)
class FrameSchema:
    """Library, column names and column types of a data frame; ``levels`` are the level names of pandas columns."""

    library: str
    names: tuple[Any, ...]
    dtypes: tuple[Any, ...]
    levels: tuple[Any, ...] = ()

    @classmethod
    def of(cls, X: Any) -> FrameSchema | None:
        """The schema of X if it is a data frame of pandas or polars or a table of pyarrow, else None."""
        library = type(X).__module__.partition(".")[0]
        if library not in READ_LIBRARIES or not hasattr(X, "shape") or not hasattr(X, "columns"):
            return None  # a LazyFrame of polars has columns, and no shape
        levels = tuple(getattr(X.columns, "names", ()))
        return cls(library, column_names(X), column_dtypes(X), () if levels == (None,) else levels)

    def to_frame(self, columns: Iterable[np.ndarray], library: str | None = None, index: Any = None) -> Any:
        """Convert values (n,) of each column to a data frame. Numbers are rounded to the type of their column; those of
        a type without numbers, such as decimals, become plain numbers."""
        library = library or self.library
        typed = [self.dtypes[i] if library == self.library else None for i in range(len(self.dtypes))]
        values = [round_column(column, dtype) for column, dtype in zip(columns, self.dtypes, strict=True)]
        if library == "pandas":
            return self._pandas(values, typed, index)
        if library == "pyarrow":
            import pyarrow as pa

            arrays = [arrow_array(column, dtype) for column, dtype in zip(values, typed, strict=True)]
            return pa.table(arrays, names=list(self.names))
        import polars as pl

        names = map(str, self.names)
        return pl.DataFrame([polars_series(*parts) for parts in zip(names, values, typed, strict=True)])

    def _pandas(self, columns: list[np.ndarray], dtypes: list[Any], index: Any) -> Any:
        import pandas as pd

        series = [pandas_series(values, dtype, index) for values, dtype in zip(columns, dtypes, strict=True)]
        frame = pd.DataFrame(dict(enumerate(series)), index=index)
        frame.columns = self.pandas_columns()
        return frame

    def pandas_columns(self) -> Any:
        """The column names as a pandas index of one or several levels."""
        import pandas as pd

        if len(self.levels) > 1:
            return pd.MultiIndex.from_tuples(self.names, names=self.levels)
        return pd.Index(list(self.names), tupleize_cols=False, name=(self.levels or (None,))[0])


def column_names(X: Any) -> tuple[Any, ...]:
    """The names of the columns of a data frame; indices for an array (n, n_columns). ValueError for repeated names."""
    names = tuple(getattr(X, "column_names", X.columns) if hasattr(X, "columns") else range(X.shape[1]))
    if len(set(names)) < len(names):
        name, count = Counter(names).most_common(1)[0]
        raise ValueError(f"Expected unique column names of X. Got {name!r} {count} times. Rename or drop columns.")
    return names


def column_dtypes(X: Any) -> tuple[Any, ...]:
    """The types of the columns of a data frame, or of an array (n, n_columns)."""
    if not hasattr(X, "columns"):
        return (X.dtype,) * X.shape[1]
    return tuple(X.schema.types if hasattr(X, "column_names") else X.dtypes)


def make_frame(X: Any, rows: np.ndarray) -> Any:
    """Numbers (n, n_columns) as a data frame with the library, names and index of X, or as they are if X is none."""
    library = type(X).__module__.partition(".")[0]
    if not hasattr(X, "columns") or library not in READ_LIBRARIES:
        return rows
    module = importlib.import_module(library)
    if library == "pandas":
        return module.DataFrame(rows, columns=X.columns, index=X.index)
    if library == "polars":
        return module.DataFrame(rows, schema=list(X.columns))
    return module.table(list(rows.T), names=X.column_names)


def round_column(values: np.ndarray, dtype: Any) -> np.ndarray:
    """Numbers rounded to a type of numbers; other values, and numbers of another type, as they are."""
    number = numpy_dtype(dtype)
    return values if number is None or values.dtype.kind not in "iuf" else round_to_dtype(values, number)


def pandas_series(values: np.ndarray, dtype: Any, index: Any) -> Any:
    """A column of pandas; numbers whose ``dtype`` is not of numbers keep their own."""
    import pandas as pd

    series = pd.Series(values, index=index, dtype=values.dtype if values.dtype.kind not in "mM" else None)
    if dtype is None or (values.dtype.kind in "iuf" and numpy_dtype(dtype) is None):
        return series
    if values.dtype.kind == "M" and has_zone(dtype):
        series = series.dt.tz_localize("UTC")
    return series.astype(dtype)


def polars_series(name: str, values: np.ndarray, dtype: Any) -> Any:
    """A column of polars; numbers whose ``dtype`` is not of numbers keep their own, as do dates of unknown types."""
    import polars as pl

    if values.dtype.kind == "O":
        return pl.Series(name, values.tolist(), dtype=dtype)
    series = pl.Series(name, values)
    is_plain = (values.dtype.kind in "iuf" and numpy_dtype(dtype) is None) or dtype == pl.Object
    if dtype is None or is_plain:
        return series
    if has_zone(dtype):
        series = series.dt.replace_time_zone("UTC").dt.convert_time_zone(dtype.time_zone)
    return series.cast(dtype)


def arrow_array(values: np.ndarray, dtype: Any) -> Any:
    """A column of pyarrow; numbers whose ``dtype`` is not of numbers, and others of numbers, keep their own."""
    import pyarrow as pa

    is_plain = (values.dtype.kind in "iuf") != (numpy_dtype(dtype) is not None) and values.dtype.kind != "b"
    if dtype is None or is_plain:
        return pa.array(values.tolist() if values.dtype.kind == "O" else values)
    if pa.types.is_dictionary(dtype):
        return pa.array(values.tolist(), type=dtype.value_type).dictionary_encode().cast(dtype)
    array = pa.array(values.tolist() if values.dtype.kind == "O" else values)
    try:
        return array.cast(dtype)
    except pa.ArrowNotImplementedError:  # older versions cannot cast strings to views
        return pa.array(values.tolist(), type=dtype)


def numpy_dtype(dtype: Any) -> np.dtype | None:
    """The numpy type of a pandas, polars or pyarrow type of booleans, integers or floats; None for other types."""
    if hasattr(dtype, "is_numeric"):  # polars
        dtype = str(dtype).lower().replace("boolean", "bool")
    elif hasattr(dtype, "to_pandas_dtype"):  # pyarrow
        names = {"double": "float64", "float": "float32", "halffloat": "float16"}
        dtype = names.get(str(dtype), str(dtype))
    else:
        dtype = getattr(dtype, "subtype", dtype)  # sparse columns
        dtype = getattr(dtype, "numpy_dtype", dtype)  # nullable and pyarrow types
    try:
        result = np.dtype(dtype)
    except (TypeError, ValueError):
        return None
    return result if result.kind in "biuf" else None


def has_zone(dtype: Any) -> bool:
    """Whether a type of pandas, polars or pyarrow is that of times with a time zone."""
    dtype = getattr(dtype, "pyarrow_dtype", dtype)
    return getattr(dtype, "tz", None) is not None or getattr(dtype, "time_zone", None) is not None


def round_to_dtype(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Round values to the nearest ones of a type of booleans, integers or floats."""
    if values.dtype.kind != "f":  # token ids are integers already
        return values.astype(dtype)
    if dtype.kind == "b":
        return values > 0.5
    if dtype.kind == "f":
        return np.clip(values, np.finfo(dtype).min, np.finfo(dtype).max).astype(dtype)
    ends = np.iinfo(dtype)
    # The float nearest to the largest int64 is larger than it.
    low, high = float(ends.min), float(ends.max)
    high = high if int(high) <= ends.max else float(np.nextafter(values.dtype.type(high), values.dtype.type(0)))
    return np.clip(np.rint(values), low, high).astype(dtype)


def output_library(estimator: Any) -> str | None:
    """The data frame library that ``set_output`` or scikit-learn's configuration selects; None for arrays."""
    own = getattr(estimator, "_sklearn_output_config", {}).get("transform")
    selected = own or get_config()["transform_output"]
    return selected if selected in LIBRARIES else None


def pandas_index(X: Any) -> Any:
    """The index of a pandas data frame; None for other types."""
    schema = FrameSchema.of(X)
    return X.index if schema is not None and schema.library == "pandas" else None
