"""Where rows live: in memory, on the device, or in a file that is read slice by slice and never copied whole."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor
from torch.utils.data import Dataset

from .layout import SampleLayout
from .reading import in_batches
from .scaling import PIECE_NUMBERS

# Scaled rows are kept as float32 up to this size, wherever they come from: joblib hands its workers memory maps, and
# they are to find what the caller would. Beyond, every batch is scaled when it is drawn.
CACHE_BYTES = 256 * 2**20
# Sparse rows, which take far less as they are.
SPARSE_CACHE_BYTES = 64 * 2**20
# Larger rows in memory are put on a GPU as they are, up to this share of its free memory, and scaled batch by batch.
RESIDENT_SHARE = 0.5
# One slice of a pass in order, and one buffer of rows shuffled together, as float32.
SLICE_BYTES = 16 * 2**20
BUFFER_BYTES = 64 * 2**20
BLOCK_ROWS = 64
# Stored values of sparse rows that are processed at a time.
STORED_VALUES = 2**20
LARGEST_BATCH = 8192
NEEDS_FLOAT64 = (np.uint16, np.uint32, np.uint64, np.longdouble, np.object_)


class Rows(Dataset):
    """The rows of one X, drawn as batches the network takes.

    Parameters
    ----------
    X : ndarray, memmap, Tensor or anything with shape, dtype and slicing
    layout : SampleLayout
    device : torch.device
        Where batches are wanted.
    keep : bool
        Whether small rows are scaled once and kept on the device: worth it when they are read more than once.
    """

    def __init__(self, X: Any, layout: SampleLayout, device: torch.device, keep: bool = False):
        self.X = X
        self.layout = layout.to(device)
        self.device = device
        self.kept: Tensor | None = None
        size = len(X) * layout.n_features * 4
        self.small = size <= CACHE_BYTES
        if keep and size <= (SPARSE_CACHE_BYTES if isinstance(X, SparseRows) else CACHE_BYTES):
            kept = torch.empty((len(X), *layout.network_shape), dtype=torch.float32, device=device)
            start = 0
            for x in self.slices(slice_length(layout.n_features)):
                kept[start : start + len(x)] = x
                start += len(x)
            self.kept = kept
        elif keep and self.in_memory and device.type == "cuda" and fits_on(device, X):
            self.X = resident(X, slice_length(layout.n_features), device)

    def __len__(self) -> int:
        return len(self.X)

    @property
    def in_memory(self) -> bool:
        """Whether single rows are cheap to reach in any order."""
        return self.kept is not None or is_in_memory(self.X)

    @property
    def home(self) -> torch.device | None:
        """Where rows can be gathered by a tensor of indices; None where they are not in a tensor."""
        return self.kept.device if self.kept is not None else self.X.device if isinstance(self.X, Tensor) else None

    def take(self, indices: np.ndarray | Tensor) -> Tensor:
        """Scaled samples (n, \\*network_shape) at ``indices``; ascending where rows are not in memory.

        Indices that are a tensor are at ``home`` already: a batch waits for no copy of them.
        """
        if self.kept is not None:
            at = indices if isinstance(indices, Tensor) else torch.from_numpy(indices).to(self.device)
            return self.kept.index_select(0, at)
        return self._in_pieces(len(indices), lambda start, stop: gathered(self.X, indices[start:stop]))

    def only(self, indices: np.ndarray) -> Rows:
        """Some of the rows as an X of its own, scaled alike."""
        sparse = isinstance(self.X, SparseRows)
        chosen = SparseRows(self.X.csr[indices]) if sparse else gathered(self.X, indices)
        return Rows(chosen, self.layout, self.device, keep=True)

    def slices(self, length: int, every: int = 1) -> Iterator[Tensor]:
        """Scaled samples in order, ``length`` at a time; of ``every`` few slices the first."""
        for rows in raw_slices(self.X, length, every):
            yield self._scaled(rows)

    def read(self, function: Callable[[Tensor], Any]) -> Iterator[tuple[int, int, Any]]:
        """``function`` of scaled samples in order, in large batches, as (start, stop, result)."""

        def of_rows(start: int, stop: int) -> Any:
            return function(self._scaled(flat_rows(self.X[start:stop])))

        return in_batches(of_rows, len(self), inference_length(self.layout.n_features))

    @property
    def streams(self) -> bool:
        """Whether batches have to be brought to a GPU while it computes."""
        resident = self.kept is not None or (isinstance(self.X, Tensor) and self.X.device.type == "cuda")
        return self.device.type == "cuda" and not resident

    def _scaled(self, rows: Tensor) -> Tensor:
        """Raw rows (n, n_features) as scaled samples."""
        return self._in_pieces(len(rows), lambda start, stop: rows[start:stop])

    def _in_pieces(self, n: int, raw: Callable[[int, int], Tensor]) -> Tensor:
        """Scaled samples from ``n`` raw rows; ``raw(start, stop)`` gives some of them.

        On the CPU a few at a time, which stay in the processor's cache: float64 numbers of all would take several
        times the memory of the result.
        """
        length = max(1, PIECE_NUMBERS // self.layout.n_features)
        if self.device.type != "cpu" or n <= length:
            return self._ready(raw(0, n))
        samples = torch.empty((n, *self.layout.network_shape), dtype=torch.float32)
        for start in range(0, n, length):
            samples[start : start + length] = self._ready(raw(start, min(start + length, n)))
        return samples

    def _ready(self, rows: Tensor) -> Tensor:
        if self.streams:
            rows = rows.pin_memory()
        if self.device.type != "mps":
            # To the CPU it would be read before it is there.
            rows = rows.to(self.device, non_blocking=self.device.type == "cuda")
        return self.layout.to_network(rows).to(self.device)


def is_in_memory(X: Any) -> bool:
    """Whether X is an array, a tensor or sparse rows, and no memory map, or selected from such."""
    if isinstance(X, SelectedRows):
        return is_in_memory(X.X)
    return isinstance(X, (np.ndarray, Tensor, SparseRows)) and not is_mapped(X)


def is_mapped(X: Any) -> bool:
    """Whether an array's memory is a file: a memmap, or a view of one."""
    while isinstance(X, np.ndarray):
        if isinstance(X, np.memmap):
            return True
        X = X.base
    return False


