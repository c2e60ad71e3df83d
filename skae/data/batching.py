"""Batched inference: large batches in order, halved when memory runs out; batches that a thread prepares."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor

from skae._parameters import warn
from skae.exceptions import OutOfMemoryError

Result = TypeVar("Result")
# Smaller batches are padded to this number of rows, or to FEW_ROWS. For samples of more features than SMALL_SAMPLE,
# padding would more than double the time of a single row.
PADDED_ROWS, FEW_ROWS, SMALL_SAMPLE = 16, 4, 1024


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch or numpy failed to allocate memory, on any device."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    # The CPU allocator of torch raises a plain RuntimeError.
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def map_batches(function: Callable[[int, int], Result], n_rows: int, length: int) -> Iterator[tuple[int, int, Result]]:
    """Yield (start, stop, ``function(start, stop)``) for ``n_rows`` rows in order, at most ``length`` at a time.

    Out of memory, batches are halved, with one warning; OutOfMemoryError is raised for a single row.
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
                warn(f"Out of memory on a batch of {stop - start} rows: continuing in batches of {length} or fewer.")
                warned = True
            continue
        yield start, stop, result
        start = stop


def apply_padded(function: Callable[[Tensor], Tensor], x: Tensor, length: int) -> Tensor:
    """Apply ``function`` to x, padded to ``length`` rows.

    Matrix products of a few rows would be summed in another order than products of many rows.
    """
    if len(x) == 1:
        return function(x.expand(length, *x.shape[1:]))[:1]
    padding = x[:1].expand(length - len(x), *x.shape[1:])
    return function(torch.cat([x, padding]))[: len(x)]


def free_cache() -> None:
    """Release the cached memory of the GPU, if CUDA was initialized."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def prefetch(batches: Iterator[Result], ahead: int = 2) -> Generator[Result, None, None]:
    """The same batches; a thread prepares the next ``ahead`` ones."""
    executor = ThreadPoolExecutor(1, thread_name_prefix="skae-prefetch")
    try:
        pending = deque(executor.submit(next, batches, None) for _ in range(ahead))
        while (batch := pending.popleft().result()) is not None:
            pending.append(executor.submit(next, batches, None))
            yield batch
    finally:
        executor.shutdown(cancel_futures=True)
