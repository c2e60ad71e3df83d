"""Containers that are larger than memory: read in parts, in every method, with the results of an array."""

import functools
import subprocess
import sys
import threading
from collections import Counter

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute
import pyarrow.dataset
import pyarrow.parquet
import pytest
import torch
from sklearn.base import clone
from sklearn.decomposition import PCA
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from skae import AutoencoderNovelty, AutoencoderTransformer, Dense
from skae._inputs.readers import read_container
from skae.data import ChunkedRows, sources
from skae.training import mixing
from skae.variants import Supervised

N, P, CHUNK = 1200, 6, 200
RANDOM = np.random.RandomState(0)
# Without early stopping: no cross-validation.
QUICK = {"early_stopping": False, "max_epochs": 1}
# Four dimensions, bent, in six columns.
HIDDEN = RANDOM.standard_normal((N, 2))
X = np.column_stack([HIDDEN, HIDDEN**2, np.sin(2 * HIDDEN)]) + 0.1 * RANDOM.standard_normal((N, P))
X = X.astype(np.float32)
PCA_SCORE = float(PCA(2).fit(X).explained_variance_ratio_.sum())
NAMES = [f"c{place}" for place in range(P)]
SETTINGS = {"architecture": Dense((16,)), "max_epochs": 8, "batch_size": 100, "random_state": 0}


class MapStyle(Dataset):
    """Samples with labels."""

    def __len__(self):
        return N

    def __getitem__(self, index):
        return torch.from_numpy(X[index]), index % 3


class InOrder(IterableDataset):
    """Samples in order; workers share them."""

    def __init__(self, rows=X):
        self.rows = rows

    def __iter__(self):
        info = torch.utils.data.get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        return iter(self.rows[first::step])


def table():
    return pa.table(list(X.T), names=NAMES)


def of_memmap(folder):
    np.save(folder / "X.npy", X)
    return np.load(folder / "X.npy", mmap_mode="r")


def of_zarr(folder):
    zarr = pytest.importorskip("zarr")
    array = zarr.create_array(str(folder / "X.zarr"), shape=X.shape, chunks=(CHUNK, P), dtype="f4")
    array[:] = X
    return array


def of_h5py(folder):
    file = pytest.importorskip("h5py").File(folder / "X.h5", "w")
    return file.create_dataset("X", data=X, chunks=(CHUNK, P))


def of_dask(folder):
    return pytest.importorskip("dask.array").from_array(X, chunks=(CHUNK, 4))


def of_xarray(folder):
    return pytest.importorskip("xarray").DataArray(X, dims=("row", "column")).chunk(row=CHUNK)


def of_parquet(folder):
    pyarrow.parquet.write_table(table(), folder / "X.parquet", row_group_size=CHUNK)
    return pyarrow.dataset.dataset(folder / "X.parquet")


def of_partitions(folder):
    part = pa.array(np.arange(N) // 400, pa.int32())
    options = {"partitioning": ["part"], "partitioning_flavor": "hive", "format": "parquet"}
    pyarrow.dataset.write_dataset(table().append_column("part", part), folder / "parts", **options)
    whole = pyarrow.dataset.dataset(folder / "parts", partitioning="hive")
    return whole.replace_schema(pa.schema([whole.schema.field(name) for name in NAMES]))


def of_feather(folder):
    pyarrow.dataset.write_dataset(table(), folder / "feather", format="feather")
    return pyarrow.dataset.dataset(folder / "feather", format="feather")


def of_lazy_frame(folder):
    if not hasattr(pl.LazyFrame, "collect_batches"):
        pytest.skip("newer versions of polars read a LazyFrame in parts")
    pyarrow.parquet.write_table(table(), folder / "X.parquet", row_group_size=CHUNK)
    return pl.scan_parquet(folder / "X.parquet").filter(pl.col("c0") < 100)


def of_hugging_face(folder):
    return pytest.importorskip("datasets").Dataset.from_dict(dict(zip(NAMES, X.T, strict=True)))


def of_vectors(folder):
    column = pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), P)
    return pytest.importorskip("datasets").Dataset(pa.table({"vector": column}))


