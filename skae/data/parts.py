"""Rows that are larger than memory, read in parts: ``ChunkedRows`` can be indexed, a ``Stream`` is read in order.

``skae._inputs`` makes them from the containers of users. Everything else reads them by ``parts``, and by slices if they
are chunked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np

# Size of a slice of a sequential pass, as float32; parts of chunked rows have it too, in whole chunks.
SLICE_BYTES = 16 * 2**20
# Size of the random sample of a stream, as float32, or in its own type if that is longer.
SAMPLE_BYTES = 64 * 2**20


def slice_length(n_features: int) -> int:
    """Number of rows of a slice of about SLICE_BYTES as float32; at least 1."""
    return max(1, SLICE_BYTES // (4 * n_features))


class PartwiseRows:
    """Base class: rows of one shape and dtype, read in parts from the first to the last.

    ``frame`` is an empty data frame with the columns of a table, which has their names; None for arrays.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    frame: Any = None

    def __len__(self) -> int:
        return self.shape[0]

    def parts(self) -> Iterator[np.ndarray]:
        """Start a pass over all rows; yields arrays (n, \\*sample_shape) of any length."""
        raise NotImplementedError


class ChunkedRows(PartwiseRows):
    """Rows of a container that stores or computes them in chunks.

    ``read(start, stop)`` returns rows as an array. ``bounds`` (n_chunks + 1,) are the first rows of the chunks, and the
    number of rows; None if any slice can be read efficiently.
    """

    def __init__(
        self,
        read: Callable[[int, int], Any],
        shape: Iterable[int],
        dtype: Any,
        bounds: np.ndarray | None = None,
        frame: Any = None,
    ):
        self.read = read
        self.shape, self.dtype = tuple(int(size) for size in shape), np.dtype(dtype)
        # Without empty chunks.
        self.bounds = np.unique([0, self.shape[0]] if bounds is None else bounds)
        self.is_chunked = len(self.bounds) > 2
        self.frame = frame

    def __getitem__(self, key: slice) -> np.ndarray:
        start, stop, _ = key.indices(len(self))
        stop = max(start, stop)
        rows = np.asarray(self.read(start, stop))
        if rows.shape[1:] != self.shape[1:]:
            raise ValueError(
                f"X has an inhomogeneous shape: its samples have shape {self.shape[1:]}, but rows {start} to {stop} "
                f"have shape {rows.shape[1:]}."
            )
        if rows.shape[0] != stop - start:
            raise ValueError(
                f"X has {len(self)} rows by its shape or length, but rows {start} to {stop} have {len(rows)} rows. "
                f"Slices of X must have all their rows."
            )
        return rows

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self[0 : len(self)], dtype=dtype)

    def parts(self) -> Iterator[np.ndarray]:
        """Yield whole chunks, several small ones at once, each read once."""
        length = slice_length(max(1, int(np.prod(self.shape[1:]))))
        bounds = self.merged_bounds(length) if self.is_chunked else [*range(0, len(self), length), len(self)]
        return (self[int(start) : int(stop)] for start, stop in pairwise(bounds))

    def merged_bounds(self, least: int) -> np.ndarray:
        """Bounds of groups of consecutive chunks with at least ``least`` rows, or of one chunk that is longer."""
        merged, last = [0], len(self.bounds) - 1
        place = 0
        while place < last:
            place = min(last, max(place + 1, int(np.searchsorted(self.bounds, merged[-1] + least))))
            merged.append(int(self.bounds[place]))
        return np.array(merged)


