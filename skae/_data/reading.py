"""Passes that only read: large batches in order, halved where memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
from torch import Tensor

from skae._parameters import warn
from skae.exceptions import OutOfMemoryError

Result = TypeVar("Result")
# Beyond this many numbers a sample, company would cost more than twice the time of a row alone.
COMPANY, SMALL_SAMPLE = 16, 1024


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch or numpy failed to get memory, on any device."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    # The CPU allocator of torch raises a plain RuntimeError.
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def in_batches(function: Callable[[int, int], Result], n_rows: int, length: int) -> Iterator[tuple[int, int, Result]]:
    """``function(start, stop)`` over ``n_rows`` rows in order, at most ``length`` at a time, as (start, stop, result).

    Where memory runs out the batch is halved, with one warning, and the pass goes on.

    Raises
    ------
    OutOfMemoryError
        If memory does not suffice for a single row.
    """
    start, warned = 0, False
    while start < n_rows:
        stop = min(start + length, n_rows)
        try:
            result = function(start, stop)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if stop - start == 1:
                raise OutOfMemoryError(f"Out of memory on a batch of one row: {error}") from error
            length = (stop - start + 1) // 2
            free_cache()
            if not warned:
                warn(f"Out of memory on a batch of {stop - start} rows: going on in batches of {length} or fewer.")
                warned = True
            continue
        yield start, stop, result
        start = stop


def in_company(function: Callable[[Tensor], Tensor], x: Tensor, n_features: int) -> Tensor:
    """What ``function`` makes of every row of x, run on COMPANY rows at least where ``n_features`` are few.

    Products of a few rows are summed up in another order than those of many; with company a row gives the same bits
    alone as among others.
    """
    missing = COMPANY - len(x)
    if missing <= 0 or n_features > SMALL_SAMPLE:
        return function(x)
    return function(torch.cat([x, x[:1].expand(missing, *x.shape[1:])]))[: len(x)]


def free_cache() -> None:
    """Give cached memory of the GPU back, if it was used at all."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
