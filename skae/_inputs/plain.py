"""Fast check of plain numbers in the fitted shape, for single rows: scikit-learn's validation takes longer than PCA.

It only accepts: X in any doubt is left to ``check_samples``, which converts it, warns, or raises an error.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

LARGEST = float(np.finfo(np.float32).max)
PLAIN_TYPES = frozenset(np.dtype(kind) for kind in "?bBhHiIlLqQfd")
TENSOR_TYPES = (torch.uint8, torch.int16, torch.int32, torch.int64, torch.float32, torch.float64)


def is_plain(values: Any, sample_shape: tuple[int, ...], n_features: int) -> bool:
    """Whether values are an array of plain numbers, finite in float32, with at least one sample of the fitted shape."""
    return (
        type(values) is np.ndarray
        and values.dtype in PLAIN_TYPES
        and values.shape[1:] in (sample_shape, (n_features,))
        and len(values) > 0
        and (values.dtype.kind != "f" or is_finite(values))
    )


@np.errstate(over="ignore", invalid="ignore")
def is_finite(values: np.ndarray) -> bool:
    """Whether floats are surely finite in float32: their sum of squares is at most the square of its largest number."""
    if not values.flags.forc:
        return False  # a copy would be needed
    flat = values.ravel(order="K")
    return float(np.dot(flat, flat)) <= LARGEST**2


def plain_values(X: Any, names: list[str] | None) -> Any:
    """The values of X: an array, a tensor on the CPU, or a data frame with the fitted ``names``; else None."""
    if type(X) is np.ndarray:
        return X if names is None else None
    if type(X) is torch.Tensor:
        is_array = X.device.type == "cpu" and X.layout is torch.strided and X.dtype in TENSOR_TYPES
        return X.detach().numpy() if is_array and names is None else None
    # In this order: the columns of a LazyFrame of polars, which has no ``to_numpy``, are computed with a warning.
    if names is None or not hasattr(X, "to_numpy"):
        return None
    columns = getattr(X, "columns", None)
    return X.to_numpy() if columns is not None and list(columns) == names and not holds_dates(X) else None


def holds_dates(X: Any) -> bool:
    """Whether a data frame of polars, which converts them to numbers, has columns of dates or time spans."""
    return type(X).__module__.startswith("polars.") and any(dtype.is_temporal() for dtype in set(X.dtypes))
