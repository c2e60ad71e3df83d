"""The form of a fitted data frame in a file: types and names as far as a file holds them, a warning for the rest."""

import datetime
import decimal
import io

import numpy as np
import pandas as pd
import polars as pl
import pyarrow
import pytest

import skae
from skae import AutoencoderTransformer, Dense, ModelFileError
from skae._serialization import container

X = np.random.RandomState(0).standard_normal((40, 3)) @ np.random.RandomState(1).standard_normal((3, 4))
NUMBERS = pd.DataFrame(X, columns=list("abcd"))
WHOLE = (10 * NUMBERS).round()


def fitted(frame):
    library = "polars" if isinstance(frame, pl.DataFrame) else "pandas"
    model = AutoencoderTransformer(2, architecture=Dense((4,)), max_epochs=1, random_state=0)
    return model.set_output(transform=library).fit(frame)


def again(model):
    file = io.BytesIO()
    skae.save(model, file)
    file.seek(0)
    return skae.load(file)


def dates(*names):
    return NUMBERS.set_axis(list(names), axis=1)


KEPT = {
    "category": WHOLE.astype({"a": "category"}),
    "categories of text": pd.DataFrame({"a": pd.Categorical(["1", "2"] * 20), "b": X[:, 1]}),
    "pyarrow": WHOLE.abs().astype(
        {"a": "int64[pyarrow]", "b": "double[pyarrow]", "c": "float[pyarrow]", "d": "uint8[pyarrow]"}
    ),
    "pyarrow booleans": NUMBERS.assign(e=pd.array(X[:, 0] > 0, dtype="bool[pyarrow]")),
    "timestamps": NUMBERS.set_axis(pd.date_range("2024-01-31", periods=4, freq="ME"), axis=1),
    "timestamps of another unit": NUMBERS.set_axis(pd.date_range("2024-01-31", periods=4).as_unit("ms"), axis=1),
    "timestamps of UTC": NUMBERS.set_axis(pd.date_range("2024-01-31 12:30", periods=4, tz="UTC"), axis=1),
    "dates": dates(*(datetime.date(2024, 1, day) for day in range(1, 5))),
    "numbers": dates(0, 1, 2, 3),
    "levels of dates": NUMBERS.set_axis(
        pd.MultiIndex.from_product([["a", "b"], pd.date_range("2024", periods=2)], names=["what", "when"]), axis=1
    ),
    "polars categories": pl.DataFrame({"a": X[:, 0], "b": X[:, 1]}),
}


@pytest.mark.parametrize("frame", KEPT.values(), ids=KEPT.keys())
def test_comes_back_as_it_was(frame):
    model = fitted(frame)
    loaded = again(model)
    before, after = model.reconstruct(frame), loaded.reconstruct(frame)
    if isinstance(frame, pl.DataFrame):
        assert before.equals(after)
        assert before.schema == after.schema
    else:
        pd.testing.assert_frame_equal(after, before)
        assert after.columns.equals(frame.columns)
    np.testing.assert_array_equal(np.asarray(loaded.transform(frame)), np.asarray(model.transform(frame)))


PLAIN = {
    "sparse": (WHOLE.astype(pd.SparseDtype("float64", 0.0)), r"Sparse\[float64, 0\.0\]"),
    "decimals of pyarrow": (WHOLE.astype({"a": pd.ArrowDtype(pyarrow.decimal128(20, 2))}), "decimal128"),
    "decimals of polars": (pl.DataFrame({"a": [decimal.Decimal(int(n)) for n in WHOLE["a"]], "b": X[:, 1]}), "Decimal"),
}


@pytest.mark.parametrize(("frame", "kind"), PLAIN.values(), ids=PLAIN.keys())
def test_other_types_come_back_as_plain_numbers_with_a_warning(frame, kind):
    model = fitted(frame)
    with pytest.warns(UserWarning, match=f"cannot name the types .*{kind}.*plain numbers"):
        loaded = again(model)
    result = loaded.reconstruct(frame)
    assert str(result["a"].dtype).lower() in ("float32", "float64")
    np.testing.assert_allclose(np.asarray(result, dtype=float), np.asarray(model.reconstruct(frame), dtype=float))


@pytest.mark.parametrize(
    "names",
    [
        pd.period_range("2024-01", periods=4, freq="M"),
        pd.date_range("2024-01-31", periods=4, tz="Europe/Berlin"),
        pd.interval_range(0, 4),
        pd.MultiIndex.from_product([["a", "b"], pd.period_range("2024-01", periods=2, freq="M")]),
    ],
    ids=["periods", "a time zone", "intervals", "levels"],
)
def test_other_names_come_back_as_their_text_with_a_warning(names):
    frame = NUMBERS.set_axis(names, axis=1)
    model = fitted(frame)
    with pytest.warns(UserWarning, match="cannot hold the names .*their text"):
        loaded = again(model)
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
def test_dates_that_are_none_are_refused(name, tmp_path):
    path = tmp_path / "model.skae"
    skae.save(fitted(KEPT["dates"]), path)
    stored = container.read(str(path))
    columns = [[name, kind] for _, kind in stored.content["frame"]["columns"]]
    content = {**stored.content, "frame": {**stored.content["frame"], "columns": columns}}
    path.write_bytes(container.packed(content, stored.arrays()))
    with pytest.raises(ModelFileError):
        skae.load(path)
