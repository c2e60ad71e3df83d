"""Lazy results for arrays of dask: each block is computed on its own, when the result is computed."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np


def is_dask(X: Any) -> bool:
    """Whether X is an array of dask, which is imported only by the caller."""
    module = sys.modules.get("dask.array")
    return module is not None and isinstance(X, module.Array)


def map_blocks(
    compute: Callable[[np.ndarray], np.ndarray], X: Any, sizes: tuple[int, ...], shape: tuple[int, ...], dtype: Any
) -> Any:
    """A lazy array of dask: ``compute`` returns rows (n, \\*shape) of ``dtype`` for a block of rows of X.

    ValueError unless the number of values of a sample of X is one of ``sizes``. Nothing is computed.
    """
    import dask.array as da

    found = int(np.prod(X.shape[1:])) if X.ndim > 1 else None
    if found not in sizes:
        raise ValueError(f"X has shape {X.shape}, but was expected to have {max(sizes)} values per sample.")
    X = X.rechunk(dict.fromkeys(range(1, X.ndim), -1))
    meta = np.empty((0, *shape), dtype)
    return da.map_blocks(
        partial(compute_block, compute, meta),
        X,
        name=f"skae-{uuid.uuid4().hex}",  # dask would hash the weights otherwise
        dtype=dtype,
        chunks=(X.chunks[0], *((size,) for size in shape)),
        drop_axis=list(range(1, X.ndim)),
        new_axis=list(range(1, 1 + len(shape))),
        meta=meta,
    )


def compute_block(compute: Callable[[np.ndarray], np.ndarray], meta: np.ndarray, block: Any) -> np.ndarray:
    """The result for a block, of the shape and type of ``meta``; blocks can be empty."""
    block = np.asarray(block)
    return compute(block).astype(meta.dtype, copy=False) if len(block) else meta
