"""AutoencoderImputer fills categories, booleans and dates; known values and types stay."""

import functools
import io

import numpy as np
import pandas as pd
import polars as pl
import pyarrow.dataset
import pytest
from sklearn import config_context
from sklearn.base import clone

import skae
from skae import AutoencoderImputer, AutoencoderTransformer

RANDOM = np.random.RandomState(0)
HIDDEN = RANDOM.randn(150)
COMPLETE = pd.DataFrame(
    {
        "income": 3e4 + 1e4 * HIDDEN + 1e3 * RANDOM.randn(150),
        "children": pd.array(np.clip(np.round(2 + HIDDEN), 0, 5), dtype="Int64"),
        "owner": pd.array(HIDDEN > 0, dtype="boolean"),
        "city": np.where(HIDDEN > 0.5, "Paris", np.where(HIDDEN > -0.5, "Oslo", "")),
        "size": pd.Categorical(np.where(HIDDEN > 0, "L", "S"), ["S", "M", "L"], ordered=True),
        "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(np.round(100 * HIDDEN), unit="D"),
    },
    index=np.arange(150) + 7,
)
GAPS = COMPLETE.copy()
for number, column in enumerate(GAPS.columns):
    GAPS.loc[GAPS.index[number::12], column] = None
IMPUTER = AutoencoderImputer(AutoencoderTransformer(2, max_epochs=3, early_stopping=False), random_state=0)
LIBRARIES = {"pandas": lambda f: f, "polars": pl.from_pandas, "pyarrow": lambda f: pl.from_pandas(f).to_arrow()}


def to_pandas(table):
    """By polars: older versions of pyarrow do not convert the categories of polars."""
    return (table if isinstance(table, pl.DataFrame) else pl.from_arrow(table)).to_pandas()


@pytest.mark.parametrize("library", LIBRARIES)
def test_gaps_are_filled_and_known_values_and_types_stay(library):
    gaps = LIBRARIES[library](GAPS)
    filled = IMPUTER.fit_transform(gaps)
    assert type(filled) is type(gaps)
    found = filled
    if library == "pandas":
        pd.testing.assert_series_equal(filled.dtypes, gaps.dtypes)
        pd.testing.assert_index_equal(filled.index, gaps.index)
    else:
        assert filled.schema == gaps.schema
        found = to_pandas(filled)
    for name in GAPS.columns:
        missing = GAPS[name].isna().to_numpy()
        assert found[name].notna().all()
        assert found[name].to_numpy()[~missing].tolist() == COMPLETE[name].to_numpy()[~missing].tolist()
        if name in ("owner", "city", "size"):
            assert (found[name].to_numpy() == COMPLETE[name].to_numpy())[missing].mean() > 0.7


def test_draws_are_categories_and_files_hold_mixed_tables():
    fitted = IMPUTER.set_params(sample_posterior=True).fit(GAPS)
    filled = fitted.transform(GAPS)
    assert set(filled["city"]) <= {"Paris", "Oslo", ""}
    file = io.BytesIO()
    skae.save(fitted, file)
    file.seek(0)
    loaded = skae.load(file)
    pd.testing.assert_frame_equal(loaded.transform(GAPS), filled)
    assert fitted.autoencoder_.reconstruct(GAPS).dtypes.equals(GAPS.dtypes)
    IMPUTER.set_params(sample_posterior=False)


def test_chosen_categories_of_arrays_are_filled():
    X = np.column_stack([HIDDEN, np.digitize(HIDDEN, [-0.5, 0.5]).astype(float)])
    gaps = X.copy()
    gaps[::9, 1] = np.nan
    imputer = AutoencoderImputer(AutoencoderTransformer(1, categorical_features=[1], max_epochs=2), random_state=0)
    filled = imputer.fit_transform(gaps)
    assert set(filled[:, 1]) <= {0, 1, 2}
    np.testing.assert_array_equal(filled[~np.isnan(gaps)], X[~np.isnan(gaps)])


def test_placeholders_of_numbers_are_refused():
    with pytest.raises(ValueError, match="missing_values=-1 is for tables of numbers, but X has categories"):
        AutoencoderImputer(missing_values=-1).fit(GAPS)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("is_mixed", [True, False])
def test_indicators_are_columns_of_booleans_beside_columns_of_their_types(library, is_mixed):
    gaps = LIBRARIES[library](GAPS if is_mixed else GAPS[["income", "children"]])
    imputer = clone(IMPUTER).set_params(add_indicator=True)
    if library != "pyarrow":
        imputer.set_output(transform=library)
    elif not is_mixed:
        return  # set_output has no tables of pyarrow
    filled = imputer.fit_transform(gaps)
    names = list(filled.column_names if library == "pyarrow" else filled.columns)
    assert names[-1] == ("missingindicator_since" if is_mixed else "missingindicator_children")
    n = len(names) // 2
    assert names[:n] == list(GAPS.columns[:n])
    found = filled if library == "pandas" else to_pandas(filled)
    np.testing.assert_array_equal(found.to_numpy()[:, n:].astype(bool), GAPS.isna().to_numpy()[:, :n])
    if library == "pandas":
        pd.testing.assert_series_equal(filled.dtypes.iloc[:n], gaps.dtypes)
        pd.testing.assert_index_equal(filled.index, gaps.index)


LAZY = {
    "LazyFrame": lambda table: table.lazy(),
    "RecordBatch": lambda table: table.to_arrow().to_batches()[0],
    "pyarrow dataset": lambda table: pyarrow.dataset.dataset(table.to_arrow()),
}


