"""Access to rows in memory, on the device, or in a file, which is read slice by slice and never copied as a whole."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor
from torch.utils.data import Dataset

from .batching import map_batches, prefetch
from .layout import SampleLayout
from .parts import ChunkedRows, PartwiseRows, Stream, mix_bits, rebatch, slice_length
from .scaling import PIECE_NUMBERS

# Scaled rows up to this size are cached as float32. Memory maps too: joblib passes them to its workers, and the results
# have to be those of the parent. Larger data is scaled batch by batch.
CACHE_BYTES = 256 * 2**20
# The same for sparse rows, which take much less memory unscaled.
SPARSE_CACHE_BYTES = 64 * 2**20
# Larger rows are copied to a GPU unscaled, up to this fraction of its free memory, and scaled batch by batch.
RESIDENT_SHARE = 0.5
# Size of a buffer whose rows are shuffled together, as float32.
BUFFER_BYTES = 64 * 2**20
BLOCK_ROWS = 64
# Number of stored values of sparse rows that are processed at a time.
STORED_VALUES = 2**20
LARGEST_BATCH = 8192
NEEDS_FLOAT64 = (np.uint16, np.uint32, np.uint64, np.longdouble, np.object_)


@dataclass(frozen=True)
class Residual:
    """What the coordinates of rows leave out of ``n_features`` features: the mean square of each row, float64 (n,)."""

    n_features: int
    mean_squares: Tensor


class Rows(Dataset):
    """A torch dataset of the rows of X, read as scaled batches in the layout of the network on a device.

    X is an ndarray, a Tensor, or anything with shape, dtype and slicing, such as ``ChunkedRows``; inference also reads
    a ``Stream``. With ``keep``, small X are scaled once and cached on the device.
    """

    # y in supervised training: indices of classes (n,), or numbers (n, n_outputs). -1 or NaN is missing.
    y: Tensor | None = None
    # If the rows are coordinates of wider rows.
    residual: Residual | None = None

    def __init__(self, X: Any, layout: SampleLayout, device: torch.device, keep: bool = False):
        self.X = X
        self.layout = layout.to(device)
        self.device = device
        self.cache: Tensor | None = None
        # The length of a stream may not be known; it is never kept.
        size = math.inf if isinstance(X, Stream) else len(X) * layout.n_features * 4
        self.small = size <= CACHE_BYTES
        if keep and size <= (SPARSE_CACHE_BYTES if isinstance(X, SparseRows) else CACHE_BYTES):
            cache, start = torch.empty((len(X), *layout.network_shape), dtype=torch.float32, device=device), 0
            for x in self.slices(slice_length(layout.n_features)):
                cache[start : start + len(x)] = x
                start += len(x)
            self.cache = cache
        elif keep and self.in_memory and device.type == "cuda" and fits_on(device, X):
            self.X = copy_to_device(X, slice_length(layout.n_features), device)

    def __len__(self) -> int:
        return len(self.X)

    @property
    def in_memory(self) -> bool:
        """Whether rows can be read efficiently in any order."""
        return self.cache is not None or is_in_memory(self.X)

    @property
    def tensor_device(self) -> torch.device | None:
        """Device of the tensor that holds the rows, and of index tensors for ``take``; None if there is no tensor."""
        return self.cache.device if self.cache is not None else self.X.device if isinstance(self.X, Tensor) else None

    def take(self, indices: np.ndarray | Tensor) -> Tensor:
        """Scaled samples at ``indices``, ascending unless in memory. Index tensors are on ``tensor_device``."""
        if self.cache is not None:
            indices = indices if isinstance(indices, Tensor) else torch.from_numpy(indices).to(self.device)
            return self.cache.index_select(0, indices)
        if isinstance(self.X, PartwiseRows):
            # Every chunk is read once, and not for every piece.
            return self._to_samples(gather_rows(self.X, indices))
        return self._in_pieces(len(indices), lambda start, stop: gather_rows(self.X, indices[start:stop]))

    def take_in_pieces(self, indices: np.ndarray, length: int) -> Iterator[Tensor]:
        """Scaled samples at ascending ``indices``, ``length`` at a time; they are read at once."""
        if self.cache is not None or not isinstance(self.X, PartwiseRows):
            yield from self.take(indices).split(length)
            return
        for rows in gather_rows(self.X, indices).split(length):
            yield self._to_samples(rows)

    def subset(self, indices: np.ndarray) -> Rows:
        """The rows at ``indices`` with the same scaling and their y, copied and cached."""
        sparse = isinstance(self.X, SparseRows)
        chosen = SparseRows(self.X.csr[indices]) if sparse else gather_rows(self.X, indices)
        rows = Rows(chosen, self.layout, self.device, keep=True)
        rows.y = None if self.y is None else self.y[torch.from_numpy(indices).to(self.y.device)]
        if self.residual is not None:
            rows.residual = replace(self.residual, mean_squares=self.residual.mean_squares[torch.from_numpy(indices)])
        return rows

    def slices(self, length: int, every: int = 1) -> Iterator[Tensor]:
        """Scaled samples in order, ``length`` at a time; only every ``every``-th slice."""
        for rows in iterate_slices(self.X, length, every):
            yield self._to_samples(rows)

    def map(self, function: Callable[[Tensor], Any]) -> Iterator[tuple[int, int, Any]]:
        """Apply ``function`` to large batches of scaled samples in order; yields (start, stop, result)."""

        length = inference_length(self.layout.n_features)
        if isinstance(self.X, PartwiseRows):
            return self._map_slices(function, length)

        def apply(start: int, stop: int) -> Any:
            return function(self._to_samples(flat_rows(self.X[start:stop])))

        return map_batches(apply, len(self), length)

    def _map_slices(self, function: Callable[[Tensor], Any], length: int) -> Iterator[tuple[int, int, Any]]:
        """``map`` of rows that are read in parts: the same batches, each row is read once."""
        done = 0
        for rows in iterate_slices(self.X, length):

            def apply(start: int, stop: int, rows: Tensor = rows) -> Any:
                return function(self._to_samples(rows[start:stop]))

            for start, stop, result in map_batches(apply, len(rows), length):
                yield done + start, done + stop, result
            done += len(rows)

    @property
    def needs_transfer(self) -> bool:
        """Whether batches are copied to a GPU one by one."""
        resident = self.cache is not None or (isinstance(self.X, Tensor) and self.X.device.type == "cuda")
        return self.device.type == "cuda" and not resident

    def _to_samples(self, rows: Tensor) -> Tensor:
        """Convert raw rows (n, n_features) to scaled samples."""
        return self._in_pieces(len(rows), lambda start, stop: rows[start:stop])

    def _in_pieces(self, n: int, raw: Callable[[int, int], Tensor]) -> Tensor:
        """Scaled samples from ``n`` raw rows; ``raw(start, stop)`` returns a part of them.

        On the CPU, small pieces are scaled one after the other: they fit into the cache, and a float64 copy of all rows
        would take several times the memory of the result.
        """
        length = max(1, PIECE_NUMBERS // self.layout.n_features)
        if self.device.type != "cpu" or n <= length:
            return self._convert(raw(0, n))
        samples = torch.empty((n, *self.layout.network_shape), dtype=torch.float32)
        for start in range(0, n, length):
            samples[start : start + length] = self._convert(raw(start, min(start + length, n)))
        return samples

    def _convert(self, rows: Tensor) -> Tensor:
        if self.needs_transfer:
            rows = rows.pin_memory()
        if self.device.type != "mps":
            # A non-blocking copy to the CPU could be read before it is complete.
            rows = rows.to(self.device, non_blocking=self.device.type == "cuda")
        return self.layout.to_network(rows).to(self.device)


def is_in_memory(X: Any) -> bool:
    """Whether X, or the array its rows are selected from, is in memory and no memory map."""
    if isinstance(X, SelectedRows):
        return is_in_memory(X.X)
    return isinstance(X, (np.ndarray, Tensor, SparseRows)) and not is_mapped(X)


def is_mapped(X: Any) -> bool:
    """Whether X is a memmap or a view of one."""
    while isinstance(X, np.ndarray):
        if isinstance(X, np.memmap):
            return True
        X = X.base
    return False


class SparseRows:
    """CSR rows that are converted to dense arrays slice by slice."""

    def __init__(self, X: csr_array):
        self.csr = X
        self.shape, self.dtype = X.shape, X.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: slice | np.ndarray) -> np.ndarray:
        return self.csr[key].toarray()

    def row_hashes(self) -> np.ndarray:
        """A 64-bit hash of every row (n,), uint64; equal rows have equal hashes."""
        indptr = self.csr.indptr
        hashes = np.zeros(len(self), dtype=np.uint64)
        # At most STORED_VALUES at a time, but at least one row.
        cuts = np.searchsorted(indptr, np.arange(0, indptr[-1], STORED_VALUES), side="right") - 1
        for first, last in pairwise([*dict.fromkeys(cuts.tolist()), len(self)]):
            ends = indptr[first : last + 1]
            values = self.csr.data[ends[0] : ends[-1]].astype(np.float64)
            columns = self.csr.indices[ends[0] : ends[-1]].astype(np.uint64)
            mixed = mix_bits(values.view(np.uint64) ^ mix_bits(columns))
            # Explicit zeros must not change the hash.
            mixed[values == 0] = 0
            sums = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(mixed)])
            hashes[first:last] = np.diff(sums[ends - ends[0]])
        return hashes


class SelectedRows:
    """Lazy view of the rows of a dense X at ``indices``, as float64, with one form of zero and one of NaN."""

    dtype = np.dtype(np.float64)

    def __init__(self, X: Any, indices: np.ndarray):
        self.X = X
        self.indices = indices
        self.shape = (len(indices), *X.shape[1:])
        self.nbytes = 8 * math.prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: slice | np.ndarray) -> np.ndarray:
        indices = self.indices[key]
        if isinstance(self.X, np.ndarray):
            rows = self.X[indices].astype(np.float64)
        else:
            # Arrays that support slicing only are read in ascending order.
            order = np.argsort(indices)
            rows = np.empty((len(indices), *self.shape[1:]))
            rows[order] = gather_rows(self.X, indices[order]).cpu().numpy().reshape(rows.shape)
        rows += 0.0
        rows[np.isnan(rows)] = np.nan
        return rows

    def at(self, indices: np.ndarray) -> SelectedRows:
        """The rows at ``indices`` of these rows."""
        return SelectedRows(self.X, self.indices[indices])


def fits_on(device: torch.device, X: Any) -> bool:
    """Whether X in its own dtype takes at most RESIDENT_SHARE of the free memory of a GPU."""
    if isinstance(X, SparseRows) or (isinstance(X, np.ndarray) and X.dtype.kind not in "biuf"):
        return False
    return is_on(device, X) or X.nbytes <= RESIDENT_SHARE * torch.cuda.mem_get_info(device)[0]


def is_on(device: torch.device, X: Any) -> bool:
    """Whether X is a tensor on ``device``; a device without an index matches all of its type."""
    return isinstance(X, Tensor) and X.device.type == device.type and device.index in (None, X.device.index)


def copy_to_device(X: Any, length: int, device: torch.device) -> Tensor:
    """Copy X to a device slice by slice, in its own dtype."""
    if is_on(device, X):
        return X
    whole, start = torch.empty(0), 0
    for rows in iterate_slices(X, length):
        if start == 0:
            whole = torch.empty((len(X), *rows.shape[1:]), dtype=rows.dtype, device=device)
        whole[start : start + len(rows)] = rows
        start += len(rows)
    return whole


def inference_length(n_features: int) -> int:
    """Number of rows of a batch for inference."""
    return min(LARGEST_BATCH, slice_length(n_features))


def iterate_slices(X: Any, length: int, every: int = 1) -> Iterator[Tensor]:
    """Slices of X in order as tensors (n, n_features) in its own dtype; see ``Rows.slices``.

    Of rows that are larger than memory, a thread reads the next part.
    """
    if isinstance(X, Stream) or (isinstance(X, PartwiseRows) and every == 1):
        with contextlib.closing(prefetch(X.parts(), 1)) as parts:
            yield from map(flat_rows, rebatch(parts, length))
        return
    for start in range(0, len(X), length * every):
        yield flat_rows(X[start : start + length])


def first_rows(X: Any, n: int) -> Any:
    """The first ``n`` rows of X; of a stream, rows of its sample."""
    return X.sample[:n] if isinstance(X, Stream) else X[:n]


def gather_rows(X: Any, indices: np.ndarray | Tensor) -> Tensor:
    """The rows of X at ``indices`` as a tensor (n, n_features)."""
    if isinstance(X, Tensor):
        return flat_rows(X[indices if isinstance(indices, Tensor) else torch.from_numpy(indices).to(X.device)])
    indices = np.asarray(indices)
    if isinstance(X, (np.ndarray, SparseRows, SelectedRows)):
        return flat_rows(X[indices])
    if len(indices) == 0:
        return torch.empty((0, math.prod(X.shape[1:])), dtype=torch.float32)
    # X supports slicing only: read runs of nearby rows, each as one slice.
    distant = np.diff(indices) > 8
    if isinstance(X, ChunkedRows) and X.is_chunked:
        # A chunk is read as a whole for any of its rows. Runs of several chunks are at most as long as a part.
        parts = X.merged_bounds(slice_length(math.prod(X.shape[1:])))
        chunks, parts = (np.searchsorted(bounds, indices, side="right") for bounds in (X.bounds, parts))
        distant = ((np.diff(chunks) > 0) & distant) | (np.diff(parts) > 0)
    runs = [read_run(X, run) for run in np.split(indices, np.flatnonzero(distant) + 1)]
    return runs[0] if len(runs) == 1 else torch.cat(runs)


def read_run(X: Any, run: np.ndarray) -> Tensor:
    """The rows of X at nearby indices, which are read as one slice."""
    rows = flat_rows(X[int(run[0]) : int(run[-1]) + 1])
    return rows if len(rows) == len(run) else rows[run - run[0]]


def flat_rows(rows: Any) -> Tensor:
    """Convert a slice of X to a tensor (n, n_features), without a copy if numpy and torch allow it."""
    if isinstance(rows, Tensor):
        return rows.detach().reshape(len(rows), math.prod(rows.shape[1:]))
    rows = np.ascontiguousarray(rows)
    if rows.ndim != 2:
        # Of no rows, -1 is ambiguous.
        rows = rows.reshape(len(rows), math.prod(rows.shape[1:]))
    if rows.dtype.type is np.uint16:
        rows = rows.astype(np.float32)
    elif rows.dtype.type in NEEDS_FLOAT64:
        rows = rows.astype(np.float64)
    elif not rows.dtype.isnative or not rows.flags.writeable or min(rows.strides) < 0:
        # torch supports native byte order only, and warns about read-only arrays. An array with a reversed axis of
        # length 1 is contiguous for numpy.
        rows = rows.astype(rows.dtype.newbyteorder("="))
    return torch.from_numpy(rows)
