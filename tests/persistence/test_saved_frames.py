"""Types and names of the columns of the fitted data frame, with a warning for those that a file cannot hold."""

import datetime
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow
import pytest

from model_files import (
    FRAME,
    SMALL,
    X,
    assert_refused,
    fit_model,
    read,
    repack,
    save_and_load,
    small_autoencoder,
)
from skae import save

NUMBERS = pd.DataFrame(X[:40, :4], columns=list("abcd"))


WHOLE = (10 * NUMBERS).round()


def fit_frame(frame):
    library = "polars" if isinstance(frame, pl.DataFrame) else "pandas"
    return small_autoencoder().set_output(transform=library).fit(frame)


def dates(*names):
    return NUMBERS.set_axis(list(names), axis=1)


KEPT = {
    "category": WHOLE.astype({"a": "category"}),
    "categories of text": pd.DataFrame({"a": pd.Categorical(["1", "2"] * 20), "b": X[:40, 1]}),
    "pyarrow": WHOLE.abs().astype(
        {"a": "int64[pyarrow]", "b": "double[pyarrow]", "c": "float[pyarrow]", "d": "uint8[pyarrow]"}
    ),
    "pyarrow booleans": NUMBERS.assign(e=pd.array(X[:40, 0] > 0, dtype="bool[pyarrow]")),
    "timestamps": NUMBERS.set_axis(pd.date_range("2024-01-31", periods=4, freq="ME"), axis=1),
    "timestamps of another unit": NUMBERS.set_axis(pd.date_range("2024-01-31", periods=4).as_unit("ms"), axis=1),
    "timestamps of UTC": NUMBERS.set_axis(pd.date_range("2024-01-31 12:30", periods=4, tz="UTC"), axis=1),
    "dates": dates(*(datetime.date(2024, 1, day) for day in range(1, 5))),
    "numbers": dates(0, 1, 2, 3),
    "levels of dates": NUMBERS.set_axis(
        pd.MultiIndex.from_product([["a", "b"], pd.date_range("2024", periods=2)], names=["what", "when"]), axis=1
    ),
    "polars categories": pl.DataFrame({"a": X[:40, 0], "b": X[:40, 1]}),
}


@pytest.mark.parametrize("frame", KEPT.values(), ids=KEPT.keys())
def test_columns_are_restored(frame):
    model = fit_frame(frame)
    loaded = save_and_load(model)
    before, after = model.reconstruct(frame), loaded.reconstruct(frame)
    if isinstance(frame, pl.DataFrame):
        assert before.equals(after)
        assert before.schema == after.schema
    else:
        pd.testing.assert_frame_equal(after, before)
        # pandas 2 makes nanoseconds of timestamps of another unit.
        assert (after.columns == frame.columns).all()
    np.testing.assert_array_equal(np.asarray(loaded.transform(frame)), np.asarray(model.transform(frame)))


PLAIN = {
    "sparse": (WHOLE.astype(pd.SparseDtype("float64", 0.0)), r"Sparse\[float64, 0\.0\]"),
    "decimals of pyarrow": (WHOLE.astype({"a": pd.ArrowDtype(pyarrow.decimal128(20, 2))}), "decimal128"),
    "decimals of polars": (
        pl.DataFrame({"a": list(map(decimal.Decimal, WHOLE["a"])), "b": X[:40, 1]}),
        "Decimal",
    ),
}


@pytest.mark.parametrize(("frame", "kind"), PLAIN.values(), ids=PLAIN.keys())
def test_other_types_are_restored_as_plain_numbers_with_a_warning(frame, kind):
    model = fit_frame(frame)
    with pytest.warns(UserWarning, match=f"cannot name the types .*{kind}.*plain numbers"):
        loaded = save_and_load(model)
    result = loaded.reconstruct(frame)
    assert str(result["a"].dtype).lower() in ("float32", "float64")
    np.testing.assert_allclose(np.asarray(result, dtype=float), np.asarray(model.reconstruct(frame), dtype=float))


def test_names_that_are_intervals_are_restored():
    frame = NUMBERS.set_axis(pd.interval_range(0, 4), axis=1)
    loaded = save_and_load(fit_frame(frame))
    assert list(loaded.reconstruct(frame).columns) == list(frame.columns)


@pytest.mark.parametrize(
    "names",
    [
        pd.period_range("2024-01", periods=4, freq="M"),
        pd.date_range("2024-01-31", periods=4, tz="Europe/Berlin"),
        pd.MultiIndex.from_product([["a", "b"], pd.period_range("2024-01", periods=2, freq="M")]),
    ],
    ids=["periods", "a time zone", "levels"],
)
def test_other_names_are_restored_as_text_with_a_warning(names):
    frame = NUMBERS.set_axis(names, axis=1)
    model = fit_frame(frame)
    with pytest.warns(UserWarning, match="cannot hold the names .*their text"):
        loaded = save_and_load(model)
    result = loaded.reconstruct(frame)
    np.testing.assert_array_equal(result.to_numpy(), model.reconstruct(frame).to_numpy())
    told = [tuple(map(str, name)) if isinstance(name, tuple) else str(name) for name in frame.columns]
    assert list(result.columns) == told


@pytest.mark.parametrize(
    "name",
    [
        {"date": ["Timestamp", "now", "ns"]},
        {"date": ["Timestamp", "2024-01-01", "years"]},
        {"date": ["Timestamp", "2024-99-99", "ns"]},
        {"date": ["timedelta", "2024-01-01", None]},
        {"date": ["date", "2024-01-01T00:00:00", None]},
        {"date": ["date", "2024-01-01"]},
        {"date": "2024-01-01"},
        {"date": ["Timestamp", "2024-01-01T00:00:00+01:00", "ns"]},
    ],
)
def test_invalid_dates_are_refused(name, path):
    save(fit_frame(KEPT["dates"]), path)
    stored = read(path)
    columns = [[name, kind] for _, kind in stored.content["frame"]["columns"]]
    content = {**stored.content, "frame": {**stored.content["frame"], "columns": columns}}
    repack(path, content, stored.arrays())
    assert_refused(path)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_reconstructions_of_data_frames_are_data_frames(library, path):
    data = FRAME if library == "pandas" else pl.DataFrame({"a": np.arange(60), "b": np.linspace(0, 1, 60)})
    estimator = fit_model({"architecture": SMALL}, data).set_output(transform=library)
    loaded = save_and_load(estimator, path)
    assert loaded.transform(data).equals(estimator.transform(data))
    assert loaded.reconstruct(data).equals(estimator.reconstruct(data))
    assert list(loaded.reconstruct(data).dtypes) == list(data.dtypes)