class SparseRows:
    """CSR rows that are made dense slice by slice."""

    def __init__(self, X: csr_array):
        self.csr = X
        self.shape, self.dtype = X.shape, X.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: slice | np.ndarray) -> np.ndarray:
        return self.csr[key].toarray()

    def row_hashes(self) -> np.ndarray:
        """A number for every row (n,), uint64: equal for equal rows, and next to never for others."""
        indptr = self.csr.indptr
        hashes = np.zeros(len(self), dtype=np.uint64)
        # A million stored values at a time, or a row.
        cuts = np.searchsorted(indptr, np.arange(0, indptr[-1], STORED_VALUES), side="right") - 1
        for first, last in pairwise([*dict.fromkeys(cuts.tolist()), len(self)]):
            ends = indptr[first : last + 1]
            values = self.csr.data[ends[0] : ends[-1]].astype(np.float64)
            columns = self.csr.indices[ends[0] : ends[-1]].astype(np.uint64)
            mixed = mixed_bits(values.view(np.uint64) ^ mixed_bits(columns))
            # A stored zero is as one that is not stored.
            mixed[values == 0] = 0
            sums = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(mixed)])
            hashes[first:last] = np.diff(sums[ends - ends[0]])
        return hashes


class SelectedRows:
    """Rows of a dense X at ``indices``, as float64 and without negative zeros; X is read when they are."""

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
            # What is only sliced is read in ascending order.
            order = np.argsort(indices)
            rows = np.empty((len(indices), *self.shape[1:]))
            rows[order] = gathered(self.X, indices[order]).cpu().numpy().reshape(rows.shape)
        rows += 0.0
        return rows

    def at(self, indices: np.ndarray) -> SelectedRows:
        """Some of these rows."""
        return SelectedRows(self.X, self.indices[indices])


