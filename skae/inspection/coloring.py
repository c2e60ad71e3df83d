"""Values that color points: labels, numbers or dates, some of which may be missing."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from skae._inputs.validation import is_missing

from .inputs import to_numpy

MAX_CLASSES = 20


@dataclass(frozen=True)
class Coloring:
    """Labels or numbers, one per sample.

    Attributes
    ----------
    values : ndarray of shape (n_samples,), float64
        Index in ``labels``, or number; dates are days since 1970. NaN is missing.
    labels : list of str or None
        None for numbers.
    is_date : bool
        Whether numbers are dates.
    """

    values: np.ndarray
    labels: list[str] | None = None
    is_date: bool = False

    @classmethod
    def of(cls, y: Any) -> Coloring:
        """Convert y: text, categories and up to 20 different integers are labels, other values are numbers.

        Raises
        ------
        ValueError
            If y has more than one column, or more than 20 classes.
        """
        column = label_column(y)
        order = getattr(getattr(column, "dtype", None), "categories", None)
        order = order if hasattr(order, "to_list") else None  # polars categories have no order
        entries = to_numpy(column)
        missing = np.array([is_missing(entry) for entry in entries.tolist()], dtype=bool)
        present = entries[~missing]
        values = np.full(len(entries), np.nan)
        days = to_days(present)
        if days is not None:
            values[~missing] = days
            return cls(values, is_date=entries.dtype.kind != "m")
        numbers = to_numbers(present) if order is None else None
        if numbers is not None and not are_class_labels(numbers):
            values[~missing] = numbers
            return cls(values)
        given = present if numbers is None else numbers.astype(np.int64)
        names = [str(name) for name in given.tolist()]
        known = set(names)
        if order is not None:
            listed = [str(name) for name in order.to_list() if str(name) in known]
        else:
            listed = list(dict.fromkeys(names[place] for place in sort_order(given)))
        if len(listed) > MAX_CLASSES:
            raise ValueError(
                f"y has {len(listed)} classes; at most {MAX_CLASSES} get different colors. Pass numbers, or no y."
            )
        number = {name: index for index, name in enumerate(listed)}
        values[~missing] = [number[name] for name in names]
        return cls(values, listed)


def label_column(y: Any) -> Any:
    """y as one column; ValueError if it has more."""
    shape = tuple(getattr(y, "shape", None) or np.shape(y))
    if len(shape) == 2 and shape[1] == 1:
        return y.iloc[:, 0] if hasattr(y, "iloc") else y[y.columns[0]] if hasattr(y, "columns") else to_numpy(y)[:, 0]
    if len(shape) != 1:
        raise ValueError(f"y must have one value per sample, shape (n_samples,). Got shape {shape} instead.")
    return y if hasattr(y, "dtype") else np.array(y, dtype=object)


def to_days(entries: np.ndarray) -> np.ndarray | None:
    """Dates as days since 1970, or time spans in days; None for other types."""
    if entries.dtype.kind in "mM":
        kind = "timedelta64[ns]" if entries.dtype.kind == "m" else "datetime64[ns]"
        return entries.astype(kind).astype(np.int64) / (24 * 3600 * 1e9)
    if entries.dtype.kind != "O" or len(entries) == 0:
        return None
    if all(isinstance(entry, datetime.datetime) for entry in entries):
        # Dates with a time zone are converted to UTC.
        return np.array([entry.timestamp() for entry in entries]) / (24 * 3600)
    if all(isinstance(entry, datetime.date) for entry in entries):
        return to_days(entries.astype("datetime64[D]"))
    return None


def to_numbers(entries: np.ndarray) -> np.ndarray | None:
    """Entries as numbers; None if they are text, booleans or other objects."""
    if entries.dtype.kind in "iuf":
        return entries.astype(np.float64)
    numeric = entries.dtype.kind == "O" and len(entries) > 0
    if numeric and all(isinstance(entry, Real) and not isinstance(entry, (bool, np.bool_)) for entry in entries):
        return entries.astype(np.float64)
    return None


def are_class_labels(numbers: np.ndarray) -> bool:
    """Whether numbers are at most MAX_CLASSES different integers."""
    return bool(np.array_equal(numbers, np.rint(numbers))) and len(np.unique(numbers)) <= MAX_CLASSES


def sort_order(entries: np.ndarray) -> Any:
    """Indices that sort the entries; entries without an order are sorted as text."""
    try:
        return np.argsort(entries, kind="stable")
    except TypeError:
        return np.argsort(entries.astype(str), kind="stable")