class Stream(PartwiseRows):
    """Rows that are read in passes over a container of the caller, and cannot be indexed.

    ``start()`` begins a pass and returns an iterator of arrays. ``is_shuffled`` says that the container shuffles rows.
    ``check`` gets every array before it is used. The number of rows, and a random sample, are known after ``learn``.
    """

    def __init__(self, start: Callable[[], Iterator[Any]], name: str, is_shuffled: bool = False, frame: Any = None):
        self.start = start
        self.name = name
        self.is_shuffled = is_shuffled
        self.frame = frame
        self.check: Callable[[np.ndarray], Any] = lambda part: None
        self.n_rows: int | None = None
        self.sample = np.empty((0, 0))

    def __len__(self) -> int:
        if self.n_rows is None:
            raise TypeError(f"The number of rows of {self.name} is not known before they are read.")
        return self.n_rows

    def parts(self) -> Iterator[np.ndarray]:
        """Start a pass; ValueError if rows differ in shape or type, or if their number differs from the first pass."""
        # Here, and not in the generator, which may run in another thread: workers of a DataLoader are forked.
        return self._checked(self.start())

    def _checked(self, given: Iterator[Any]) -> Iterator[np.ndarray]:
        count, first = 0, None if self.n_rows is None else (self.shape[1:], self.dtype)
        for rows in given:
            part = np.asarray(rows)
            found = part.shape[1:], part.dtype
            first = first or found
            if found != first:
                raise ValueError(
                    f"X has an inhomogeneous shape or type: {self.name} gives samples of shape {first[0]} and dtype "
                    f"{first[1]} first, and of shape {found[0]} and dtype {found[1]} from row {count} on."
                )
            self.check(part)
            count += len(part)
            yield part
        if count == 0 and not self.n_rows:
            raise ValueError(f"Found array with 0 sample(s): {self.name} is empty, and a minimum of 1 is required.")
        if self.n_rows is not None and count != self.n_rows:
            raise ValueError(
                f"{self.name} gave {count} rows in this pass, and {self.n_rows} in the first one. It is read once per "
                f"epoch, so every pass must give all rows: __iter__ of an IterableDataset must start anew, and not "
                f"return an iterator that ends. Pass an array of the rows otherwise."
            )

    def learn(self) -> None:
        """Read all rows once: learn their number, shape and dtype, and draw a random sample, in order."""
        random, count, chosen = np.random.RandomState(0), 0, Sample(1)
        for part in self.parts():
            if count == 0:
                self.shape, self.dtype = (0, *part.shape[1:]), part.dtype
                chosen = Sample(max(1, SAMPLE_BYTES // max(1, 4 * part[0].size, part[0].nbytes)))
            chosen.add(part, random.random_sample(len(part)))
            count += len(part)
        self.n_rows, self.shape = count, (count, *self.shape[1:])
        self.sample = chosen.rows()


class Sample:
    """A random sample of at most ``size`` rows: those with the smallest keys."""

    def __init__(self, size: int):
        self.size = size
        self.kept: list[tuple[np.ndarray, np.ndarray]] = []
        self.n_kept, self.limit = 0, np.inf

    def add(self, part: np.ndarray, keys: np.ndarray) -> None:
        """Add rows with random keys (n,)."""
        (chosen,) = np.nonzero(keys < self.limit)
        if len(chosen) > 0:
            self.kept.append((part[chosen], keys[chosen]))
            self.n_kept += len(chosen)
        if self.n_kept > 1.25 * self.size:
            self._drop()

    def _drop(self) -> None:
        """Drop the rows with the largest keys, array by array, which saves memory."""
        keys = np.concatenate([keys for _, keys in self.kept])
        if len(keys) <= self.size:
            return
        self.limit = float(np.partition(keys, self.size - 1)[self.size - 1])
        for place, (rows, row_keys) in enumerate(self.kept):
            chosen = row_keys <= self.limit
            self.kept[place] = rows[chosen], row_keys[chosen]
        self.kept = [pair for pair in self.kept if len(pair[0])]
        self.n_kept = self.size

    def rows(self) -> np.ndarray:
        """The sample in the order in which it was added."""
        self._drop()
        return np.concatenate([rows for rows, _ in self.kept])


def rebatch(parts: Iterable[np.ndarray], length: int) -> Iterator[np.ndarray]:
    """The same rows in slices of ``length``; the last one may be shorter."""
    waiting: list[np.ndarray] = []
    n_waiting = 0
    for part in parts:
        start = 0
        while n_waiting + len(part) - start >= length:
            stop = start + length - n_waiting
            piece = part[start:stop]
            yield piece if n_waiting == 0 else np.concatenate([*waiting, piece])
            waiting, n_waiting, start = [], 0, stop
        if start < len(part):
            waiting.append(part[start:])
            n_waiting += len(part) - start
    if n_waiting > 0:
        yield waiting[0] if len(waiting) == 1 else np.concatenate(waiting)


def hash_rows(rows: np.ndarray) -> np.ndarray:
    """A 64-bit hash of the bytes of every row (n,), uint64; equal rows have equal hashes."""
    flat = np.ascontiguousarray(rows).reshape(len(rows), -1)
    data = flat.view(np.uint8).reshape(len(rows), -1)
    padding = -data.shape[1] % 8
    words = (np.pad(data, ((0, 0), (0, padding))) if padding else data).view(np.uint64)
    weights = mix_bits(np.arange(1, words.shape[1] + 1, dtype=np.uint64)) | np.uint64(1)
    # The lower bits of most floats are zero, so upper bits are moved down before and after the product.
    mixed = (words ^ (words >> np.uint64(32))) * weights
    mixed ^= mixed >> np.uint64(32)
    return mix_bits(mixed.sum(1, dtype=np.uint64))


def mix_bits(numbers: np.ndarray) -> np.ndarray:
    """Hash 64-bit integers (the finalizer of SplitMix64; Steele, Lea and Flood, 2014)."""
    numbers = numbers + np.uint64(0x9E3779B97F4A7C15)
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))
