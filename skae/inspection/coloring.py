"""What points are colored by: labels, numbers or dates, some of which may be missing."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from skae._inputs.validation import is_missing

from .reading import as_numbers

MOST_CLASSES = 20


@dataclass(frozen=True)
class Coloring:
    """Labels or numbers, one per sample.

    Attributes
    ----------
    values : ndarray of shape (n_samples,), float64
        The index among ``labels``, or the number; days since 1970 for dates. NaN where it is missing.
    labels : list of str or None
        None for numbers.
    is_date : bool
    """

    values: np.ndarray
    labels: list[str] | None = None
    is_date: bool = False

    @classmethod
    def of(cls, y: Any) -> Coloring:
        """Read what a caller gives: text, categories and up to 20 different integers are labels, all else numbers.

        Raises
        ------
        ValueError
            If there is more than one column, or more than 20 classes.
        """
        column = column_of(y)
        order = getattr(getattr(column, "dtype", None), "categories", None)
        order = order if hasattr(order, "to_list") else None  # polars has no order of a column's own
        entries = as_numbers(column)
        missing = np.array([is_missing(entry) for entry in entries.tolist()], dtype=bool)
        present = entries[~missing]
        values = np.full(len(entries), np.nan)
        days = days_of(present)
        if days is not None:
            values[~missing] = days
            return cls(values, is_date=entries.dtype.kind != "m")
        numbers = numbers_of(present) if order is None else None
        if numbers is not None and not is_classes(numbers):
            values[~missing] = numbers
            return cls(values)
        given = present if numbers is None else numbers.astype(np.int64)
        names = [str(name) for name in given.tolist()]
        known = set(names)
        if order is not None:
            listed = [str(name) for name in order.to_list() if str(name) in known]
        else:
            listed = list(dict.fromkeys(names[place] for place in in_order(given)))
        if len(listed) > MOST_CLASSES:
            raise ValueError(
                f"y has {len(listed)} classes; at most {MOST_CLASSES} can be told apart. Pass numbers, or no y."
            )
        number = {name: index for index, name in enumerate(listed)}
        values[~missing] = [number[name] for name in names]
        return cls(values, listed)


def column_of(y: Any) -> Any:
    """y, or its only column, one-dimensional."""
    shape = tuple(getattr(y, "shape", None) or np.shape(y))
    if len(shape) == 2 and shape[1] == 1:
        return y.iloc[:, 0] if hasattr(y, "iloc") else y[y.columns[0]] if hasattr(y, "columns") else as_numbers(y)[:, 0]
    if len(shape) != 1:
        raise ValueError(f"y must have one value per sample, shape (n_samples,). Got shape {shape} instead.")
    return y if hasattr(y, "dtype") else np.array(y, dtype=object)


def days_of(entries: np.ndarray) -> np.ndarray | None:
    """Days since 1970 of dates, or of time spans their length in days; None of all else."""
    if entries.dtype.kind in "mM":
        kind = "timedelta64[ns]" if entries.dtype.kind == "m" else "datetime64[ns]"
        return entries.astype(kind).astype(np.int64) / (24 * 3600 * 1e9)
    if entries.dtype.kind != "O" or len(entries) == 0:
        return None
    if all(isinstance(entry, datetime.datetime) for entry in entries):
        # Of dates in a time zone their place on the one time line.
        return np.array([entry.timestamp() for entry in entries]) / (24 * 3600)
    if all(isinstance(entry, datetime.date) for entry in entries):
        return days_of(entries.astype("datetime64[D]"))
    return None


def numbers_of(entries: np.ndarray) -> np.ndarray | None:
    """Entries as numbers; None where they are text, booleans or other objects."""
    if entries.dtype.kind in "iuf":
        return entries.astype(np.float64)
    numeric = entries.dtype.kind == "O" and len(entries) > 0
    if numeric and all(isinstance(entry, Real) and not isinstance(entry, (bool, np.bool_)) for entry in entries):
        return entries.astype(np.float64)
    return None


def is_classes(numbers: np.ndarray) -> bool:
    """Whether numbers are few different integers, as labels are."""
    return bool(np.array_equal(numbers, np.rint(numbers))) and len(np.unique(numbers)) <= MOST_CLASSES


def in_order(entries: np.ndarray) -> Any:
    """Indices that sort the entries; those of types that do not compare as text."""
    try:
        return np.argsort(entries, kind="stable")
    except TypeError:
        return np.argsort(entries.astype(str), kind="stable")
