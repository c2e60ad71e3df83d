"""Output as data frames, with the columns and types of the fitted data frame, in the configured library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import get_config

LIBRARIES = ("pandas", "polars")


@dataclass(frozen=True)
class FrameSchema:
    """Library, column names and column types of a data frame; ``levels`` are the level names of pandas columns."""

    library: str
    names: tuple[Any, ...]
    dtypes: tuple[Any, ...]
    levels: tuple[Any, ...] = ()

    @classmethod
    def of(cls, X: Any) -> FrameSchema | None:
        """The schema of X if it is a pandas or polars data frame, else None."""
        library = type(X).__module__.partition(".")[0]
        if library not in LIBRARIES or not hasattr(X, "columns"):
            return None
        levels = tuple(getattr(X.columns, "names", ()))
        return cls(library, tuple(X.columns), tuple(X.dtypes), () if levels == (None,) else levels)

    def to_frame(self, rows: np.ndarray, library: str | None = None, index: Any = None) -> Any:
        """Convert rows (n, n_columns) to a data frame; categories, decimals and other types become plain numbers."""
        numbers = [numpy_dtype(dtype) for dtype in self.dtypes]
        columns = [
            round_to_dtype(values, dtype) if dtype is not None else values
            for values, dtype in zip(rows.T, numbers, strict=True)
        ]
        if (library or self.library) == "pandas":
            return self._pandas(columns, numbers, index)
        import polars as pl

        named = [pl.Series(str(name), values) for name, values in zip(self.names, columns, strict=True)]
        if self.library == "polars":
            typed = zip(named, self.dtypes, numbers, strict=True)
            named = [series if number is None else series.cast(dtype) for series, dtype, number in typed]
        return pl.DataFrame(named)

    def _pandas(self, columns: list[np.ndarray], numbers: list[np.dtype | None], index: Any) -> Any:
        import pandas as pd

        series = []
        for values, dtype, number in zip(columns, self.dtypes, numbers, strict=True):
            has_dtype = number is not None and self.library == "pandas"
            series.append(pd.Series(values, index=index, dtype=values.dtype).astype(dtype) if has_dtype else values)
        frame = pd.DataFrame(dict(enumerate(series)), index=index)
        frame.columns = self.pandas_columns()
        return frame

    def pandas_columns(self) -> Any:
        """The column names as a pandas index of one or several levels."""
        import pandas as pd

        if len(self.levels) > 1:
            return pd.MultiIndex.from_tuples(self.names, names=self.levels)
        return pd.Index(list(self.names), tupleize_cols=False, name=(self.levels or (None,))[0])


def numpy_dtype(dtype: Any) -> np.dtype | None:
    """The numpy type of a pandas or polars type of booleans, integers or floats; None for other types."""
    if hasattr(dtype, "is_numeric"):  # polars
        dtype = str(dtype).lower().replace("boolean", "bool")
    else:
        dtype = getattr(dtype, "subtype", dtype)  # sparse columns
        dtype = getattr(dtype, "numpy_dtype", dtype)  # nullable and pyarrow types
    try:
        result = np.dtype(dtype)
    except (TypeError, ValueError):
        return None
    return result if result.kind in "biuf" else None


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