def mixed_bits(numbers: np.ndarray) -> np.ndarray:
    """Numbers of 64 bits, each of which depends on all bits of one given (SplitMix64; Steele, Lea and Flood, 2014)."""
    numbers = numbers + np.uint64(0x9E3779B97F4A7C15)
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))


def fits_on(device: torch.device, X: Any) -> bool:
    """Whether X in its own dtype takes no more than its share of a GPU's free memory."""
    if isinstance(X, SparseRows) or (isinstance(X, np.ndarray) and X.dtype.kind not in "biuf"):
        return False
    return is_on(device, X) or X.nbytes <= RESIDENT_SHARE * torch.cuda.mem_get_info(device)[0]


def is_on(device: torch.device, X: Any) -> bool:
    """Whether X is a tensor on that device; a device without a number is any of its kind."""
    return isinstance(X, Tensor) and X.device.type == device.type and device.index in (None, X.device.index)


def resident(X: Any, length: int, device: torch.device) -> Tensor:
    """X on a device in the dtype its slices have, in the memory of its own size."""
    if is_on(device, X):
        return X
    whole, start = torch.empty(0), 0
    for rows in raw_slices(X, length):
        if start == 0:
            whole = torch.empty((len(X), *rows.shape[1:]), dtype=rows.dtype, device=device)
        whole[start : start + len(rows)] = rows
        start += len(rows)
    return whole


def slice_length(n_features: int) -> int:
    """Rows of one slice of about SLICE_BYTES as float32; at least 1."""
    return max(1, SLICE_BYTES // (4 * n_features))


def inference_length(n_features: int) -> int:
    """Rows of one batch where the network only reads."""
    return min(LARGEST_BATCH, slice_length(n_features))


def raw_slices(X: Any, length: int, every: int = 1) -> Iterator[Tensor]:
    """X in order as tensors (n, n_features) in its own dtype, without copying where possible; see ``Rows.slices``."""
    for start in range(0, len(X), length * every):
        yield flat_rows(X[start : start + length])


def gathered(X: Any, indices: np.ndarray | Tensor) -> Tensor:
    """Rows of X at ``indices`` as a tensor (n, n_features)."""
    if isinstance(X, Tensor):
        return flat_rows(X[indices if isinstance(indices, Tensor) else torch.from_numpy(indices).to(X.device)])
    indices = np.asarray(indices)
    if isinstance(X, (np.ndarray, SparseRows, SelectedRows)):
        return flat_rows(X[indices])
    # Only slicing is promised: read ascending runs, each as the slice that covers it.
    cuts = np.flatnonzero(np.diff(indices) > 8) + 1
    runs = [flat_rows(X[int(run[0]) : int(run[-1]) + 1])[run - run[0]] for run in np.split(indices, cuts)]
    return torch.cat(runs)


def flat_rows(rows: Any) -> Tensor:
    """A slice of X as a tensor of shape (n, n_features), without copying where numpy and torch allow it."""
    if isinstance(rows, Tensor):
        return rows.detach().reshape(len(rows), -1)
    rows = np.ascontiguousarray(rows).reshape(len(rows), -1)
    if rows.dtype == np.uint16:
        rows = rows.astype(np.float32)
    elif rows.dtype.type in NEEDS_FLOAT64:
        rows = rows.astype(np.float64)
    elif not rows.dtype.isnative or not rows.flags.writeable:
        # torch takes native byte order only, and warns of read-only memory even where nothing writes.
        rows = rows.astype(rows.dtype.newbyteorder("="))
    return torch.from_numpy(rows)