def of_hugging_face_stream(folder):
    return of_vectors(folder).to_iterable_dataset()


INDEXED = {
    "memmap": of_memmap,
    "zarr": of_zarr,
    "h5py": of_h5py,
    "dask": of_dask,
    "xarray": of_xarray,
    "parquet": of_parquet,
    "partitions": of_partitions,
    "Hugging Face": of_hugging_face,
    "vectors": of_vectors,
    "map-style": lambda folder: MapStyle(),
}
STREAMS = {
    "feather": of_feather,
    "LazyFrame": of_lazy_frame,
    "iterable": lambda folder: InOrder(),
    "loader": lambda folder: DataLoader(MapStyle(), batch_size=70),
    "Hugging Face stream": of_hugging_face_stream,
}
CONTAINERS = INDEXED | STREAMS


# On an array, before the limits of memory are lowered; with and without names of columns.
FITTED = AutoencoderTransformer(2, **SETTINGS)
FITTED_ON_NAMES = AutoencoderTransformer(2, **SETTINGS)
QUICKLY_FITTED = AutoencoderTransformer(2, **SETTINGS | QUICK)


@pytest.fixture(autouse=True, scope="module")
def fit_on_arrays():
    FITTED.fit(X)
    FITTED_ON_NAMES.fit(pl.DataFrame(X, schema=NAMES))
    QUICKLY_FITTED.fit(X)


@pytest.fixture
def large(monkeypatch):
    """The limits of memory are so low that 1,200 rows are larger."""
    monkeypatch.setattr(sources, "CACHE_BYTES", 1000)
    monkeypatch.setattr(mixing, "BUFFER_BYTES", 600 * 4 * P)


def fitted_for(name):
    """The transformer that was fitted on rows with column names, if the container has them."""
    return FITTED_ON_NAMES if name in ("parquet", "partitions", "feather", "LazyFrame", "Hugging Face") else FITTED


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("name", CONTAINERS)
def test_codes_and_scores_are_those_of_an_array(name, tmp_path):
    given, autoencoder = CONTAINERS[name](tmp_path), fitted_for(name)
    np.testing.assert_array_equal(np.asarray(autoencoder.transform(given)), FITTED.transform(X))
    np.testing.assert_array_equal(np.asarray(autoencoder.reconstruct(given)), FITTED.reconstruct(X))
    np.testing.assert_array_equal(autoencoder.score_samples(given), FITTED.score_samples(X))
    assert autoencoder.score(given) == FITTED.score(X)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("name", CONTAINERS)
def test_fits_are_as_good_as_on_an_array(name, tmp_path):
    given = CONTAINERS[name](tmp_path)
    autoencoder = AutoencoderTransformer(2, **SETTINGS).fit(given)
    assert autoencoder.n_samples_ == N
    np.testing.assert_allclose(autoencoder.mean_, X.mean(0), atol=1e-6)
    # Other seeds of fits on the array give 0.70 to 0.73.
    assert autoencoder.score(given) > max(FITTED.score(X) - 0.06, PCA_SCORE + 0.02)
    assert not autoencoder.is_pca_
    assert hasattr(autoencoder, "feature_names_in_") == (fitted_for(name) is FITTED_ON_NAMES)


@functools.cache
def score_of_parts():
    return AutoencoderTransformer(2, **SETTINGS).partial_fit(X).partial_fit(X).score(X)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("name", CONTAINERS)
def test_partial_fit_reads_every_row_once(name, tmp_path):
    given = CONTAINERS[name](tmp_path)
    autoencoder = AutoencoderTransformer(2, **SETTINGS)
    for _ in range(2):
        autoencoder.partial_fit(given)
    assert autoencoder.n_iter_ == 2
    assert autoencoder.score(given) > score_of_parts() - 0.05


