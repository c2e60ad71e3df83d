"""Data frames on the way out: the columns and types of the data frame that was fitted, in the library asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import get_config

LIBRARIES = ("pandas", "polars")


@dataclass(frozen=True)
class FrameSchema:
    """Library, names and types of a data frame's columns; ``levels`` are the names of pandas' levels of columns."""

    library: str
    names: tuple[Any, ...]
    dtypes: tuple[Any, ...]
    levels: tuple[Any, ...] = ()

    @classmethod
    def of(cls, X: Any) -> FrameSchema | None:
        """The form of X if it is a pandas or polars data frame."""
        library = type(X).__module__.partition(".")[0]
        if library not in LIBRARIES or not hasattr(X, "columns"):
            return None
        levels = tuple(getattr(X.columns, "names", ()))
        return cls(library, tuple(X.columns), tuple(X.dtypes), () if levels == (None,) else levels)

    def frame(self, rows: np.ndarray, library: str | None = None, index: Any = None) -> Any:
        """Rows (n, n_columns) as such a data frame, of ``library`` if another is asked for.

        Booleans and integers are the nearest that their type holds. Columns of other types than booleans, integers and
        floats, such as categories and decimals, get the rows' own type.
        """
        numbers = [plain_dtype(dtype) for dtype in self.dtypes]
        columns = [
            nearest(values, dtype) if dtype is not None else values
            for values, dtype in zip(rows.T, numbers, strict=True)
        ]
        if (library or self.library) == "pandas":
            return self._pandas(columns, numbers, index)
        import polars as pl

        named = [pl.Series(str(name), values) for name, values in zip(self.names, columns, strict=True)]
        if self.library == "polars":
            kept = zip(named, self.dtypes, numbers, strict=True)
            named = [one if number is None else one.cast(dtype) for one, dtype, number in kept]
        return pl.DataFrame(named)

    def _pandas(self, columns: list[np.ndarray], numbers: list[np.dtype | None], index: Any) -> Any:
        import pandas as pd

        made = []
        for values, dtype, number in zip(columns, self.dtypes, numbers, strict=True):
            kept = number is not None and self.library == "pandas"
            made.append(pd.Series(values, index=index, dtype=values.dtype).astype(dtype) if kept else values)
        frame = pd.DataFrame(dict(enumerate(made)), index=index)
        frame.columns = self.pandas_columns()
        return frame

    def pandas_columns(self) -> Any:
        """The names as pandas' columns, of one level or of several."""
        import pandas as pd

        if len(self.levels) > 1:
            return pd.MultiIndex.from_tuples(self.names, names=self.levels)
        return pd.Index(list(self.names), tupleize_cols=False, name=(self.levels or (None,))[0])


def plain_dtype(dtype: Any) -> np.dtype | None:
    """numpy's counterpart of a pandas or polars type of booleans, integers or floats; None of other types."""
    if hasattr(dtype, "is_numeric"):  # of polars
        dtype = str(dtype).lower().replace("boolean", "bool")
    else:
        dtype = getattr(dtype, "subtype", dtype)  # of a sparse column that of its numbers
        dtype = getattr(dtype, "numpy_dtype", dtype)  # of a nullable one, and of pyarrow's
    try:
        found = np.dtype(dtype)
    except (TypeError, ValueError):
        return None
    return found if found.kind in "biuf" else None


def nearest(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The nearest numbers that a type of booleans, integers or floats holds."""
    if values.dtype.kind != "f":  # as of tokens, which are of the type already
        return values.astype(dtype)
    if dtype.kind == "b":
        return values > 0.5
    if dtype.kind == "f":
        return np.clip(values, np.finfo(dtype).min, np.finfo(dtype).max).astype(dtype)
    ends = np.iinfo(dtype)
    # The float nearest to the largest int64 lies beyond it.
    low, high = float(ends.min), float(ends.max)
    high = high if int(high) <= ends.max else float(np.nextafter(values.dtype.type(high), values.dtype.type(0)))
    return np.clip(np.rint(values), low, high).astype(dtype)


def output_library(estimator: Any) -> str | None:
    """The library of data frames that ``set_output`` or scikit-learn's configuration asks for, if any."""
    own = getattr(estimator, "_sklearn_output_config", {}).get("transform")
    asked = own or get_config()["transform_output"]
    return asked if asked in LIBRARIES else None


def pandas_index(X: Any) -> Any:
    """The index of a pandas data frame; None of all else."""
    form = FrameSchema.of(X)
    return X.index if form is not None and form.library == "pandas" else None
