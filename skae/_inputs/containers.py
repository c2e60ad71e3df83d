"""Containers of samples other than arrays: data frames and lists. Those larger than memory are in ``readers``.

Each is converted to an array, or raises an error that names the column and the code to write.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator
from typing import Any

import numpy as np

from .data_frames import column_names

STRINGS = (
    "pass a data frame, whose columns of text are categories with categorical_features='from_dtype', or put "
    "skae.text.CharacterEncoder before it in a pipeline, which reads strings character by character"
)
DATES = (datetime.date, datetime.time, datetime.timedelta)


def check_one_shape(X: list | tuple) -> None:
    """Raise ValueError unless all samples of a list have the same shape."""
    shapes = [
        np.shape(row) if hasattr(row, "shape") else (len(row),) if isinstance(row, (list, tuple)) else () for row in X
    ]
    for index, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise ValueError(
                f"X has an inhomogeneous shape: sample 0 has shape {shapes[0]}, sample {index} has {shape}. Cut or pad "
                f"them to one shape; pictures are resized with PIL.Image.resize."
            )


def check_entries(X: Any) -> None:
    """Raise ValueError if X is one-dimensional and its first entry is a vector, or a string that is not a number."""
    if len(getattr(X, "shape", ())) != 1 or len(X) == 0:
        return
    first = X.iloc[0] if hasattr(X, "iloc") else X[0]
    if is_vector(first):
        raise ValueError(
            f"Expected 2D array, got 1D array of vectors instead, the first of shape {np.shape(first)}. Pass "
            f"np.stack(X)."
        )
    if isinstance(first, (str, bytes)):
        with name_encoders():
            float(first)


def check_columns(frame: Any) -> None:
    """Raise TypeError if a column holds dates, and ValueError if its first entry is a vector."""
    for name, values in iterate_columns(frame):
        if values.dtype.kind in "mM":
            raise date_error(name, values.dtype.name)
        for value in values[:1] if values.ndim > 1 or values.dtype.kind == "O" else ():
            check_entry(name, value)


def check_text(frame: Any) -> None:
    """Raise ValueError or TypeError if an entry of a data frame is not a number; the message names the column."""
    for name, values in iterate_columns(frame):
        for value in values if values.dtype.kind in "OUST" else ():
            check_entry(name, value)
            try:
                float("nan" if value is None else value)
            except ValueError as error:
                raise ValueError(f"Column {name!r} of X holds text ({error}). For strings, {STRINGS}.") from error
            except TypeError as error:
                if str(value) == "NaT":
                    raise date_error(name, type(value).__name__) from error
                raise TypeError(
                    f"Column {name!r} of X holds {value!r} of type {type(value).__name__}, which is not a number."
                ) from error


def check_entry(name: Any, value: Any) -> None:
    """Raise TypeError if an entry is a date, and ValueError if it is a vector; the message names the column."""
    if isinstance(value, DATES):
        raise date_error(name, type(value).__name__)
    if is_vector(value):
        raise ValueError(
            f"Column {name!r} of X holds vectors, the first of shape {np.shape(value)}. Pass one column per number: "
            f"np.stack(X[{name!r}]) makes columns of this one."
        )


def date_error(name: Any, kind: str) -> TypeError:
    """The error for a column of objects that are dates or time spans, or of dates where only numbers are read."""
    objects = "" if kind.startswith(("datetime64", "timedelta64")) else "to datetime64 (pandas.to_datetime) or "
    return TypeError(f"Column {name!r} of X has dtype {kind}. Convert it {objects}to numbers, such as seconds, first.")


@contextlib.contextmanager
def name_encoders() -> Iterator[None]:
    """If a string cannot be converted to a number, raise a ValueError that names the encoders for strings."""
    try:
        yield
    except ValueError as error:
        if "could not convert" not in str(error):
            raise
        raise ValueError(f"{error}. X holds strings: {STRINGS}.") from error


def iterate_columns(frame: Any) -> Iterator[tuple[Any, np.ndarray]]:
    """Yield the name and the values of each column of a data frame."""
    for index, name in enumerate(column_names(frame)):
        column = frame.iloc[:, index] if hasattr(frame, "iloc") else frame[name]
        try:
            yield name, np.asarray(column)
        except Exception as error:  # each data frame library has its own error types
            raise TypeError(f"Column {name!r} of X cannot be read as numbers: {error}") from error


def is_vector(value: Any) -> bool:
    """Whether an entry is a list, an array or another sequence of values."""
    return hasattr(value, "__len__") and not isinstance(value, (str, bytes, dict)) and np.ndim(value) > 0