@pytest.mark.parametrize("container", LAZY.values(), ids=LAZY.keys())
def test_tables_that_are_read_first_are_filled_as_their_data_frames(container):
    table = pl.from_pandas(GAPS)
    given = container(table)
    filled = clone(IMPUTER).fit(given).transform(given)
    expected = to_pandas(clone(IMPUTER).fit_transform(table))
    pd.testing.assert_frame_equal(to_pandas(filled), expected, check_dtype=False, check_categorical=False)


def test_output_in_another_library_has_plain_types():
    filled = clone(IMPUTER).set_output(transform="polars").fit_transform(GAPS)
    assert isinstance(filled, pl.DataFrame)
    assert filled.columns == list(GAPS.columns)
    assert filled.null_count().sum_horizontal()[0] == 0
    assert filled["city"].dtype == pl.String


CHANGED = {
    "text": ["1", None, "2"],
    "text in objects": pd.Series(["1", None, "2"], dtype=object),
    "text of pyarrow": pd.array(["1", None, "2"], dtype="string[pyarrow]"),
    "categories": pd.Categorical([1.0, None, 2.0]),
}


@pytest.mark.parametrize("values", CHANGED.values(), ids=CHANGED.keys())
@pytest.mark.parametrize("is_mixed", [True, False])
def test_numbers_that_are_now_text_or_categories_are_refused_by_name(values, is_mixed):
    table = {"x": np.arange(60.0) % 3, "n": np.arange(60.0) // 10} | ({"c": list("abc") * 20} if is_mixed else {})
    rows = pd.DataFrame({"x": values, "n": [1.0, 2.0, 3.0]} | ({"c": list("abc")} if is_mixed else {}))
    for library in ("pandas", "polars") if values is not CHANGED["categories"] else ("pandas",):
        imputer = clone(IMPUTER).set_output(transform=library).fit(LIBRARIES[library](pd.DataFrame(table)))
        with pytest.raises(ValueError, match="Column 'x' of X held numbers in fit"):
            imputer.transform(LIBRARIES[library](rows))


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", GAPS.columns)
def test_columns_without_a_value_get_the_fitted_type_if_theirs_cannot_hold_estimates(library, name):
    gaps = LIBRARIES[library](GAPS)
    imputer = fitted_on_gaps(library)
    rows = GAPS.head(4).drop(columns=name)
    rows.insert(GAPS.columns.get_loc(name), name, np.full(4, np.nan))
    rows = LIBRARIES[library](rows)
    if library == "polars":
        rows = rows.with_columns(pl.lit(None).alias(name))
    filled = imputer.transform(rows)
    if library == "pandas":
        assert filled[name].notna().all()
        assert filled[name].dtype == (np.float64 if name in ("income", "children", "owner") else GAPS[name].dtype)
    else:
        assert filled[name].null_count == 0 if library == "pyarrow" else filled[name].null_count() == 0
        if library == "polars":
            assert filled.schema[name] == gaps.schema[name]


@functools.cache
def fitted_on_gaps(library):
    return clone(IMPUTER).fit(LIBRARIES[library](GAPS))


def fitted_on_categories(library):
    """An imputer fitted to numbers, counts and a category of three levels."""
    table = {"x": np.arange(60.0) % 3, "n": np.arange(60) // 10, "c": list("abc") * 20, "b": [True, False] * 30}
    frame = pd.DataFrame(table).astype({"c": "category"})
    frame = pl.from_pandas(frame) if library == "polars" else frame
    autoencoder = AutoencoderTransformer(2, max_epochs=2, early_stopping=False, random_state=0)
    return AutoencoderImputer(autoencoder, random_state=0).fit(frame)


def test_estimated_categories_that_x_does_not_list_are_added():
    imputer = fitted_on_categories("pandas")
    given = pd.Categorical(["a", None, None])
    rows = pd.DataFrame({"x": [0.0, 1.0, 2.0], "n": [0, 1, 2], "c": given, "b": [True] * 3})
    filled = imputer.transform(rows)["c"]
    assert filled.notna().all()
    assert filled[0] == "a"
    assert filled.dtype.name == "category"


@pytest.mark.parametrize("dtype", [pl.Null, pl.Enum(["a"])])
def test_columns_of_polars_that_cannot_hold_estimates_are_filled(dtype):
    imputer = fitted_on_categories("polars")
    rows = pl.DataFrame({"x": [0.0, 1.0, 2.0], "n": [0, 1, 2], "c": pl.Series([None] * 3, dtype=dtype)})
    rows = rows.with_columns(b=pl.lit(None))
    filled = imputer.transform(rows)
    assert filled.null_count().sum_horizontal()[0] == 0
    assert set(filled["c"].cast(pl.String)) <= {"a", "b", "c"}


def test_missing_integers_of_a_float_column_become_integers():
    rows = pd.DataFrame({"x": [0.0, 1.0], "n": [np.nan, 3.0], "c": pd.Categorical(["a", "b"]), "b": [True, False]})
    filled = fitted_on_categories("pandas").transform(rows)["n"]
    assert filled[0] == round(filled[0])
    assert filled[1] == 3.0


def test_tables_are_read_if_the_configuration_asks_for_data_frames():
    with config_context(transform_output="pandas"):
        imputer = fitted_on_categories("pandas")
        rows = pd.DataFrame({"x": [0.0], "n": [np.nan], "c": pd.Categorical(["a"]), "b": [True]})
        assert imputer.transform(rows).notna().all(axis=None)
