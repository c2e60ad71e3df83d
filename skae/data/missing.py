"""Missing values of samples: NaN, in raw and in scaled rows."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from .sources import SparseRows, iterate_slices, slice_length


def contains_missing(X: Any, n_features: int) -> bool:
    """Whether a value of checked X is missing."""
    if isinstance(X, SparseRows) or len(X) == 0:
        return False
    return any(has_missing(rows) for rows in iterate_slices(X, slice_length(n_features)))


def has_missing(x: Tensor) -> bool:
    """Whether a value of x is missing."""
    # A sum is much faster than a comparison of all values.
    return x.dtype.is_floating_point and bool(x.sum().isnan()) and bool(x.isnan().any())


def zero_missing(values: Tensor, x: Tensor) -> Tensor:
    """The values, in the shape of x, with 0 where x is missing; the same tensor if nothing is missing."""
    return values.masked_fill(x.isnan(), 0.0) if has_missing(x) else values


def count_observed(x: Tensor) -> Tensor:
    """Number of values of each sample (n,) that are not missing, at least 1."""
    return (~x.isnan()).flatten(1).sum(1).clamp_(min=1)