@pytest.mark.parametrize("name", INDEXED)
def test_small_containers_give_the_same_bits_as_an_array(name, tmp_path):
    given = INDEXED[name](tmp_path)
    autoencoder = AutoencoderTransformer(2, **SETTINGS | QUICK).fit(given)
    np.testing.assert_array_equal(np.asarray(autoencoder.transform(given)), QUICKLY_FITTED.transform(X))


@pytest.mark.usefixtures("large")
def test_every_chunk_is_read_once_per_epoch():
    reads = []

    def read(start, stop):
        reads.append((start // CHUNK, (stop - 1) // CHUNK))
        return X[start:stop]

    def reads_of(max_epochs):
        reads.clear()
        given = ChunkedRows(read, X.shape, X.dtype, np.arange(0, N + 1, CHUNK))
        AutoencoderTransformer(2, **SETTINGS | {"max_epochs": max_epochs}).fit(given)
        return Counter(chunk for first, last in reads for chunk in range(first, last + 1))

    more, few = reads_of(8), reads_of(3)
    assert {chunk: more[chunk] - few[chunk] for chunk in more} == dict.fromkeys(range(N // CHUNK), 5)


@pytest.fixture
def seen(monkeypatch):
    """The places of the rows of every batch that is mixed from blocks, in order."""
    seen = []
    original = mixing.mix_blocks

    def recorded(*args):
        for x, places in original(*args):
            seen.append(places)
            yield x, places

    monkeypatch.setattr("skae.training.batches.mix_blocks", recorded)
    return seen


@pytest.mark.usefixtures("large")
def test_rows_are_mixed_across_chunks(seen):
    numbered = np.arange(N, dtype=np.float32)[:, None].repeat(P, axis=1)
    given = ChunkedRows(lambda a, b: numbered[a:b], X.shape, X.dtype, np.arange(0, N + 1, 50))
    AutoencoderTransformer(2, **SETTINGS | QUICK | {"batch_size": 50}).fit(given)
    assert sorted(np.concatenate(seen)) == list(range(N))
    assert min(len(np.unique(places // 50)) for places in seen[:12]) >= 6


@pytest.mark.parametrize("holds", ["numpy", "memmap", "zarr", "h5py"])
def test_codes_are_written_to_an_array_of_the_caller(holds, tmp_path):
    Z = FITTED.transform(X)
    if holds == "numpy":
        out = np.full(Z.shape, np.nan)
    elif holds == "memmap":
        out = np.memmap(tmp_path / "Z", np.float32, "w+", shape=Z.shape)
    elif holds == "zarr":
        zarr = pytest.importorskip("zarr")
        out = zarr.create_array(str(tmp_path / "Z.zarr"), shape=Z.shape, chunks=(70, 2), dtype="f4")
    else:
        file = pytest.importorskip("h5py").File(tmp_path / "Z.h5", "w")
        out = file.create_dataset("Z", Z.shape, "f4", chunks=(70, 2))
    assert FITTED.transform(X, out=out) is out
    np.testing.assert_array_equal(out[:], Z)
    out[:] = 0
    assert FITTED.transform(InOrder(), out=out) is out
    np.testing.assert_array_equal(out[:], Z)


@pytest.mark.parametrize(
    ("out", "error", "message"),
    [
        ([0.0] * N, TypeError, "Got list"),
        (np.empty((N, 3), np.float32), ValueError, r"out must have shape \(1200, 2\). Got shape \(1200, 3\)"),
        (np.empty((N - 1, 2), np.float32), ValueError, r"out must have shape \(1200, 2\)"),
        (np.empty((N, 2), np.int64), ValueError, "float32 or float64. Got int64"),
        (np.broadcast_to(np.float32(0), (N, 2)), ValueError, "read-only"),
    ],
)
def test_output_arrays_are_checked_before_anything_is_written(out, error, message):
    with pytest.raises(error, match=message):
        FITTED.transform(X, out=out)


def test_output_array_of_another_length_than_a_stream():
    with pytest.raises(ValueError, match="out has 100 rows, but X has more"):
        FITTED.transform(InOrder(), out=np.empty((100, 2), np.float32))
    with pytest.raises(ValueError, match="out has 2000 rows, but X has 1200"):
        FITTED.transform(InOrder(), out=np.empty((2000, 2), np.float32))
    framed = clone(FITTED).set_params(**QUICK).fit(X).set_output(transform="pandas")
    with pytest.raises(ValueError, match="set_output"):
        framed.transform(X, out=np.empty((N, 2), np.float32))


def test_dask_arrays_give_lazy_dask_arrays():
    dask_array = pytest.importorskip("dask.array")
    computed = []

    def block(rows):
        computed.append(len(rows))
        return rows

    given = dask_array.from_array(X, chunks=(CHUNK, 4)).map_blocks(block, dtype=X.dtype, meta=X[:0])
    computed.clear()
    Z = FITTED.transform(given)
    back, both = FITTED.inverse_transform(Z), FITTED.reconstruct(given)
    assert not computed
    for lazy, width, result in (
        (Z, 2, FITTED.transform(X)),
        (back, P, FITTED.reconstruct(X)),
        (both, P, FITTED.reconstruct(X)),
    ):
        assert isinstance(lazy, dask_array.Array)
        assert lazy.chunks == ((CHUNK,) * (N // CHUNK), (width,))
        assert lazy.dtype == result.dtype
        assert type(lazy._meta) is np.ndarray
        np.testing.assert_allclose(lazy.compute(scheduler="synchronous"), result, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(Z.compute(), FITTED.transform(X))
    some = FITTED.transform(given[np.array([True, False] * (N // 2))])
    assert some.compute().shape == (N // 2, 2)


def test_lazy_results_are_those_of_the_fit_at_the_time_of_the_call():
    dask_array = pytest.importorskip("dask.array")
    autoencoder = AutoencoderTransformer(2, **SETTINGS | QUICK).fit(X)
    Z = autoencoder.transform(X)
    lazy = [autoencoder.transform(dask_array.from_array(X)), autoencoder.inverse_transform(dask_array.from_array(Z))]
    expected = [Z, autoencoder.inverse_transform(Z)]
    autoencoder.fit(X[:, ::-1].copy())
    for result, before in zip(lazy, expected, strict=True):
        np.testing.assert_array_equal(result.compute(), before)


def test_lazy_pictures_keep_shape_and_dtype():
    dask_array = pytest.importorskip("dask.array")
    pictures = RANDOM.randint(0, 255, (60, 8, 8)).astype(np.uint8)
    autoencoder = AutoencoderTransformer(2, axes="h w", **SETTINGS).fit(pictures)
    lazy = dask_array.from_array(pictures, chunks=(25, 4, 8))
    back = autoencoder.reconstruct(lazy, dtype="input")
    assert back.chunks == ((25, 25, 10), (8,), (8,))
    assert back.dtype == np.uint8
    np.testing.assert_array_equal(back.compute(), autoencoder.reconstruct(pictures, dtype="input"))
    with pytest.raises(ValueError, match="expected to have 64 values per sample"):
        autoencoder.transform(lazy[:, :4])


def test_unknown_chunks_say_what_to_call():
    dask_array = pytest.importorskip("dask.array")
    given = dask_array.from_array(X, chunks=(CHUNK, P))
    with pytest.raises(ValueError, match="compute_chunk_sizes"):
        AutoencoderTransformer(2, **SETTINGS).fit(given[given[:, 0] > 0])


def test_workers_and_shuffling_of_a_loader_are_used():
    generator = torch.Generator().manual_seed(0)
    loader = DataLoader(MapStyle(), batch_size=100, shuffle=True, num_workers=2, generator=generator)
    autoencoder = AutoencoderTransformer(2, **SETTINGS | {"max_epochs": 2}).fit(loader)
    assert autoencoder.n_samples_ == N
    assert autoencoder.score(X) > 0.5
    workers = DataLoader(InOrder(), batch_size=50, num_workers=2)
    codes = FITTED.transform(workers)
    order = np.lexsort(codes.T)
    expected = FITTED.transform(X)
    np.testing.assert_allclose(codes[order], expected[np.lexsort(expected.T)], rtol=0, atol=1e-6)


def test_batches_of_a_shuffled_loader_keep_its_order(seen):
    settings = SETTINGS | QUICK
    AutoencoderTransformer(2, **settings).fit(DataLoader(MapStyle(), batch_size=100, shuffle=True))
    np.testing.assert_array_equal(np.concatenate(seen), np.arange(N))
    seen.clear()
    AutoencoderTransformer(2, **settings).fit(DataLoader(MapStyle(), batch_size=100))
    assert not np.array_equal(np.concatenate(seen), np.arange(N))
    assert sorted(np.concatenate(seen)) == list(range(N))


def test_validation_rows_of_a_stream_are_not_trained_on(monkeypatch):
    from skae.data import StreamRows

    trained = []
    original = StreamRows.training_parts

    def recorded(self):
        parts = list(original(self))
        trained.append((len(self.excluded), sum(map(len, parts))))
        return iter(parts)

    monkeypatch.setattr(StreamRows, "training_parts", recorded)
    doubled = np.concatenate([X[:600], X[:600]])
    autoencoder = AutoencoderTransformer(2, **SETTINGS).fit(InOrder(doubled))
    assert {(n_hashes, n_rows) for n_hashes, n_rows in trained} == {(60, N - 120)}
    assert len(trained) == autoencoder.n_iter_


class Ending(IterableDataset):
    """Gives all rows in the first passes, and fewer later."""

    def __init__(self, n_complete, n_later):
        self.n_complete, self.n_later, self.n_passes = n_complete, n_later, 0

    def __iter__(self):
        self.n_passes += 1
        return iter(X if self.n_passes <= self.n_complete else X[: self.n_later])


class Augmented(IterableDataset):
    def __iter__(self):
        return iter(X + np.random.default_rng().standard_normal(X.shape).astype(np.float32) / 100)


def ragged(n):
    rows = [*X[:n], X[n, :4], *X[n + 1 :]]
    return InOrder(rows)


def in_rows(change, row=700):
    rows = [row.copy() for row in X]
    rows[row] = change(rows[row])
    return InOrder(rows)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (lambda: ragged(700), ValueError, r"sample 700 has shape \(4,\)"),
        (lambda: ragged(256), ValueError, r"sample 256 has shape \(4,\)"),
        (lambda: DataLoader([torch.ones(3 + (i > 90)) for i in range(100)], batch_size=1), ValueError, "inhomogen"),
        (lambda: in_rows(lambda row: row.astype(np.float64)), ValueError, "dtype float64"),
        (lambda: in_rows(lambda row: row + np.inf), ValueError, "infinity"),
        (lambda: InOrder(X[:0]), ValueError, r"0 sample\(s\)"),
        (lambda: Ending(1, 0), ValueError, "gave 0 rows in this pass, and 1200 in the first"),
        (lambda: Ending(5, 700), ValueError, "gave 700 rows in this pass, and 1200 in the first"),
        (lambda: Augmented(), ValueError, "augmentation.*Pass X_val"),
        (lambda: InOrder([{"x": row} for row in X]), TypeError, r"dicts with the keys \['x'\]"),
        (lambda: InOrder(["abc", "abd"]), TypeError, "Got str"),
    ],
)
@pytest.mark.parametrize("is_fitted", [False, True])
def test_streams_that_cannot_be_trained_on_leave_the_estimator_as_before(given, error, message, is_fitted):
    autoencoder = AutoencoderTransformer(2, **SETTINGS)
    if is_fitted:
        autoencoder._result = FITTED._result
    with pytest.raises(error, match=message):
        autoencoder.fit(given())
    assert vars(autoencoder).get("_result") is (FITTED._result if is_fitted else None)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("skae-prefetch")]


def test_augmented_streams_are_validated_on_rows_of_the_caller():
    autoencoder = AutoencoderTransformer(2, **SETTINGS).fit(Augmented(), X_val=InOrder(X[:300]))
    assert autoencoder.score(X) > FITTED.score(X) - 0.05
    assert "valid_loss" in autoencoder.history_[0]


def test_methods_that_index_rows_refuse_streams():
    with pytest.raises(TypeError, match=r"IterableDataset InOrder is read in passes.*AutoencoderNovelty"):
        AutoencoderNovelty().fit(InOrder())
    with pytest.raises(TypeError, match="groups cannot be assigned"):
        AutoencoderTransformer(2, **SETTINGS).fit(InOrder(), groups=np.arange(N))
    with pytest.raises(TypeError, match="y cannot be assigned"):
        AutoencoderTransformer(2, variant=Supervised(), **SETTINGS).fit(InOrder(), np.arange(N) % 2)


@pytest.mark.usefixtures("large")
def test_large_tables_name_the_columns_that_are_not_numbers(tmp_path):
    mixed = table().append_column("city", pa.array(["Rome", "Oslo"] * (N // 2)))
    pyarrow.parquet.write_table(mixed, tmp_path / "X.parquet")
    for given in (pyarrow.dataset.dataset(tmp_path / "X.parquet"), pl.scan_parquet(tmp_path / "X.parquet")):
        with pytest.raises(TypeError, match=r"'city' \([sS]tring\).*Select columns"):
            AutoencoderTransformer(2, **SETTINGS).fit(given)


def test_small_tables_are_data_frames(tmp_path):
    mixed = table().append_column("city", pa.array(["Rome", "Oslo"] * (N // 2)))
    pyarrow.parquet.write_table(mixed, tmp_path / "X.parquet")
    by_frame = AutoencoderTransformer(2, **SETTINGS | QUICK).fit(mixed)
    autoencoder = AutoencoderTransformer(2, **SETTINGS | QUICK).fit(pyarrow.dataset.dataset(tmp_path / "X.parquet"))
    np.testing.assert_array_equal(
        autoencoder.transform(pl.scan_parquet(tmp_path / "X.parquet")), by_frame.transform(mixed)
    )


@pytest.mark.usefixtures("large")
def test_columns_in_another_order_are_refused(tmp_path):
    with pytest.raises(ValueError, match="feature names"):
        FITTED_ON_NAMES.transform(of_lazy_frame(tmp_path).select(NAMES[::-1]))


@pytest.mark.usefixtures("large")
def test_columns_of_a_dataset_in_another_order_are_refused(tmp_path):
    with pytest.raises(ValueError, match="feature names"):
        FITTED_ON_NAMES.transform(of_parquet(tmp_path).replace_schema(table().rename_columns(NAMES[::-1]).schema))


@pytest.mark.usefixtures("large")
def test_missing_values_of_tables_are_nan(tmp_path):
    values = X.astype(np.float64)
    values[::7, 1] = np.nan
    with_nulls = pa.table([pa.array(column, from_pandas=True) for column in values.T], names=NAMES)
    pyarrow.parquet.write_table(with_nulls, tmp_path / "X.parquet", row_group_size=CHUNK)
    expected = AutoencoderTransformer(2, **SETTINGS).fit(values)
    lazy = [pl.scan_parquet(tmp_path / "X.parquet")] if hasattr(pl.LazyFrame, "collect_batches") else []
    for given in (pyarrow.dataset.dataset(tmp_path / "X.parquet"), *lazy):
        autoencoder = AutoencoderTransformer(2, **SETTINGS).fit(given)
        assert autoencoder.score(given) > expected.score(values) - 0.05


def empty_parts(folder, whole):
    """Parquet files of a table, some of them without rows, as Spark writes them."""
    for place, rows in enumerate([whole[:0], whole[:500], whole[:0], whole[500:], whole[:0]]):
        pyarrow.parquet.write_table(rows, folder / f"part{place}.parquet", row_group_size=CHUNK)
    return pyarrow.dataset.dataset(folder)


def vectors():
    return pa.table({"vector": pa.array(list(X), pa.list_(pa.float32()))})


@pytest.mark.parametrize("cache", [1000, sources.CACHE_BYTES])
@pytest.mark.parametrize(("whole", "fitted"), [(table, FITTED_ON_NAMES), (vectors, FITTED)])
def test_parquet_files_without_rows_are_skipped(cache, whole, fitted, monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "CACHE_BYTES", cache)
    given = empty_parts(tmp_path, whole())
    np.testing.assert_array_equal(fitted.transform(given), FITTED.transform(X))
    autoencoder = AutoencoderTransformer(2, **SETTINGS | QUICK).fit(given)
    assert (autoencoder.n_samples_, autoencoder.n_features_in_) == (N, P)


@pytest.mark.parametrize("cache", [1000, sources.CACHE_BYTES])
@pytest.mark.parametrize(
    ("whole", "fitted", "number"),
    [
        (table, FITTED_ON_NAMES, pyarrow.dataset.field("c0")),
        (vectors, FITTED, pyarrow.compute.list_element(pyarrow.dataset.field("vector"), 0)),
    ],
)
def test_filtered_datasets_give_their_rows(cache, whole, fitted, number, monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "CACHE_BYTES", cache)
    given = empty_parts(tmp_path, whole()).filter(number > 0)
    chosen = X[:, 0] > 0
    np.testing.assert_array_equal(fitted.transform(given), FITTED.transform(X[chosen]))
    assert AutoencoderTransformer(2, **SETTINGS | QUICK).fit(given).n_samples_ == chosen.sum()


@pytest.mark.usefixtures("large")
def test_y_of_validation_rows_that_are_kept_in_memory():
    y = (HIDDEN[:, 0] > 0).astype(int)
    settings = SETTINGS | {"variant": Supervised(), "max_epochs": 4}
    given = ChunkedRows(lambda start, stop: X[start:stop], X.shape, X.dtype, np.arange(0, N + 1, CHUNK))
    autoencoder = AutoencoderTransformer(2, **settings).fit(given, y)
    losses = [row["valid_loss"] for row in autoencoder.history_]
    # With wrong labels, the loss of validation rows is higher.
    shuffled = np.random.RandomState(0).permutation(y)
    wrong = AutoencoderTransformer(2, **settings).fit(given, shuffled)
    assert losses[-1] < losses[0]
    assert losses[-1] < wrong.history_[-1]["valid_loss"] - 0.1


class Items(Dataset):
    """``make`` of every row as a grid of 2 x 3 numbers."""

    def __init__(self, make):
        self.make = make

    def __len__(self):
        return 60

    def __getitem__(self, index):
        return self.make(X[index].reshape(2, 3))


class IteratedItems(IterableDataset):
    def __init__(self, make):
        self.items = Items(make)

    def __iter__(self):
        return (self.items[index] for index in range(60))


@pytest.mark.parametrize("kind", [Items, IteratedItems])
@pytest.mark.parametrize(
    "make",
    [
        lambda grid: grid.tolist(),
        lambda grid: grid.ravel().tolist(),
        lambda grid: [tuple(row) for row in grid],
        lambda grid: [[torch.tensor(number) for number in row] for row in grid],
        lambda grid: (grid.tolist(), 1),
        lambda grid: [torch.from_numpy(grid), 1],
        lambda grid: [grid, grid[0]],  # such as the sample and a target
    ],
)
def test_samples_that_are_lists_have_all_their_numbers(kind, make):
    rows = np.concatenate(list(read_container(kind(make)).parts()))
    np.testing.assert_array_equal(rows.reshape(60, P), X[:60])


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (Items(lambda grid: float(grid[0, 0])), ValueError, "Expected 2D array"),
        (Items(lambda grid: {"x": grid}), TypeError, r"dicts with the keys \['x'\]"),
        (Items(lambda grid: [{"x": grid}, 1]), TypeError, r"dicts with the keys \['x'\]"),
        (Items(lambda grid: [[1.0, 2.0], [3.0]]), TypeError, "A list cannot be converted.*inhomogeneous"),
        (Items(lambda grid: ["a", "b"]), TypeError, "A list cannot be converted"),
        (Items(lambda grid: ()), TypeError, "Got NoneType"),
        (DataLoader(Items(lambda grid: grid.tolist()), batch_size=20), TypeError, "nested lists of arrays"),
        (DataLoader(Items(lambda grid: (grid.tolist(), 1)), batch_size=20), TypeError, "nested lists of arrays"),
    ],
)
def test_items_that_are_no_samples_are_errors(given, error, message):
    with pytest.raises(error, match=message):
        AutoencoderTransformer(2, **SETTINGS).fit(given)


def test_datasets_of_several_tensors_give_the_first():
    pair = TensorDataset(torch.from_numpy(X), torch.arange(N))
    np.testing.assert_array_equal(np.asarray(FITTED.transform(pair)), FITTED.transform(X))


# The peak of a fit, and of a fit and ``transform``, in MiB.
PEAK = """
import resource, sys, warnings
import numpy as np, torch
from skae import AutoencoderTransformer, Dense
warnings.simplefilter("ignore")
torch.set_num_threads(1)
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
kind, path = sys.argv[1:]
if kind == "zarr":
    import zarr
    X = zarr.open_array(path, mode="r")
elif kind == "parquet":
    import pyarrow.dataset
    X = pyarrow.dataset.dataset(path)
else:
    import polars as pl
    X = pl.scan_parquet(path)
def new():
    return AutoencoderTransformer(8, architecture=Dense((32,)), max_epochs=1, batch_size=1024, random_state=0)
new().fit(np.random.RandomState(0).rand(300, 9))
before = peak()
autoencoder = new().fit(X)
after_fit = peak()
Z = autoencoder.transform(X)
print(Z.nbytes / 2**20, after_fit - before, peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ru_maxrss has other units")
@pytest.mark.parametrize("kind", ["zarr", "parquet", "LazyFrame"])
def test_fit_and_transform_take_600_mib(kind, tmp_path):
    # 2.9 GiB as float32 in zarr, and 0.75 GiB in Parquet.
    n, p, dtype = (1_000_000, 784, np.uint8) if kind == "zarr" else (2_000_000, 100, np.float32)
    path, length = str(tmp_path / "X"), 10_000
    part = np.random.RandomState(0).randint(0, 255, (length, p)).astype(dtype)
    if kind == "zarr":
        array = pytest.importorskip("zarr").create_array(path, shape=(n, p), chunks=(length, p), dtype="u1")
        for start in range(0, n, length):
            array[start : start + length] = part
    else:
        rows = pa.table(list(part.T), names=[f"c{place}" for place in range(p)])
        with pyarrow.parquet.ParquetWriter(path, rows.schema) as writer:
            for _ in range(n // length):
                writer.write_table(rows)
    done = subprocess.run([sys.executable, "-c", PEAK, kind, path], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    output, of_fit, of_both = map(float, done.stdout.split())
    assert of_fit < 600
    assert of_both < 600 + output
