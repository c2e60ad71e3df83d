"""Tables with categories and dates as rows of numbers and back; ``Schema`` has the encoder of the fitted table."""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import torch
from scipy.sparse import issparse

from skae._parameters import InvalidParameterError
from skae.data import TableColumns

from .containers import STRINGS, check_entry
from .data_frames import column_dtypes, column_names, has_zone, make_frame, numpy_dtype
from .table_columns import (
    FAMILIES_OF_KINDS,
    Booleans,
    Categories,
    Dates,
    changed_error,
    family_of,
    find_missing,
    object_column,
    to_floats,
)
from .validation import fill_masked

OWNER = "AutoencoderTransformer"
CATEGORY_TYPES = ("categor", "enum", "dictionary")
Column = Categories | Dates | Booleans | None


@dataclass(frozen=True)
class TableEncoder:
    """One entry per column of a table: how it is converted to numbers; None for a column of numbers.

    Categories become codes, dates shares of the fitted range, and booleans 0 and 1.
    """

    names: tuple[Any, ...]
    columns: tuple[Column, ...]

    @classmethod
    def learn(cls, X: Any, categorical_features: Any = "from_dtype") -> TableEncoder | None:
        """The encoder of a table; None if it has numbers only. ``categorical_features`` is that of the estimator."""
        is_frame = hasattr(X, "columns")
        if not is_frame:
            if categorical_features is None or isinstance(categorical_features, str):
                return None
            X = as_table(X)
        names = column_names(X)
        chosen = choose_columns(categorical_features, names, is_frame)
        dtypes = column_dtypes(X)
        if chosen is None and all(is_number_type(dtype) for dtype in dtypes):
            return None
        columns = tuple(
            learn_column(name, dtype, read_column(X, index), None if chosen is None else chosen[index])
            for index, (name, dtype) in enumerate(zip(names, dtypes, strict=True))
        )
        # If no column is chosen, booleans are numbers.
        needed = any(
            column is not None and (chosen is None or numpy_dtype(dtype) is None or not isinstance(column, Booleans))
            for column, dtype in zip(columns, dtypes, strict=True)
        )
        return cls(names, columns) if needed else None

    @functools.cached_property
    def table(self) -> TableColumns:
        """Sizes and kinds of the columns, for the layout."""
        sizes = tuple(column.size if isinstance(column, Categories) else 0 for column in self.columns)
        return TableColumns(sizes, tuple(isinstance(column, Booleans) for column in self.columns))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The name of each feature in the network, such as "city=Paris"."""
        names: list[str] = []
        for name, column in zip(self.names, self.columns, strict=True):
            if isinstance(column, Categories):
                values = [column.values[members[0]] for members in column.members]
                values = [*values[:-1], "others"] if column.is_rare.any() else values
                names += [f"{name}={value}" for value in values]
            else:
                names.append(str(name))
        return tuple(names)

    def describe(self) -> str:
        """Number of columns of each kind, for example "2 of numbers, 1 of categories (5 features)"."""
        kinds = {Categories: "categories", Dates: "dates", Booleans: "booleans", type(None): "numbers"}
        counts = Counter(kinds[type(column)] for column in self.columns)
        listed = ", ".join(f"{count} of {kind}" for kind, count in counts.items())
        return f"{listed} ({len(self.feature_names)} features)"

    def encode(self, X: Any) -> Any:
        """Numbers in a container of the kind of X with its column names; ValueError names a column of another type."""
        X = X if hasattr(X, "columns") else as_table(X)
        parts = enumerate(zip(self.columns, column_names(X), column_dtypes(X), strict=True))
        columns = [encode_column(*part, read_column(X, index)) for index, part in parts]
        return make_frame(X, np.column_stack(columns))

    def find_new(self, X: Any) -> dict[Any, list[Any]]:
        """Categories of checked X that the fitted table did not have, by the name of their column."""
        X = X if hasattr(X, "columns") else as_table(X)
        parts = enumerate(zip(column_names(X), self.columns, strict=True))
        found = {name: c.find_new(read_column(X, i)) for i, (name, c) in parts if isinstance(c, Categories)}
        return {name: values for name, values in found.items() if values}

    def decode(self, rows: np.ndarray, random: np.random.RandomState | None = None) -> list[np.ndarray]:
        """The values (n,) of each column; rare categories are drawn if there is a ``random``."""
        return [
            values
            if column is None
            else column.decode(values, random)
            if isinstance(column, Categories)
            else column.decode(values)
            for column, values in zip(self.columns, rows.T, strict=True)
        ]

    def to_array(self, columns: list[np.ndarray]) -> np.ndarray:
        """Decoded columns as an array (n, n_columns) of float64, or of objects unless all values are numbers."""
        if all(family_of(name, values) == "numbers" for name, values in zip(self.names, columns, strict=True)):
            return np.column_stack([values.astype(np.float64) for values in columns])
        return np.column_stack([values.astype(object) for values in columns])


def as_table(X: Any) -> np.ndarray:
    """X as an array (n_samples, n_columns) of numbers or objects; TypeError or ValueError if it is none."""
    if issparse(X):
        raise TypeError("Categories cannot be read from sparse rows. Pass X.toarray().")
    X = X.detach().cpu().numpy() if isinstance(X, torch.Tensor) else X
    if isinstance(X, (list, tuple)) and any(isinstance(row, np.ma.MaskedArray) for row in X):
        X = np.ma.asarray(X)
    X = fill_masked(X) if isinstance(X, np.ma.MaskedArray) else X
    table = np.asarray(X, dtype=object) if isinstance(X, (list, tuple)) else np.asarray(X)
    if table.ndim != 2:
        raise ValueError(
            f"Categories need a table of shape (n_samples, n_columns). Got shape {table.shape}. Pass such an X, or "
            f"categorical_features=None."
        )
    return table


def read_column(X: Any, index: int) -> np.ndarray:
    """The values of a column; categories of any type as objects."""
    if isinstance(X, np.ndarray):
        return X[:, index]
    name, dtype = column_names(X)[index], column_dtypes(X)[index]
    column = X.iloc[:, index] if hasattr(X, "iloc") else X[name]
    if str(dtype).lower().startswith("struct"):
        raise TypeError(f"Column {name!r} of X has the type {dtype}. Pass one column per field.")
    try:
        if is_category_type(dtype) and hasattr(column, "to_pylist"):
            # numpy reads missing entries of dictionaries as one of their values.
            return object_column(column.to_pylist())[:, 0]
        if is_category_type(dtype):
            return np.asarray(column, dtype=object)
        if has_zone(dtype) and hasattr(column, "iloc"):  # times of UTC
            unit = getattr(dtype, "pyarrow_dtype", dtype).unit
            return column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(dtype=f"datetime64[{unit}]")
        if str(dtype).startswith("date32"):
            return np.asarray(column, dtype="datetime64[D]")
        values = np.asarray(column)
    except Exception as error:  # each data frame library has its own error types
        raise TypeError(f"Column {name!r} of X cannot be read as numbers: {error}") from error
    if values.ndim > 1 and len(values):
        check_entry(name, values[0])
    return values


def is_number_type(dtype: Any) -> bool:
    """Whether a type of a column is that of integers or floats."""
    found = numpy_dtype(dtype)
    return found is not None and found.kind != "b"


def is_category_type(dtype: Any) -> bool:
    """Whether a type is the category of pandas, Enum or Categorical of polars, or a dictionary of pyarrow."""
    return str(dtype).lower().startswith(CATEGORY_TYPES)


def encode_column(column: Column, name: Any, dtype: Any, values: np.ndarray) -> np.ndarray:
    """The values of a column as numbers (n,), float64, NaN where missing. A column without values may have any type."""
    if bool(find_missing(values).all()):
        return np.full(len(values), np.nan)
    if isinstance(column, Dates):
        return column.encode(name, values, has_zone(dtype))
    return to_floats(name, values) if column is None else column.encode(name, values)


def check_numbers(X: Any) -> None:
    """Raise ValueError or TypeError, which names it, if a column of a data frame held numbers in ``fit``, not now."""
    for index, dtype in enumerate(column_dtypes(X)):
        if numpy_dtype(dtype) is None:
            name, values = column_names(X)[index], read_column(X, index)
            if values.dtype.kind in "mM":  # also if all are missing
                raise changed_error(name, "numbers", FAMILIES_OF_KINDS[values.dtype.kind])
            to_floats(name, values)


def learn_column(name: Any, dtype: Any, values: np.ndarray, is_chosen: bool | None) -> Column:
    """How to convert a column; ``is_chosen`` says whether it holds categories, None decides by its type."""
    if values.dtype.kind in "mM" and is_chosen:
        raise TypeError(
            f"Column {name!r} of X holds dates, which cannot be categories. Leave it out of categorical_features, or "
            f"convert it to text."
        )
    if is_chosen or (is_chosen is None and is_category_type(dtype)):
        return Categories.learn(name, values)
    if values.dtype.kind in "mM":
        return Dates.learn(values, has_zone(dtype))
    if values.dtype.kind in "biuf":
        return Booleans() if values.dtype.kind == "b" else None
    observed = values[~find_missing(values)]
    for value in observed[:1]:
        check_entry(name, value)
    family = family_of(name, observed)
    if family == "text" and is_chosen is None:
        return Categories.learn(name, values)
    if family == "booleans":
        return Booleans()
    if family == "complex numbers":
        raise ValueError(
            f"Complex data not supported: column {name!r} of X holds complex numbers. Pass two columns, the real and "
            f"the imaginary parts: numpy.real(X[{name!r}]) and numpy.imag(X[{name!r}])."
        )
    if family == "text":
        to_numbers(name, observed)
    elif family not in ("numbers", ""):
        raise TypeError(
            f"Column {name!r} of X holds {observed[0]!r} of type {family}, which is not a number. Convert it to "
            f"numbers, datetime64 or text."
        )
    return None


def to_numbers(name: Any, values: np.ndarray) -> np.ndarray:
    """Text as numbers; ValueError, which names the column, if it cannot be converted."""
    try:
        return values.astype(np.float64)
    except ValueError as error:
        raise ValueError(f"Column {name!r} of X holds text ({error}). For strings, {STRINGS}.") from error


def choose_columns(chosen: Any, names: tuple[Any, ...], is_frame: bool) -> list[bool] | None:
    """Whether each column is chosen as categories; None for "from_dtype"."""
    if chosen is None:
        return [False] * len(names)
    if isinstance(chosen, str):
        return None
    entries = np.asarray(chosen).tolist() if not isinstance(chosen, (list, tuple)) else list(chosen)
    expected = f"X has {len(names)} columns"
    if entries and all(isinstance(entry, (bool, np.bool_)) for entry in entries):
        if len(entries) != len(names):
            raise InvalidParameterError(
                f"The 'categorical_features' parameter of {OWNER} is a mask of {len(entries)} entries, but {expected}."
            )
        return [bool(entry) for entry in entries]
    if all(isinstance(entry, Integral) for entry in entries):
        outside = [entry for entry in entries if not 0 <= entry < len(names)]
        if outside:
            raise InvalidParameterError(
                f"The 'categorical_features' parameter of {OWNER} has the index {outside[0]}, but {expected}: indices "
                f"are 0 to {len(names) - 1}."
            )
        return [index in entries for index in range(len(names))]
    unknown = [entry for entry in entries if entry not in names]
    if not is_frame:
        raise InvalidParameterError(
            f"The 'categorical_features' parameter of {OWNER} names the column {entries[0]!r}, but X is no data frame. "
            f"Pass indices of columns."
        )
    if unknown:
        raise InvalidParameterError(
            f"The 'categorical_features' parameter of {OWNER} names {unknown[0]!r}, which is no column of X. Its "
            f"columns are {', '.join(map(repr, names[:10]))}{', ...' if len(names) > 10 else ''}."
        )
    return [name in entries for name in names]
