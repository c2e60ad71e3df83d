"""Which rows come next: whole batches by index, never row by row."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from skae.data import Rows, SparseRows, slice_length
from skae.data.sources import BLOCK_ROWS, BUFFER_BYTES


@dataclass(frozen=True)
class Part(Dataset):
    """Some of the rows of one X, in ascending order.

    ``groups`` are labels of all rows of that X; without them every row is a group of its own.
    """

    rows: Rows
    indices: np.ndarray
    groups: np.ndarray | None = None

    @classmethod
    def whole(cls, rows: Rows, groups: np.ndarray | None = None) -> Part:
        return cls(rows, np.arange(len(rows)), groups)

    def alone(self) -> Part:
        """The same rows as a whole of their own."""
        return Part.whole(self.rows.subset(self.indices), None if self.groups is None else self.groups[self.indices])

    def group_means(self, values: np.ndarray) -> np.ndarray:
        """Means over the rows of each group: values (..., n) of the rows become (..., n_groups)."""
        if self.groups is None:
            return values
        _, labels, sizes = np.unique(self.groups[self.indices], return_inverse=True, return_counts=True)
        sums = np.zeros((len(sizes), *values.shape[:-1]))
        np.add.at(sums, labels.ravel(), np.moveaxis(values, -1, 0))
        return np.moveaxis(sums, 0, -1) / sizes

    def __len__(self) -> int:
        return len(self.indices)


def split_rows(whole: Part, n_held_out: int, generator: torch.Generator, turn: int = 0) -> tuple[Part, Part]:
    """Training rows, and about ``n_held_out`` rows for validation: at least one group, and only whole groups.

    Groups are drawn at random; in every turn others, from the same generator, and none where no group is left.
    """
    rows, groups = whole.rows, whole.groups
    order = torch.randperm(len(rows), generator=generator, device="cpu").numpy()
    ends = np.arange(1, len(rows) + 1)
    if groups is not None and groups.max() > 0:
        place = np.full(groups.max() + 1, len(rows))
        np.minimum.at(place, groups[order], np.arange(len(rows)))
        # Large groups come last: they are better trained on than validated with.
        place[np.bincount(groups) > 2 * n_held_out] += len(rows)
        order = order[np.argsort(place[groups[order]], kind="stable")]
        ends = np.append(np.flatnonzero(np.diff(groups[order])) + 1, len(rows))
    first = last = 0
    for _ in range(turn + 1):
        first, left = last, ends[ends > last]
        left = left[:-1] if first == 0 else left  # some are trained on
        last = int(left[np.abs(left - first - n_held_out).argmin()]) if len(left) > 0 else first
    others = np.concatenate([order[:first], order[last:]])
    return Part(rows, np.sort(others), groups), Part(rows, np.sort(order[first:last]), groups)


def equal_rows(part: Part) -> np.ndarray:
    """A number for every row, the same for equal ones, where some are; empty where none are, or rows are in a file."""
    if not part.rows.in_memory:
        return np.empty(0, dtype=np.intp)
    if isinstance(part.rows.X, SparseRows):
        digests = part.rows.X.row_hashes()[part.indices]
    else:
        pairs = np.empty((len(part), 2), dtype=np.float32)
        length = slice_length(part.rows.layout.n_features)
        for start in range(0, len(part), length):
            flat = part.rows.take(part.indices[start : start + length]).flatten(1)
            # Sums of each row alone, so that equal rows have equal ones; of two, since one may be equal by chance.
            weights = torch.arange(1, flat.shape[1] + 1, dtype=torch.float32, device=flat.device)
            for column, k in enumerate((1.0, 1.3)):
                pairs[start : start + length, column] = (flat * torch.sin(k * weights)).sum(1).cpu().numpy()
        # Complex numbers are sorted as pairs are, in a fraction of the time.
        digests = pairs.view(np.complex64).ravel()
    found, groups = np.unique(digests, return_inverse=True)
    return groups.ravel() if len(found) < len(part) else np.empty(0, dtype=np.intp)


class Batches:
    """An iterator over batches of scaled samples, in the form skorch asks for.

    The rows are shared out evenly, so that no batch is much smaller than the others and none is dropped:
    101 rows in batches of at most 50 are 34, 34 and 33.

    Parameters
    ----------
    dataset : Part
    batch_size : int
    generator : torch.Generator or None
        Shuffles the rows in every pass; None keeps their order. Rows in memory are shuffled freely, others in
        blocks of neighbors that are mixed in a buffer.
    smallest : int
        Rows a batch has at least: batch normalization needs two.
    even : bool
        Whether the rows are shared out evenly; else all batches but the last are of ``batch_size``, so that what is
        compiled sees one shape.
    """

    def __init__(
        self,
        dataset: Part,
        batch_size: int,
        generator: torch.Generator | None = None,
        smallest: int = 1,
        even: bool = True,
    ):
        self.dataset = dataset
        self.batch_size = batch_size
        self.generator = generator
        self.smallest = smallest
        self.even = even

    def __len__(self) -> int:
        n = len(self.dataset)
        if self.even or n < self.batch_size:
            return max(1, min(-(-n // self.batch_size), n // self.smallest))
        # What is too short for a batch of its own goes with the one before.
        return n // self.batch_size + (n % self.batch_size >= self.smallest)

    @property
    def cuts(self) -> list[int]:
        """Where one batch ends and the next begins."""
        n = len(self)
        if self.even:
            short, longer = divmod(len(self.dataset), n)
            return [short * i + min(i, longer) for i in range(1, n)]
        return [self.batch_size * i for i in range(1, n)]

    def __iter__(self) -> Iterator[Tensor]:
        return prefetched(self._batches()) if self.dataset.rows.needs_transfer else self._batches()

    def _batches(self) -> Iterator[Tensor]:
        rows, indices = self.dataset.rows, self.dataset.indices
        if self.generator is not None and not rows.in_memory:
            yield from self._mixed()
            return
        if self.generator is not None:
            indices = indices[self._permutation(len(indices))]
        if rows.tensor_device is None:
            yield from (rows.take(batch) for batch in np.split(indices, self.cuts))
        else:
            yield from (
                rows.take(batch) for batch in torch.from_numpy(indices).to(rows.tensor_device).tensor_split(self.cuts)
            )

    def _permutation(self, n: int) -> np.ndarray:
        return torch.randperm(n, generator=self.generator, device="cpu").numpy()

    def _mixed(self) -> Iterator[Tensor]:
        """Batches from a buffer filled with blocks of neighboring rows, blocks and buffer both shuffled."""
        rows, indices = self.dataset.rows, self.dataset.indices
        blocks = np.array_split(indices, -(-len(indices) // BLOCK_ROWS))
        lengths = deque(np.diff([0, *self.cuts, len(indices)]).tolist())
        room = max(self.batch_size, BUFFER_BYTES // (4 * rows.layout.n_features))
        # Less than a batch is left over from one filling to the next, and the last block may reach beyond ``room``.
        most = min(len(indices), room + BLOCK_ROWS + max(lengths))
        buffer, filled = torch.empty(0), 0
        for number, at in enumerate(self._permutation(len(blocks)), start=1):
            block = rows.take(blocks[at])
            if number == 1:
                buffer = block.new_empty((most, *block.shape[1:]))
            buffer[filled : filled + len(block)] = block
            filled += len(block)
            if filled < room and number < len(blocks):
                continue
            order = torch.from_numpy(self._permutation(filled)).to(buffer.device)
            start = 0
            while lengths and start + lengths[0] <= filled:
                yield buffer.index_select(0, order[start : start + lengths[0]])
                start += lengths.popleft()
            filled -= start
            buffer[:filled] = buffer[order[start:]]


def prefetched(batches: Iterator[Tensor], ahead: int = 2) -> Iterator[Tensor]:
    """The same batches, prepared by a thread of their own while the one before is computed on."""
    room = threading.Semaphore(ahead)
    ready: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()
    stopped = threading.Event()

    def prepare() -> None:
        try:
            for batch in batches:
                room.acquire()
                if stopped.is_set():
                    return
                ready.put((True, batch))
            ready.put((False, None))
        except BaseException as error:
            ready.put((False, error))

    worker = threading.Thread(target=prepare, daemon=True)
    worker.start()
    try:
        while True:
            more, batch = ready.get()
            if not more:
                if batch is not None:
                    raise batch
                return
            room.release()
            yield batch
    finally:
        stopped.set()
        room.release()
        worker.join()
