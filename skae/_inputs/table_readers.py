"""Tables that are larger than memory: datasets of pyarrow, LazyFrames of polars, datasets of Hugging Face.

Tables that fit into memory are read as data frames. Larger ones are read in parts, as numbers.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from skae.data import ChunkedRows, Stream, slice_length, sources

from .data_frames import numpy_dtype

TABLE_LIBRARIES = ("pyarrow", "polars", "datasets")
# Size of the columns of a row group that are read at a time.
COLUMN_BYTES = 8 * 2**20
# Rows of an iterable dataset that are read at a time.
ROWS_AT_ONCE = 1024


def read_table(X: Any) -> Any:
    """The rows of a table that is stored or computed elsewhere; data frames in memory are returned unchanged."""
    name = f"{type(X).__module__.partition('.')[0]}.{type(X).__name__}"
    if name == "polars.LazyFrame":
        return read_lazy_frame(X)
    if name == "pyarrow.RecordBatch":
        return importlib.import_module("pyarrow").Table.from_batches([X])
    if name == "datasets.Dataset":
        return read_hugging_face(X)
    if type(X).__module__.startswith("datasets.iterable_dataset"):
        batches = X.with_format("arrow")
        return Stream(lambda: map(rows_of_arrow, batches.iter(ROWS_AT_ONCE)), "The IterableDataset of datasets")
    if hasattr(X, "get_fragments") and hasattr(X, "to_batches"):
        return read_arrow_dataset(X)
    return X


def fits_into_memory(n_rows: int, n_features: int) -> bool:
    """Whether a table is read as a whole: rows of this size are kept in memory anyway."""
    return 4 * n_rows * n_features <= sources.CACHE_BYTES


def read_lazy_frame(X: Any) -> Any:
    """The collected data frame, or a ``Stream`` of the batches of a LazyFrame that is larger than memory."""
    import polars as pl

    schema = X.collect_schema()
    n_rows = X.select(pl.len()).collect(engine="streaming").item()
    if fits_into_memory(n_rows, len(schema)):
        return X.collect()
    dtype = common_dtype(dict(schema.items()))
    if not hasattr(X, "collect_batches"):
        raise ValueError(
            f"A LazyFrame larger than {sources.CACHE_BYTES // 2**20} MiB needs a version of polars with "
            f"LazyFrame.collect_batches. Upgrade polars, or call X.sink_parquet(path) and pass "
            f"pyarrow.dataset.dataset(path)."
        )
    numbers = X.select(pl.all().cast(pl.Float32 if dtype == np.float32 else pl.Float64))
    # The streaming engine holds several batches.
    length = max(1, slice_length(len(schema)) // 8)

    def start() -> Iterator[np.ndarray]:
        return (frame.to_numpy() for frame in numbers.collect_batches(chunk_size=length))

    return Stream(start, "The LazyFrame", frame=X.head(0).collect())


def read_arrow_dataset(X: Any) -> Any:
    """The table of a dataset of pyarrow; if it is larger, ``ChunkedRows`` of its row groups, or a ``Stream``."""
    n_rows, schema = X.count_rows(), X.schema
    # The first row is read without those after it.
    alone = {"batch_size": 1, "batch_readahead": 0, "fragment_readahead": 0}
    first = rows_of_arrow(X.head(1, **alone)) if n_rows and is_nested(schema) else None
    n_features = len(schema) if first is None else first[0].size
    if fits_into_memory(n_rows, n_features):
        return rows_of_arrow(X.to_table()) if first is not None else X.to_table()
    dtype = first.dtype if first is not None else common_dtype(dict(zip(schema.names, schema.types, strict=True)))
    shape = (n_rows, *(first.shape[1:] if first is not None else (n_features,)))
    frame = None if first is not None else schema.empty_table()
    groups = row_groups(X)
    if groups is None or sum(length for _, length in groups) != n_rows:
        length = slice_length(n_features)

        def start() -> Iterator[np.ndarray]:
            batches = X.to_batches(batch_size=length, batch_readahead=2, fragment_readahead=1)
            return (rows_of_arrow(batch, dtype) for batch in batches if batch.num_rows)

        return Stream(start, "The pyarrow dataset", frame=frame)
    bounds = np.cumsum([0, *(length for _, length in groups)])
    return ChunkedRows(RowGroups(groups, bounds, schema, shape, dtype).read, shape, dtype, bounds, frame)


def row_groups(X: Any) -> list[tuple[Any, int]] | None:
    """The row groups of Parquet files, as fragments with their numbers of rows; None for other files and filters."""
    try:
        fragments = list(X.get_fragments())
    except ValueError:
        # The rows of a filtered dataset are known only after they are read.
        return None
    if not all(hasattr(fragment, "row_groups") for fragment in fragments):
        return None
    return [
        (fragment.subset(row_group_ids=[group.id]), group.num_rows)
        for fragment in fragments
        for group in fragment.row_groups
        if group.num_rows
    ]


class RowGroups:
    """Reads slices of row groups; the last one is kept, because slices of it are read one after the other."""

    def __init__(self, groups: list, bounds: np.ndarray, schema: Any, shape: tuple[int, ...], dtype: np.dtype):
        self.groups, self.bounds, self.schema, self.names = groups, bounds, schema, schema.names
        self.shape, self.dtype = shape, dtype
        self.last: tuple[int, np.ndarray] = (-1, np.empty(0))

    def read(self, start: int, stop: int) -> np.ndarray:
        """The rows from ``start`` to ``stop``."""
        first, end = (int(np.searchsorted(self.bounds, row, side="right")) - 1 for row in (start, max(start, stop - 1)))
        parts = []
        for number in range(first, min(end, len(self.groups) - 1) + 1):
            offset = int(self.bounds[number])
            parts.append(self.group(number)[max(0, start - offset) : max(0, stop - offset)])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def group(self, number: int) -> np.ndarray:
        """All rows of a row group, read a few columns at a time."""
        kept, rows = self.last
        if kept == number:
            return rows
        self.last = -1, np.empty(0)
        fragment, length = self.groups[number]
        if len(self.names) == 1:
            rows = rows_of_arrow(self.read_columns(fragment, self.names), self.dtype).reshape(length, *self.shape[1:])
        else:
            rows = np.empty((length, *self.shape[1:]), self.dtype)
            n_columns = max(1, COLUMN_BYTES // (8 * length))
            for start in range(0, len(self.names), n_columns):
                columns = slice(start, start + n_columns)
                rows[:, columns] = rows_of_arrow(self.read_columns(fragment, self.names[columns]), self.dtype)
        self.last = number, rows
        return rows

    def read_columns(self, fragment: Any, names: list[str]) -> Any:
        """Some columns of a fragment. Memory that is read goes back to the system, and nothing is read ahead."""
        import pyarrow as pa
        import pyarrow.dataset as ds

        return fragment.to_table(
            schema=self.schema,
            columns=names,
            fragment_scan_options=ds.ParquetFragmentScanOptions(pre_buffer=False),
            memory_pool=pa.system_memory_pool(),
        )


def read_hugging_face(X: Any) -> Any:
    """The table of a dataset of Hugging Face, or the array of its only column; if it is larger, ``ChunkedRows``."""
    arrow = X.with_format("arrow")
    if X.num_rows == 0:
        return arrow[:]
    first = rows_of_arrow(arrow[:1]) if is_nested(arrow[:1].schema) else None
    n_features = X.num_columns if first is None else first[0].size
    if fits_into_memory(X.num_rows, n_features):
        return arrow[:] if first is None else rows_of_arrow(arrow[:])
    schema = arrow[:1].schema
    dtype = first.dtype if first is not None else common_dtype(dict(zip(schema.names, schema.types, strict=True)))
    shape = (X.num_rows, *(first.shape[1:] if first is not None else (n_features,)))
    frame = schema.empty_table() if first is None else None
    return ChunkedRows(lambda start, stop: rows_of_arrow(arrow[start:stop], dtype), shape, dtype, frame=frame)


def common_dtype(kinds: dict[str, Any]) -> np.dtype:
    """The type of floats that holds all columns, by name; TypeError names the columns that are not of numbers."""
    found = {name: numpy_dtype(value_type(kind)) for name, kind in kinds.items()}
    others = [f"{name!r} ({kinds[name]})" for name, dtype in found.items() if dtype is None]
    if others:
        raise TypeError(
            f"Columns of X are not numbers: {', '.join(others)}. X is larger than {sources.CACHE_BYTES // 2**20} MiB, "
            f"so it is read in parts, and categories and dates are not encoded. Select columns of numbers."
        )
    is_short = all(np.result_type(dtype, np.float32) == np.float32 for dtype in found.values())
    return np.dtype(np.float32 if is_short else np.float64)


def value_type(kind: Any) -> Any:
    """The type of the values of a dictionary of pyarrow, such as a column of a partition; other types as they are."""
    return getattr(kind, "value_type", kind) if str(kind).startswith("dictionary") else kind


def is_nested(schema: Any) -> bool:
    """Whether a table of pyarrow has one column of lists or arrays, which are samples."""
    kinds = [getattr(kind, "storage_type", kind) for kind in schema.types]
    lists = [hasattr(kind, "value_type") and "list" in str(kind) for kind in kinds]
    if any(lists) and len(kinds) > 1:
        nested = [name for name, is_list in zip(schema.names, lists, strict=True) if is_list]
        raise TypeError(
            f"X has {len(kinds)} columns, and the entries of {', '.join(nested)} are lists. "
            f"Select one column, whose entries are samples, or columns of numbers."
        )
    return any(lists)


def rows_of_arrow(table: Any, dtype: Any = None) -> np.ndarray:
    """The numbers of a table or record batch of pyarrow: (n, n_columns), or (n, \\*sizes) for a column of arrays."""
    import pyarrow as pa

    if is_nested(table.schema):
        return samples_of_arrow(table.column(0), dtype)
    names, kinds = table.schema.names, table.schema.types
    dtype = common_dtype(dict(zip(names, kinds, strict=True))) if dtype is None else dtype
    rows = np.empty((table.num_rows, len(names)), dtype)
    target = pa.float32() if dtype == np.float32 else pa.float64()
    for place in range(len(names)):
        column = table.column(place)
        if value_type(column.type) is not column.type:
            column = column.cast(value_type(column.type))
        column = column.cast(target, safe=False)
        rows[:, place] = column.to_numpy() if isinstance(column, pa.ChunkedArray) else column.to_numpy(False)
    return rows


def samples_of_arrow(column: Any, dtype: Any = None) -> np.ndarray:
    """A column of lists of equal lengths, or of lists of lists, as an array (n, \\*sizes)."""
    import pyarrow as pa

    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    samples = np.concatenate([samples_of_array(chunk) for chunk in chunks if len(chunk)])
    return samples if dtype is None else samples.astype(dtype, copy=False)


def samples_of_array(array: Any) -> np.ndarray:
    """``samples_of_arrow`` of an array without chunks."""
    import pyarrow as pa
    import pyarrow.compute as pc

    sizes = [len(array)]
    while True:
        array = getattr(array, "storage", array)
        if not hasattr(array.type, "value_type") or pa.types.is_dictionary(array.type):
            break
        n_lists, lengths = len(array), np.unique(pc.list_value_length(array).to_numpy(False))
        if len(lengths) != 1 or array.null_count:
            found = ", ".join(itertools.islice(map(str, lengths), 5))
            raise ValueError(f"X has an inhomogeneous shape: its lists have the lengths {found}. Cut or pad them.")
        sizes.append(int(lengths[0]))
        array = array.flatten()
        assert len(array) == n_lists * sizes[-1]
    return array.to_numpy(False).reshape(sizes)
