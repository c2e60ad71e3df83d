"""Model files of tables with categories, booleans and dates."""

import copy
import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from model_files import assert_refused, read, repack, save_and_load, small_autoencoder
from skae import AutoencoderNovelty, save

N = 40
NUMBERS = np.random.RandomState(0).randn(N)
DAYS = [datetime.date(2024, 1, 1) + datetime.timedelta(days=int(abs(50 * number))) for number in NUMBERS]
LETTERS = np.where(NUMBERS > 0, "a", "ü").astype(object)
MONTHS = pd.Categorical(pd.to_datetime(np.where(NUMBERS > 0, "2024-01-01", "2024-02-01")))
PANDAS = pd.DataFrame(
    {
        "number": NUMBERS,
        "text": [*LETTERS[:-1], "once"],
        "objects": np.array(LETTERS, dtype=object),
        "category": pd.Categorical(LETTERS, ["ü", "a", "unused"], ordered=True),
        "digit": pd.Categorical((NUMBERS > 0).astype("int8")),
        "half": pd.Categorical(np.where(NUMBERS > 0, 0.5, 1.5)),
        "answer": pd.Categorical(NUMBERS > 0),
        "month": MONTHS,
        "part": pd.cut(NUMBERS, 3),
        "span of days": pd.cut(pd.Series(pd.to_datetime(DAYS)), 2),
        "flag": NUMBERS > 0,
        "booleans": np.array(list(NUMBERS > 0), dtype=object),
        "string": pd.array(LETTERS, dtype="string"),
        "arrow": pd.array(LETTERS, dtype=pd.ArrowDtype(pa.string())),
        "dictionary": pd.array(LETTERS.tolist(), dtype=pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string()))),
        "day": pd.to_datetime(DAYS).as_unit("s"),
        "zone": pd.to_datetime(DAYS).tz_localize("Europe/Berlin"),
        "arrow time": pd.array(DAYS, dtype="timestamp[us][pyarrow]"),
        "arrow day": pd.array(DAYS, dtype="date32[pyarrow]"),
        "span": pd.to_timedelta(np.arange(N), unit="h"),
    }
)
POLARS = pl.DataFrame(
    {
        "number": NUMBERS,
        "text": LETTERS.tolist(),
        "category": pl.Series(LETTERS.tolist(), dtype=pl.Categorical),
        "enum": pl.Series(LETTERS.tolist(), dtype=pl.Enum(["ü", "a", "unused"])),
        "flag": NUMBERS > 0,
        "day": DAYS,
        "time": pl.Series(DAYS).cast(pl.Datetime("ms", "Europe/Berlin")),
        "naive": pl.Series(DAYS).cast(pl.Datetime("us")),
        "span": pl.Series(np.arange(N)).cast(pl.Duration("ms")),
    }
)
ARROW = pa.table(
    {
        "number": NUMBERS,
        "text": LETTERS.tolist(),
        "category": pa.array(LETTERS.tolist()).dictionary_encode(),
        "day": DAYS,
        "time": pa.array(range(N), pa.timestamp("ms", tz="Europe/Berlin")),
        "span": pa.array(range(N), pa.duration("s")),
        "small": pa.array(range(N), pa.uint8()),
    }
)
TABLES = {"pandas": PANDAS, "polars": POLARS, "pyarrow": ARROW}


@pytest.mark.parametrize("library", TABLES)
def test_a_loaded_table_comes_back_with_its_types(library):
    table = TABLES[library]
    model = small_autoencoder(random_state=1).fit(table)
    loaded = save_and_load(model)
    np.testing.assert_array_equal(loaded.transform(table), model.transform(table))
    np.testing.assert_array_equal(loaded.score_samples(table), model.score_samples(table))
    before, after = model.reconstruct(table), loaded.reconstruct(table)
    sampled = [estimator.sample(30, random_state=0) for estimator in (model, loaded)]
    if library == "pandas":
        pd.testing.assert_frame_equal(after, before)
        pd.testing.assert_frame_equal(*sampled)
        assert after.dtypes.equals(table.dtypes)
    else:
        assert after.equals(before)
        assert sampled[0].equals(sampled[1])
        assert after.schema == before.schema == table.schema
    assert loaded.encoded_feature_names_.tolist() == model.encoded_feature_names_.tolist()
    assert str(loaded.summary()) == str(model.summary())
    assert loaded._result.schema.encoder.columns == model._result.schema.encoder.columns


