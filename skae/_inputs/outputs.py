"""Arrays of the caller that results are written to, batch by batch: of numpy, zarr or h5py, and memory maps."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np


class OutputArray:
    """Writes rows in order to ``out`` (n, \\*shape), which supports assignment to slices.

    An array with chunks is written in whole chunks: each would be encoded several times otherwise. ``n_rows`` is the
    number of rows, None if it is not known before the last one.
    """

    def __init__(self, out: Any, n_rows: int | None, shape: tuple[int, ...]):
        check_output(out, n_rows, shape)
        self.out = out
        chunks = getattr(out, "chunks", None)
        self.chunk = int(chunks[0]) if chunks and isinstance(chunks[0], Integral) else 1
        self.waiting: list[np.ndarray] = []
        self.n_waiting = self.done = 0

    def write(self, rows: np.ndarray) -> None:
        """Write the next rows; ValueError if there are more than ``out`` has."""
        if self.done + self.n_waiting + len(rows) > self.out.shape[0]:
            raise ValueError(f"out has {self.out.shape[0]} rows, but X has more.")
        self.waiting.append(rows)
        self.n_waiting += len(rows)
        if self.n_waiting >= self.chunk:
            self._flush(self.n_waiting // self.chunk * self.chunk)

    def _flush(self, n: int) -> None:
        """Write ``n`` of the waiting rows."""
        rows = self.waiting[0] if len(self.waiting) == 1 else np.concatenate(self.waiting)
        self.out[self.done : self.done + n] = rows[:n]
        self.waiting, self.n_waiting, self.done = [rows[n:]], self.n_waiting - n, self.done + n

    def close(self) -> Any:
        """Write the last rows; returns ``out``. ValueError if there were fewer than ``out`` has."""
        if self.n_waiting:
            self._flush(self.n_waiting)
        if self.done != self.out.shape[0]:
            raise ValueError(f"out has {self.out.shape[0]} rows, but X has {self.done}.")
        return self.out


def check_output(out: Any, n_rows: int | None, shape: tuple[int, ...]) -> None:
    """Raise TypeError or ValueError unless float32 results (n_rows, \\*shape) can be written to ``out``."""
    is_array = all(hasattr(out, name) for name in ("shape", "dtype", "__setitem__"))
    if not is_array or not isinstance(out.dtype, np.dtype):
        raise TypeError(
            f"out must be a numpy array, a memory map, or an array of zarr or h5py. Got {type(out).__name__} instead."
        )
    expected = (n_rows, *shape)
    found = tuple(out.shape)
    if len(found) != len(expected) or found[1:] != shape or n_rows not in (None, found[0]):
        words = ", ".join("n_samples" if size is None else str(size) for size in expected)
        raise ValueError(f"out must have shape ({words}). Got shape {found} instead.")
    if out.dtype.kind != "f" or out.dtype.itemsize < 4:
        raise ValueError(f"out must have dtype float32 or float64. Got {out.dtype} instead.")
    if isinstance(out, np.ndarray) and not out.flags.writeable:
        raise ValueError("out is read-only. Open the memory map with mode='r+' or 'w+'.")
