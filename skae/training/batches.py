"""Parts of the rows of X, the validation split, and batches of rows by index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from skae._processes import ALONE, Processes
from skae.data import ChunkedRows, Rows, SparseRows, StreamRows, prefetch, slice_length

from .mixing import mix_blocks, prepare_in_thread, read_blocks, split_into_blocks, stream_blocks, window_length

# Stands for missing values where rows are compared.
UNLIKELY = 1234.5


@dataclass(frozen=True)
class Part(Dataset):
    """Some of the rows of X, in ascending order; ``groups`` are labels of all rows, None if each row is a group."""

    rows: Rows
    indices: np.ndarray
    groups: np.ndarray | None = None

    @classmethod
    def whole(cls, rows: Rows, groups: np.ndarray | None = None) -> Part:
        return cls(rows, np.arange(len(rows)), groups)

    def extract(self) -> Part:
        """Copy these rows, without the other rows of X."""
        return Part.whole(self.rows.subset(self.indices), None if self.groups is None else self.groups[self.indices])

    def group_means(self, values: np.ndarray) -> np.ndarray:
        """Average values of the rows (..., n) over each group: (..., n_groups)."""
        if self.groups is None:
            return values
        _, labels, sizes = np.unique(self.groups[self.indices], return_inverse=True, return_counts=True)
        sums = np.zeros((len(sizes), *values.shape[:-1]))
        np.add.at(sums, labels.ravel(), np.moveaxis(values, -1, 0))
        return np.moveaxis(sums, 0, -1) / sizes

    @property
    def residuals(self) -> np.ndarray | float:
        """The squared error that coordinates leave out of each row, (n,); 0.0 if rows are not coordinates."""
        residual = self.rows.residual
        return 0.0 if residual is None else residual.mean_squares.numpy()[self.indices]

    @property
    def visible_share(self) -> float:
        """The share of the variance of these rows that the network sees: below 1.0 for some coordinates."""
        if self.rows.residual is None:
            return 1.0
        length = slice_length(self.rows.layout.n_features)
        starts = range(0, len(self), length)
        slices = (self.rows.take(self.indices[start : start + length]).flatten(1) for start in starts)
        visible = sum(float(x.square().mean(1).sum(dtype=torch.float64)) for x in slices)
        total = visible + float(np.sum(self.residuals))
        return visible / total if total > 0 else 1.0

    def __len__(self) -> int:
        return len(self.indices)


@dataclass(frozen=True)
class StreamPart(Part):
    """Training rows of a stream: ``indices`` are those of its sample, ``n_rows`` is the number of rows of a pass."""

    n_rows: int = 0

    def __len__(self) -> int:
        return self.n_rows


def split_rows(whole: Part, n_validation: int, generator: torch.Generator, fold: int = 0) -> tuple[Part, Part]:
    """Training rows, and about ``n_validation`` validation rows: whole groups, at least one, drawn at random.

    With one generator state, validation sets of different ``fold`` are disjoint; they are empty if no group remains.
    """
    rows, groups = whole.rows, whole.groups
    order = torch.randperm(len(rows), generator=generator, device="cpu").numpy()
    ends = np.arange(1, len(rows) + 1)
    if groups is not None and groups.max() > 0:
        rank = np.full(groups.max() + 1, len(rows))
        np.minimum.at(rank, groups[order], np.arange(len(rows)))
        # Large groups come last, so that they are in the training set.
        rank[np.bincount(groups) > 2 * n_validation] += len(rows)
        order = order[np.argsort(rank[groups[order]], kind="stable")]
        ends = np.append(np.flatnonzero(np.diff(groups[order])) + 1, len(rows))
    first = last = 0
    for _ in range(fold + 1):
        first, later = last, ends[ends > last]
        later = later[:-1] if first == 0 else later  # the training set needs a group
        last = int(later[np.abs(later - first - n_validation).argmin()]) if len(later) > 0 else first
    others = np.concatenate([order[:first], order[last:]])
    return Part(rows, np.sort(others), groups), Part(rows, np.sort(order[first:last]), groups)


def equal_rows(part: Part) -> np.ndarray:
    """Labels of the rows (n,), the same for equal rows. Rows in a file are not compared: each has its own label."""
    rows, length = part.rows, slice_length(part.rows.layout.n_features)
    if not rows.in_memory:
        return np.arange(len(part))
    if isinstance(rows.X, SparseRows):
        hashes = rows.X.row_hashes()[part.indices]
    else:
        # Two weighted sums per row, because one may be equal by chance; as complex numbers, which are sorted faster.
        pairs = np.empty((len(part), 2), dtype=np.float32)
        for start in range(0, len(part), length):
            flat = rows.take(part.indices[start : start + length]).flatten(1)
            if rows.layout.has_missing:
                flat = flat.masked_fill(flat.isnan(), UNLIKELY)
            weights = torch.arange(1, flat.shape[1] + 1, dtype=torch.float32, device=flat.device)
            for column, k in enumerate((1.0, 1.3)):
                pairs[start : start + length, column] = (flat * torch.sin(k * weights)).sum(1).cpu().numpy()
        hashes = pairs.view(np.complex64).ravel()
    return np.unique(hashes, return_inverse=True)[1].ravel()


@dataclass(frozen=True)
class LabeledBatch:
    """Scaled samples (n, \\*network_shape) and their y, as ``Rows`` has it."""

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.x)


class Batches:
    """An iterable of batches of scaled samples, or ``LabeledBatch``, with the signature of skorch's iterators.

    A generator shuffles the rows in every pass; rows that are not in memory in blocks of neighbors, which are mixed in
    a window. Batches have at least ``smallest`` rows. If ``even``, they differ by at most one row, such as 34, 34 and
    33 of 101 rows for ``batch_size`` 50; else all but the last have ``batch_size`` rows, so a compiled network sees one
    shape. Of each batch, this process gets its share among ``processes``.
    """

    def __init__(
        self,
        dataset: Part,
        batch_size: int,
        generator: torch.Generator | None = None,
        smallest: int = 1,
        even: bool = True,
        processes: Processes = ALONE,
    ):
        self.dataset = dataset
        self.batch_size = batch_size
        self.generator = generator
        self.smallest = smallest
        self.even = even
        self.processes = processes

    def __len__(self) -> int:
        n = len(self.dataset)
        if self.even or n < self.batch_size:
            return max(1, min(-(-n // self.batch_size), n // self.smallest))
        # A rest of fewer than ``smallest`` rows joins the last batch.
        return n // self.batch_size + (n % self.batch_size >= self.smallest)

    @property
    def cuts(self) -> list[int]:
        """Positions at which a batch ends and the next one begins."""
        n = len(self)
        if self.even:
            size, n_longer = divmod(len(self.dataset), n)
            return [size * i + min(i, n_longer) for i in range(1, n)]
        return [self.batch_size * i for i in range(1, n)]

    @property
    def spans(self) -> list[slice]:
        """Positions of the share of this process, per batch."""
        spans, n = [], len(self.dataset)
        cuts = range(self.batch_size, n, self.batch_size) if self._reads_slices else self.cuts
        for start, stop in pairwise([0, *cuts, n]):
            share = self.processes.share(stop - start)
            spans.append(slice(start + share.start, start + share.stop))
        return spans

    @property
    def _reads_slices(self) -> bool:
        """Whether all rows of chunks are read in order, so that chunks of two batches are read once."""
        rows, is_alone = self.dataset.rows, self.processes.size == 1
        is_chunked = isinstance(rows.X, ChunkedRows) and rows.cache is None
        return is_chunked and is_alone and len(self.dataset.indices) == len(rows)

    def __iter__(self) -> Iterator[Any]:
        rows = self.dataset.rows
        if self.generator is not None and (isinstance(rows, StreamRows) or not rows.in_memory):
            return self._mixed()
        return prefetch(self._batches()) if rows.needs_transfer else self._batches()

    def _batches(self) -> Iterator[Any]:
        rows, indices = self.dataset.rows, self.dataset.indices
        if self._reads_slices:
            places = iter(np.split(indices, range(self.batch_size, len(indices), self.batch_size)))
            yield from (self._label(x, next(places)) for x in rows.slices(self.batch_size))
            return
        if self.generator is not None:
            indices = indices[self._permutation(len(indices))]
        chosen: Any = indices
        if rows.tensor_device is not None:
            chosen = torch.from_numpy(indices).to(rows.tensor_device)
        yield from (self._label(rows.take(chosen[span]), chosen[span]) for span in self.spans)

    def _label(self, x: Tensor, indices: np.ndarray | Tensor) -> Any:
        """The samples at ``indices``, with their y if there is one."""
        y = self.dataset.rows.y
        return x if y is None else LabeledBatch(x, y[torch.as_tensor(indices, device=y.device)])

    def _permutation(self, n: int) -> np.ndarray:
        return torch.randperm(n, generator=self.generator, device="cpu").numpy()

    def _mixed(self) -> Iterator[Any]:
        """Batches of rows that are not in memory, in blocks of neighbors; blocks are shuffled, and mixed in a window.

        Blocks of a stream come in its own order; if it shuffles rows, they are not mixed.
        """
        rows, indices, n = self.dataset.rows, self.dataset.indices, len(self.dataset)
        lengths = np.diff([0, *self.cuts, n]).tolist()
        full = window_length(rows, self.batch_size)
        permutation: Callable[[int], np.ndarray] = self._permutation
        if isinstance(rows, StreamRows):
            longest, most = min(full, rows.piece_length), len(rows.stream)
            blocks = stream_blocks(rows.training_parts(), longest)
            permutation = (lambda n: np.arange(n)) if rows.stream.is_shuffled else permutation
        else:
            pieces = split_into_blocks(rows, indices)
            longest, most = max(map(len, pieces)), n
            longest = min(slice_length(rows.layout.n_features), longest) if isinstance(rows.X, ChunkedRows) else longest
            blocks = read_blocks(rows, pieces, self._permutation(len(pieces)), longest)
        # Less than a batch remains from one filling to the next, and the last block may exceed ``full``.
        capacity = min(most, full) + longest + max(lengths)
        batches = mix_blocks(blocks, lengths, full, capacity, permutation)
        row_bytes = 4 * rows.layout.n_features
        shares = ((x, places, self.processes.share(len(x))) for x, places in batches)
        labeled = (self._label(x[share], places[share]) for x, places, share in shares)
        return prepare_in_thread(labeled, row_bytes * self.batch_size, row_bytes * full)