@pytest.mark.parametrize("chosen", [[1], np.array([False, True]), ("b",), np.array(["b"])])
def test_chosen_categories_are_stored(chosen):
    frame = pd.DataFrame({"a": NUMBERS, "b": np.arange(N) % 3})
    model = small_autoencoder(categorical_features=chosen).fit(frame)
    loaded = save_and_load(model)
    assert list(loaded.categorical_features) == list(chosen)
    pd.testing.assert_frame_equal(loaded.reconstruct(frame), model.reconstruct(frame))
    pd.testing.assert_frame_equal(loaded.fit(frame).reconstruct(frame), model.fit(frame).reconstruct(frame))


def test_categories_of_an_array_are_stored():
    X = np.column_stack([NUMBERS, np.arange(N) % 3])
    model = small_autoencoder(categorical_features=[1]).fit(X)
    np.testing.assert_array_equal(save_and_load(model).reconstruct(X), model.reconstruct(X))


def test_novelty_detectors_of_tables_are_stored():
    frame = PANDAS[["number", "text", "digit", "day"]]
    model = AutoencoderNovelty(small_autoencoder(), n_members=2, random_state=0).fit(frame)
    loaded = save_and_load(model)
    np.testing.assert_array_equal(loaded.score_samples(frame), model.score_samples(frame))
    pd.testing.assert_frame_equal(loaded.explain(frame), model.explain(frame))


def test_dates_and_text_of_other_types_are_restored_with_a_warning():
    days = pa.array(DAYS, pa.date64())
    table = ARROW.select(["number", "text"]).append_column("day", days).append_column("view", ARROW["text"])
    table = table.set_column(3, "view", pa.array(table["view"].to_pylist(), pa.string_view()))
    model = small_autoencoder().fit(table)
    assert model.reconstruct(table).schema == table.schema
    with pytest.warns(UserWarning, match=r"cannot name the types .*date64.*string_view"):
        loaded = save_and_load(model)
    before, after = model.reconstruct(table), loaded.reconstruct(table)
    assert after["view"].to_pylist() == before["view"].to_pylist()
    assert [day.date() for day in after["day"].to_pylist()] == before["day"].to_pylist()


def test_categories_that_a_file_cannot_hold_are_named():
    frame = PANDAS[["number"]].assign(part=pd.Categorical(pd.to_datetime(DAYS).to_period("M")))
    with pytest.raises(TypeError, match=r"column 'part' holds Period.*which a model file cannot hold"):
        save(small_autoencoder().fit(frame), "unused")


def change(*keys, value):
    def changed(content):
        part = content
        for key in keys[:-1]:
            part = part[key]
        part[keys[-1]] = value

    return changed


DAMAGES = {
    "a category too many": change("table", 1, "categories", value=["a", "b", "c", "d", "e"]),
    "categories without order": change("table", 1, "categories", value=["ü", "once", "a"]),
    "categories twice": change("table", 1, "categories", value=["a", "a", "ü"]),
    "categories of two types": change("table", 1, "categories", value=["a", "b", 3]),
    "lists as categories": change("table", 1, "categories", value=[[], ["a"], ["b"]]),
    "no categories": change("table", 1, value={"categories": [], "counts": []}),
    "negative counts": change("table", 1, "counts", value=[10, -10, 1]),
    "counts of other categories": change("table", 1, "counts", value=[20, 20]),
    "an unknown kind of column": change("table", 1, value={"places": []}),
    "an unknown kind of dates": change("table", 3, "dates", value=["X", "s"]),
    "an unknown unit": change("table", 3, "dates", value=["M", "Y"]),
    "a zone that is no boolean": change("table", 3, "has_zone", value=1),
    "an interval of text": change("table", 1, "categories", 0, value={"interval": ["a", "b", "right"]}),
    "an interval that is open at no side": change("table", 1, "categories", 0, value={"interval": [0, 1, "up"]}),
    "a step of zero": change("table", 3, "step", value=0),
    "dates outside int64": change("table", 3, "origin", value=2**63),
    "a missing column": change("table", value=[None]),
    "no table": change("layout", "columns", value=None),
    "other sizes": change("layout", "columns", 1, 0, value=2),
    "sizes that are too large": change("layout", "columns", 1, 0, value=10**9),
    "booleans as numbers": change("layout", "columns", 0, 1, value=True),
    "an unknown type": change("frame", "columns", 3, 1, value="datetime64[Y]"),
    "a type that is code": change("frame", "columns", 3, 1, value="os.system"),
    "an unknown kind of type": change("frame", "columns", 2, 1, value={"enum": ["a"]}),
    "categories of an unknown type": change("frame", "columns", 2, 1, value={"category": ["os", ["a"], False]}),
}


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "model.skae"
    save(small_autoencoder().fit(PANDAS[["number", "text", "category", "day"]]), path)
    return read(path)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damaged_tables_are_refused(stored, path, damage):
    content = copy.deepcopy(stored.content)
    damage(content)
    assert content != stored.content
    repack(path, content, stored.arrays())
    assert_refused(path)
