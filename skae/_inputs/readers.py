"""Containers that are larger than memory, as rows that are read in parts.

``read_container`` makes ``ChunkedRows`` or a ``Stream`` of them. It recognizes libraries by the module of a type, and
imports none that the caller has not imported. Tables that fit into memory become data frames.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from numbers import Integral
from typing import Any

import numpy as np
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    TensorDataset,
)

from skae.data import ChunkedRows, PartwiseRows, Stream
from skae.data.parts import SLICE_BYTES

from .table_readers import TABLE_LIBRARIES, read_table

# Samples of an IterableDataset that are checked and hashed together.
SAMPLES_AT_ONCE = 256


def read_container(X: Any) -> Any:
    """``ChunkedRows`` or a ``Stream`` of X, or its data frame or tensor if that fits; other X are unchanged."""
    if isinstance(X, (str, os.PathLike)):
        raise ValueError(
            f"Expected 2D array, got the string or path {str(X)!r} instead. Open a file "
            "first, as with numpy.load(path, mmap_mode='r') or, for Parquet, pyarrow.dataset.dataset(path)."
        )
    if type(X) is np.ndarray or isinstance(X, (PartwiseRows, torch.Tensor)):
        return X
    if type(X).__module__.partition(".")[0] in TABLE_LIBRARIES:
        return read_table(X)
    if isinstance(X, (Dataset, DataLoader)) and not hasattr(X, "shape"):
        return read_torch(X)
    return read_array(X)


def read_array(X: Any) -> Any:
    """``ChunkedRows`` of an array of numbers with ``chunks`` (zarr, h5py, dask, xarray), or without a length."""
    if not all(hasattr(X, name) for name in ("shape", "dtype", "__getitem__")) or hasattr(X, "columns"):
        return X
    is_numeric = isinstance(X.dtype, np.dtype) and X.dtype.kind in "biuf"
    if not is_numeric or len(X.shape) == 0 or (hasattr(X, "__len__") and not hasattr(X, "chunks")):
        return X
    return ChunkedRows(lambda start, stop: np.asarray(X[start:stop]), X.shape, X.dtype, chunk_bounds(X))


def chunk_bounds(X: Any) -> np.ndarray | None:
    """The first rows of the chunks of X, and the number of rows; None if X has no chunks."""
    if any(not isinstance(size, Integral) for size in X.shape):
        raise ValueError(
            f"X has shape {X.shape}: the number of rows of its chunks is not known. Call X.compute_chunk_sizes() first."
        )
    chunks = getattr(X, "chunks", None)
    if not chunks:
        return None
    if isinstance(chunks[0], Integral):
        return np.append(np.arange(0, X.shape[0], int(chunks[0])), X.shape[0])
    return np.cumsum([0, *chunks[0]])


def read_torch(X: Any) -> Any:
    """The tensor of a TensorDataset, ``ChunkedRows`` of a map-style dataset, or a ``Stream`` of another or a loader."""
    if isinstance(X, TensorDataset):
        return X.tensors[0]
    if isinstance(X, DataLoader):
        return Stream(lambda: read_loader(X), "The DataLoader", is_shuffled(X))
    if isinstance(X, IterableDataset):
        return Stream(lambda: read_samples_of(iter(X)), f"The IterableDataset {type(X).__name__}")
    n_samples = len(X)
    first = to_sample(X[0]) if n_samples else np.empty((0,))
    get: Callable[[list[int]], Any] = getattr(X, "__getitems__", None) or (lambda indices: [X[i] for i in indices])

    def read(start: int, stop: int) -> np.ndarray:
        items = list(get(list(range(start, stop))))
        rows = np.empty((len(items), *first.shape), first.dtype)
        for place, item in enumerate(items):
            rows[place] = check_sample(to_sample(item), first, start + place)
        return rows

    return ChunkedRows(read, (n_samples, *first.shape), first.dtype)


def is_shuffled(loader: DataLoader) -> bool:
    """Whether a loader shuffles samples itself: it has a sampler of its own, other than in order."""
    if isinstance(loader.dataset, IterableDataset):
        return False
    own_batches = loader.batch_sampler is not None and type(loader.batch_sampler) is not BatchSampler
    return own_batches or isinstance(loader.sampler, RandomSampler) or type(loader.sampler) is not SequentialSampler


def read_loader(loader: DataLoader) -> Iterator[np.ndarray]:
    """Start a pass over a loader; its workers start at once."""
    batches = iter(loader)
    is_batched = loader.batch_sampler is not None
    return (rows if is_batched else rows[None] for rows in map(to_sample, batches))


def read_samples_of(samples: Iterator[Any]) -> Iterator[np.ndarray]:
    """Arrays of samples, all of one shape and type."""
    waiting: list[np.ndarray] = []
    first = None
    for index, item in enumerate(samples):
        sample = to_sample(item)
        first = sample if first is None else first
        waiting.append(check_sample(sample, first, index))
        if len(waiting) >= SAMPLES_AT_ONCE or len(waiting) * sample.nbytes >= SLICE_BYTES:
            yield np.stack(waiting)
            waiting = []
    if waiting:
        yield np.stack(waiting)


def check_sample(sample: np.ndarray, first: np.ndarray, index: int) -> np.ndarray:
    """Return a sample; ValueError if it differs in shape or dtype from the first one."""
    if sample.shape != first.shape or sample.dtype != first.dtype:
        raise ValueError(
            f"X has an inhomogeneous shape or type: sample 0 has shape {first.shape} and dtype {first.dtype}, sample "
            f"{index} has shape {sample.shape} and dtype {sample.dtype}. Cut, pad or convert them in the dataset."
        )
    return sample


def to_sample(item: Any) -> np.ndarray:
    """The sample of an item of a dataset, or the samples of a batch: the first of a tuple such as (sample, label).

    Loaders make lists of tuples, so of a list that begins with an array or a dict, the sample is the first entry too.
    Other lists, also of lists, are samples.
    """
    if isinstance(item, tuple) or (
        isinstance(item, list) and item and (isinstance(item[0], dict) or is_array(item[0]))
    ):
        item = item[0] if item else None
    if isinstance(item, list):
        check_nested(item)
    if isinstance(item, torch.Tensor):
        item = item.detach().cpu()
        item = item.float() if item.dtype is torch.bfloat16 else item
    if isinstance(item, dict):
        raise TypeError(
            f"Items of X are dicts with the keys {sorted(map(str, item))}. Return the sample alone, or a tuple "
            f"(sample, label)."
        )
    try:
        sample = np.asarray(item, dtype=np.float64 if isinstance(item, (list, float, int)) else None)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"Items of X must be arrays of numbers, or tuples that begin with one. A {type(item).__name__} cannot be "
            f"converted to an array: {error}"
        ) from error
    if sample.dtype.kind not in "biuf":
        raise TypeError(
            f"Items of X must be tensors or arrays of numbers, or tuples that begin with one. Got {type(item).__name__}"
            f"{'' if sample.dtype == object else f' of dtype {sample.dtype}'} instead."
        )
    return sample


def is_array(entry: Any) -> bool:
    """Whether an entry of a list is an array or tensor with a dimension."""
    return not isinstance(entry, (tuple, list)) and np.ndim(entry) > 0


def check_nested(item: list) -> None:
    """Raise TypeError if nested lists hold arrays: the axes of batches that a loader makes of lists are reversed."""
    first: Any = item
    while isinstance(first, (tuple, list)) and first:
        first = first[0]
    if is_array(first):
        raise TypeError(
            "Items of X are nested lists of arrays or tensors, as a DataLoader makes of samples that are lists. "
            "Convert every sample to one array or tensor in the dataset."
        )


def load(X: Any, name: str, largest: int) -> Any:
    """The rows of a stream as one array; other X are returned. ValueError if float32 rows exceed ``largest`` bytes."""
    if not isinstance(X, Stream):
        return X
    parts, size = [], 0
    for part in X.parts():
        parts.append(part)
        size += 4 * math.prod(part.shape)
        if size > largest:
            raise ValueError(
                f"{name} is a stream of more than {largest // 2**20} MiB as float32. It is read in every epoch: pass "
                f"an array, a memory map, or fewer rows."
            )
    return np.concatenate(parts)
