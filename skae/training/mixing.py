"""Batches of rows that are not in memory: blocks of rows are mixed in a window, which a thread fills."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skae.data import ChunkedRows, Rows, prefetch
from skae.data.sources import BLOCK_ROWS, BUFFER_BYTES

# The window holds this number of chunks, if they take at most MAX_WINDOWS times the memory of other windows.
WINDOW_CHUNKS, MAX_WINDOWS = 4, 4
# Size of the batches that a thread sends at a time.
SENT_BYTES = 2**20
# Samples (n, \*network_shape), and their places among the rows (n,).
Block = tuple[Tensor, np.ndarray]


def window_length(rows: Rows, batch_size: int) -> int:
    """Number of rows of the window in which rows are shuffled."""
    length = BUFFER_BYTES // (4 * rows.layout.n_features)
    if isinstance(rows.X, ChunkedRows) and rows.X.is_chunked:
        longest = int(np.diff(rows.X.merged_bounds(BLOCK_ROWS)).max())
        length = max(length, min(WINDOW_CHUNKS * longest, MAX_WINDOWS * length))
    return max(batch_size, length)


def split_into_blocks(rows: Rows, indices: np.ndarray) -> list[np.ndarray]:
    """Blocks of neighbors among the rows at ascending ``indices``: whole chunks, or BLOCK_ROWS rows."""
    if isinstance(rows.X, ChunkedRows) and rows.X.is_chunked:
        bounds = rows.X.merged_bounds(BLOCK_ROWS)
        return [block for block in np.split(indices, np.searchsorted(indices, bounds[1:-1])) if len(block)]
    return np.array_split(indices, -(-len(indices) // BLOCK_ROWS))


def read_blocks(rows: Rows, blocks: list[np.ndarray], order: Iterable[int], longest: int) -> Iterator[Block]:
    """Read blocks in an order; each is read at once, and yielded in pieces of at most ``longest`` rows."""
    for index in order:
        start = 0
        for x in rows.take_in_pieces(blocks[index], longest):
            yield x, blocks[index][start : start + len(x)]
            start += len(x)


def stream_blocks(parts: Iterator[Tensor], longest: int) -> Iterator[Block]:
    """The parts of a stream in pieces of at most ``longest`` rows; places are those in this pass."""
    done = 0
    for x in (piece for part in parts for piece in part.split(longest)):
        yield x, np.arange(done, done + len(x))
        done += len(x)


def mix_blocks(
    blocks: Iterator[Block],
    lengths: list[int],
    full: int,
    capacity: int,
    permutation: Callable[[int], np.ndarray],
) -> Iterator[Block]:
    """Batches of these lengths from a window of ``capacity`` rows, which is shuffled when it has ``full`` rows.

    Rows beyond the sum of the lengths are left out. If there are fewer, rows of the window are used again.
    """
    remaining = deque(lengths)
    window, places, size = torch.empty(0), np.empty(capacity, dtype=np.intp), 0
    for (x, at), is_last in with_last(blocks):
        if not remaining:
            continue
        if len(window) == 0:
            window = x.new_empty((capacity, *x.shape[1:]))
        window[size : size + len(x)] = x
        places[size : size + len(x)] = at
        size += len(x)
        if size < full and not is_last:
            continue
        shuffled = permutation(size)
        if is_last and sum(remaining) > size:
            shuffled = np.resize(shuffled, sum(remaining))
        order = torch.from_numpy(shuffled).to(window.device)
        start = 0
        while remaining and start + remaining[0] <= len(order):
            stop = start + remaining.popleft()
            yield window.index_select(0, order[start:stop]), places[shuffled[start:stop]]
            start = stop
        size = len(order) - start
        if not is_last:
            window[:size] = window[order[start:]]
            places[:size] = places[shuffled[start:]]


def with_last(items: Iterator[Any]) -> Iterator[tuple[Any, bool]]:
    """The items, each with whether it is the last one."""
    missing = object()
    item = next(items, missing)
    while item is not missing:
        following = next(items, missing)
        yield item, following is missing
        item = following


def prepare_in_thread(batches: Iterator[Any], batch_bytes: int, window_bytes: int) -> Iterator[Any]:
    """The same batches; a thread prepares the next ones: half of ``window_bytes``, at most half of BUFFER_BYTES."""
    n_batches = max(1, SENT_BYTES // batch_bytes)
    ahead = max(2, min(window_bytes, BUFFER_BYTES) // 2 // max(SENT_BYTES, batch_bytes))
    with contextlib.closing(prefetch(in_groups(batches, n_batches), ahead)) as groups:
        for group in groups:
            yield from group


def in_groups(items: Iterator[Any], length: int) -> Iterator[list[Any]]:
    """Lists of ``length`` items; the last one may be shorter."""
    group = []
    for item in items:
        group.append(item)
        if len(group) == length:
            yield group
            group = []
    if group:
        yield group
