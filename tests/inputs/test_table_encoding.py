"""Columns of data frames and arrays as numbers and back: categories, dates, booleans."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from skae._inputs.schema import read_samples
from skae._inputs.table_columns import Categories, Dates
from skae._inputs.table_encoding import TableEncoder

SIZES = ["S", "M", "L", "S"]
FRAME = pd.DataFrame(
    {
        "number": [1.5, 2.5, 3.5, 4.5],
        "count": np.array([1, 2, 3, 250], dtype="uint8"),
        "flag": [True, False, True, True],
        "text": ["a", "", "ü", "a"],
        "objects": np.array(["x", "y", "x", "x"], dtype=object),
        "size": pd.Categorical(SIZES, ["S", "M", "L", "XL"], ordered=True),
        "digit": pd.Categorical([3, 1, 3, 2]),
        "half": pd.Categorical([0.5, 1.5, 0.5, 1.5]),
        "answer": pd.Categorical([True, False, True, True]),
        "month": pd.Categorical(pd.to_datetime(["2024-01-01", "2024-02-01", "2024-01-01", "2024-03-01"])),
        "part": pd.cut(pd.Series([1, 2, 3, 4]), 2),
        "objects of booleans": np.array([True, False, True, True], dtype=object),
        "nullable": pd.array([True, False, True, True], dtype="boolean"),
        "Int64": pd.array([1, 2, 3, 4], dtype="Int64"),
        "string": pd.array(["p", "q", "p", "p"], dtype="string"),
        "arrow text": pd.array(["p", "q", "p", "p"], dtype=pd.ArrowDtype(pa.string())),
        "arrow category": pd.array(["p", "q", "p", "p"], dtype=pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))),
        "day": pd.to_datetime(["2024-01-01", "2024-01-04", "2024-02-01", "1999-12-31"]),
        "second": pd.to_datetime(["2024-01-01", "2024-01-04", "2024-02-01", "1999-12-31"]).as_unit("s"),
        "zone": pd.to_datetime(["2024-01-01", "2024-01-04", "2024-07-01", "2023-12-31"]).tz_localize("Europe/Berlin"),
        "span": pd.to_timedelta([1, 2, 3, 40], unit="h"),
        "arrow day": pd.array([datetime.date(2024, 1, day) for day in (1, 2, 3, 9)], dtype="date32[pyarrow]"),
        "arrow time": pd.array(pd.date_range("2024-01-01", periods=4), dtype="timestamp[us][pyarrow]"),
    }
)
POLARS = pl.DataFrame(
    {
        "number": pl.Series([1.5, 2.5, 3.5, 4.5], dtype=pl.Float32),
        "flag": [True, False, True, True],
        "text": ["a", "", "ü", "a"],
        "size": pl.Series(SIZES, dtype=pl.Enum(["S", "M", "L", "XL"])),
        "category": pl.Series(SIZES, dtype=pl.Categorical),
        "day": [datetime.date(2024, 1, day) for day in (1, 2, 3, 9)],
        "time": pl.Series([datetime.datetime(2024, 1, day) for day in (1, 2, 3, 9)], dtype=pl.Datetime("ms")),
        "zone": pl.Series([datetime.datetime(2024, 1, day) for day in (1, 2, 3, 9)]).dt.replace_time_zone("UTC"),
        "span": [datetime.timedelta(hours=hours) for hours in (1, 2, 3, 9)],
    }
)


def round_trip(X, categorical_features="from_dtype", **params):
    rows, schema = read_samples("AutoencoderTransformer", X, categorical_features)
    assert rows.dtype == np.float64
    return schema.restore(rows, **params)


@pytest.mark.parametrize("name", FRAME.columns)
def test_columns_of_pandas_come_back(name):
    frame = FRAME[[name]].assign(other=["u", "v", "u", "u"]).set_index(np.arange(4) + 10)
    pd.testing.assert_frame_equal(round_trip(frame, index=frame.index), frame)


@pytest.mark.parametrize("name", POLARS.columns)
def test_columns_of_polars_come_back(name):
    frame = POLARS.select(name, other=pl.Series(["u", "v", "u", "u"]))
    restored = round_trip(frame)
    assert restored.schema == frame.schema
    assert restored.equals(frame)


def test_tables_of_pyarrow_come_back():
    table = pa.table(
        {
            "number": pa.array([1.5, 2.5, 3.5, 4.5], pa.float32()),
            "count": pa.array([1, 2, 3, 250], pa.uint8()),
            "flag": [True, False, True, True],
            "text": pa.array(["a", "", "ü", "a"], pa.large_string()),
            "category": pa.array(SIZES).dictionary_encode(),
            "numbers": pa.array([3, 1, 3, 2], pa.int16()).dictionary_encode(),
            "day": pa.array([datetime.date(2024, 1, day) for day in (1, 2, 3, 9)]),
            "zone": pa.array([0, 1, 2, 9], pa.timestamp("ms", tz="Europe/Berlin")),
            "span": pa.array([0, 1, 2, 9], pa.duration("s")),
        }
    )
    restored = round_trip(table)
    assert restored.schema == table.schema
    assert restored.equals(table)


def test_missing_entries_of_dictionaries_of_pyarrow_are_missing():
    table = pa.table({"k": pa.array(["a", None, "b", "a"]).dictionary_encode(), "text": ["x", None, "y", "x"]})
    rows, _ = read_samples("AutoencoderTransformer", table, "from_dtype")
    np.testing.assert_array_equal(rows, [[0, 0], [np.nan, np.nan], [1, 1], [0, 0]])


def test_another_library_gets_plain_types():
    restored = round_trip(FRAME[["text", "size", "flag", "day", "count"]], library="polars")
    assert restored["size"].to_list() == SIZES
    assert restored.dtypes[2] == pl.Boolean
    assert isinstance(restored.dtypes[3], pl.Datetime)  # pandas before 3 has nanoseconds
    restored = round_trip(POLARS, library="pandas")
    assert restored["category"].tolist() == SIZES
    assert restored["zone"].dtype.kind == "M"


@pytest.mark.parametrize("chosen", [[1], [False, True], ["b"]])
@pytest.mark.parametrize("library", [pd, pl])
def test_numbers_are_categories_if_they_are_chosen(chosen, library):
    frame = library.DataFrame({"a": [1.5, 2.5, 3.5], "b": [7, 9, 7]})
    encoder = TableEncoder.learn(frame, chosen)
    assert encoder.columns == (None, Categories((7, 9), (2, 1)))
    assert round_trip(frame, chosen).equals(frame)


@pytest.mark.parametrize("kind", [np.asarray, list])
def test_arrays_have_categories_if_columns_are_chosen(kind):
    X = kind([[1.5, 7.0], [2.5, 9.0], [3.5, 7.0]])
    assert TableEncoder.learn(X) is None
    np.testing.assert_array_equal(round_trip(X, [1]), X)
    mixed = np.array([[1.5, "a"], [2.5, "b"]], dtype=object)
    restored = round_trip(mixed if kind is np.asarray else mixed.tolist(), [1])
    assert restored.tolist() == mixed.tolist()


@pytest.mark.parametrize("frame", [FRAME[["number", "count", "Int64"]], POLARS[["number"]]])
def test_tables_of_numbers_have_no_encoder(frame):
    assert TableEncoder.learn(frame) is None


@pytest.mark.parametrize("frame", [FRAME[["number", "flag", "nullable"]], POLARS[["flag"]]])
def test_booleans_come_back_unless_no_column_is_to_be_converted(frame):
    assert round_trip(frame).equals(frame)
    assert TableEncoder.learn(frame, None) is None
    assert TableEncoder.learn(frame, []) is None


@pytest.mark.parametrize("kind", [lambda X: X, list])
def test_masked_categories_are_missing(kind):
    X = np.ma.MaskedArray([[1, 7], [2, 9], [3, 7]], mask=[[0, 0], [0, 1], [0, 0]])
    rows, schema = read_samples("AutoencoderTransformer", kind(X), [1])
    assert schema.encoder.columns[1] == Categories((7,), (2,))
    np.testing.assert_array_equal(rows, [[1, 0], [2, np.nan], [3, 0]])


def test_without_categorical_features_there_are_only_dates():
    encoder = TableEncoder.learn(FRAME[["digit", "day"]], None)
    assert [type(column) for column in encoder.columns] == [type(None), Dates]
    assert TableEncoder.learn(FRAME[["digit", "number"]], None) is None


def test_rare_categories_share_a_code_and_unknown_ones_are_like_them():
    values = np.array(["a"] * 5 + ["b"] * 4 + ["c", "d"], dtype=object)
    column = Categories.learn("x", values)
    assert column.size == 3
    assert column.encode("x", np.array(["a", "b", "c", "d", "new", None], dtype=object)).tolist()[:5] == [
        0,
        1,
        2,
        2,
        -2,
    ]
    assert np.isnan(column.encode("x", np.array([None, np.nan, pd.NA, pd.NaT], dtype=object))).all()
    assert column.decode(np.array([0.0, 1, 2])).tolist() == ["a", "b", "c"]
    drawn = column.decode(np.full(400, 2.0), np.random.RandomState(0)).tolist()
    assert 150 < drawn.count("c") < 250
    assert set(drawn) == {"c", "d"}


def test_unknown_categories_have_no_code_if_none_is_rare():
    column = Categories.learn("x", np.array(["a", "b"] * 5, dtype=object))
    assert column.encode("x", np.array(["b", "c"], dtype=object)).tolist() == [1, -1]


def test_no_category_is_rare_if_all_but_one_would_be():
    column = Categories.learn("x", np.array(["a", "a", "b", "c"], dtype=object))
    assert column.size == 3
    assert Categories.learn("x", np.array(list("abcdef"), dtype=object)).size == 6


def test_the_rarest_thousandth_is_rare():
    values = np.array(["a"] * 3000 + ["b"] * 2990 + ["c"] * 5 + ["d"] * 7, dtype=object)
    assert Categories.learn("x", values).is_rare.tolist() == [False, False, True, False]


@pytest.mark.parametrize("unit", ["D", "s", "ns"])
def test_dates_are_shares_of_their_range_rounded_to_their_step(unit):
    days = np.array(["2024-01-01", "2024-01-08", "2024-03-04", "NaT"], dtype=f"datetime64[{unit}]")
    dates = Dates.learn(days)
    shares = dates.encode("day", days)
    np.testing.assert_allclose(shares[:3], [0, 1 / 9, 1])
    assert np.isnan(shares[3])
    np.testing.assert_array_equal(dates.decode(shares[:3] + 0.04), days[:3])
    weeks = dates.decode(np.array([0.2, 2.0, -1e30, 1e30]))
    assert weeks[:2].tolist() == np.array(["2024-01-15", "2024-05-06"], dtype=f"datetime64[{unit}]").tolist()
    assert weeks[2].astype("datetime64[Y]").astype(int) + 1970 == 1678
    assert weeks[3].astype("datetime64[Y]").astype(int) + 1970 == 2261


def test_dates_of_another_unit_are_converted():
    dates = Dates.learn(np.array(["2024-01-01", "2024-01-08"], dtype="datetime64[s]"))
    np.testing.assert_allclose(dates.encode("day", np.array(["2024-01-08"], dtype="datetime64[ns]")), [1])


def test_names_of_features():
    values = ["a"] * 5 + ["b"] * 4 + ["c", "d"]
    encoder = TableEncoder.learn(pd.DataFrame({"n": range(11), "k": values, "s": pd.Categorical([1] * 6 + [2] * 5)}))
    assert encoder.feature_names == ("n", "k=a", "k=b", "k=others", "s=1", "s=2")
    assert encoder.describe() == "1 of numbers, 2 of categories (6 features)"


BAD = {
    "mixed types": (["a", 1, "b", 2], TypeError, "Column 'bad' of X mixes values of types int and str.*astype"),
    "mixed categories": (pd.Categorical(["a", 1, "a", 1]), TypeError, "Column 'bad' of X mixes values"),
    "periods": (
        pd.period_range("2024", periods=4, freq="M"),
        TypeError,
        "Column 'bad' of X holds .*Period.*datetime64",
    ),
    "dates of Python": ([datetime.date(2024, 1, 1)] * 4, TypeError, "Column 'bad' of X has dtype date.*to_datetime"),
    "times": ([datetime.time(1)] * 4, TypeError, "Column 'bad' of X has dtype time"),
    "vectors": ([[1, 2]] * 4, ValueError, "Column 'bad' of X holds vectors"),
    "dicts": ([{}] * 4, TypeError, "Column 'bad' of X holds {} of type dict"),
    "bytes": ([b"a"] * 4, TypeError, "Column 'bad' of X holds b'a' of type bytes.*text"),
    "complex numbers": (np.ones(4) * 1j, ValueError, "Complex data not supported: column 'bad' of X.*real"),
    "complex objects": ([1j, 2j, None, 3j], ValueError, "Complex data not supported: column 'bad' of X"),
}


@pytest.mark.parametrize(("values", "error", "match"), BAD.values(), ids=BAD.keys())
def test_columns_of_other_values_are_refused_by_name(values, error, match):
    with pytest.raises(error, match=match):
        read_samples("AutoencoderTransformer", FRAME[["text"]].assign(bad=values), "from_dtype")


BAD_OF_POLARS = {
    "arrays": (pl.Series(np.ones((4, 2))), ValueError, r"Column 'bad' of X holds vectors, the first of shape \(2,\)"),
    "fields": (pl.Series([{"a": 1}] * 4), TypeError, "Column 'bad' of X has the type Struct.*one column per field"),
    "times": ([datetime.time(1)] * 4, TypeError, "Column 'bad' of X has dtype time"),
}


@pytest.mark.parametrize(("values", "error", "match"), BAD_OF_POLARS.values(), ids=BAD_OF_POLARS.keys())
def test_columns_of_polars_with_other_values_are_refused_by_name(values, error, match):
    frame = POLARS.select("text").with_columns(bad=values if isinstance(values, pl.Series) else pl.Series(values))
    with pytest.raises(error, match=match):
        read_samples("AutoencoderTransformer", frame, "from_dtype")


def test_record_batches_are_tables():
    table = pa.table({"a": [1.5, 2.5], "b": ["x", "y"]})
    (batch,) = table.to_batches()
    rows, schema = read_samples("AutoencoderTransformer", batch, "from_dtype")
    assert schema.restore(rows).equals(table)
    np.testing.assert_array_equal(np.asarray(schema.check("AutoencoderTransformer", batch, (2,))), rows)


def test_repeated_names_are_refused_after_fit_too():
    frame = FRAME[["number", "text"]]
    for columns in (["number", "text"], ["number", "count"]):
        _, schema = read_samples("AutoencoderTransformer", FRAME[columns], "from_dtype")
        with pytest.raises(ValueError, match=r"Expected unique column names of X. Got 'number' 2 times"):
            schema.check("AutoencoderTransformer", frame.set_axis(["number"] * 2, axis=1), (2,))


def test_too_many_categories_are_refused():
    names = [f"name {i}" for i in range(256)]
    assert Categories.learn("x", np.array(names[:255], dtype=object)).size == 255
    for column in (names, pd.Categorical(names)):
        with pytest.raises(ValueError, match=r"Column 'name' of X has 256 different categories, more than 255.*text"):
            TableEncoder.learn(pd.DataFrame({"name": column}))


@pytest.mark.parametrize(
    ("chosen", "match"),
    [
        ([2], "index 2, but X has 2 columns"),
        ([-1], "index -1"),
        ([True], "mask of 1 entries, but X has 2 columns"),
        (["c"], "names 'c', which is no column of X. Its columns are 'a', 'b'"),
    ],
)
def test_columns_that_do_not_exist_are_refused(chosen, match):
    with pytest.raises(ValueError, match=f"'categorical_features' parameter .*{match}"):
        TableEncoder.learn(pd.DataFrame({"a": [1.0], "b": [2.0]}), chosen)


CHANGED = {
    "text to numbers": ("text", [1, 2, 3, 4], "held categories that are text in fit, and holds numbers now"),
    "numbers to text": ("number", list("abcd"), "held numbers in fit, and holds text now"),
    "numbers to dates": ("number", pd.date_range("2024", periods=4), "held numbers in fit, and holds dates now"),
    "categories of numbers to text": ("digit", list("abcd"), "held categories that are numbers in fit"),
    "dates to numbers": ("day", [1, 2, 3, 4], "held dates in fit, and holds numbers now"),
    "dates to dates with a zone": (
        "day",
        pd.date_range("2024", periods=4, tz="UTC"),
        r"held dates without a time zone in fit, and holds dates with a time zone now.*tz_localize",
    ),
    "dates with a zone to dates": ("zone", pd.date_range("2024", periods=4), "held dates with a time zone in fit"),
    "dates to objects with a zone": (
        "day",
        pd.date_range("2024", periods=4, tz="UTC").astype(object).to_numpy(),
        "held dates without a time zone in fit",
    ),
    "dates to both": (
        "day",
        [pd.Timestamp("2024", tz=zone) for zone in (None, "UTC", None, None)],
        "mixes dates with and without a time zone",
    ),
    "numbers to spans": ("number", pd.to_timedelta([1, 2, 3, 4]), "held numbers in fit, and holds time spans now"),
    "numbers to complex": ("number", np.ones(4) * 1j, "held numbers in fit, and holds complex numbers now"),
    "booleans to counts": ("flag", [0, 1, 5, 0], "held booleans in fit, and holds 5 now. Pass booleans, or 0 and 1"),
    "booleans to shares": ("flag", [0.5, None, 1, 0], "held booleans in fit, and holds 0.5 now"),
    "spans to dates": ("span", pd.date_range("2024", periods=4), "held time spans in fit"),
    "booleans to text": ("flag", list("abcd"), "held booleans in fit, and holds text"),
}


@pytest.mark.parametrize(("name", "values", "match"), CHANGED.values(), ids=CHANGED.keys())
def test_columns_that_held_other_values_in_fit_are_refused_by_name(name, values, match):
    frame = FRAME[["number", "text", "digit", "day", "zone", "span", "flag"]]
    _, schema = read_samples("AutoencoderTransformer", frame, "from_dtype")
    with pytest.raises(ValueError, match=f"Column '{name}' of X {match}"):
        schema.check("AutoencoderTransformer", frame.assign(**{name: values}), (7,))


OTHER = {
    "text": (list("abcd"), r"text now. Convert it to numbers, by pandas.to_numeric\(X\['x'\]"),
    "categories": (pd.Categorical(list("abca")), "text now"),
    "dates": (pd.date_range("2024", periods=4), "dates now. Convert it to numbers of the same unit"),
    "dates of Python": ([datetime.date(2024, 1, 1)] * 4, "dates now"),
    "missing dates": (pd.to_datetime([None] * 4), "dates now"),
    "time spans": (pd.to_timedelta([1, 2, 3, 4], unit="s"), "time spans now"),
}


@pytest.mark.parametrize("library", [pd.DataFrame, pl.from_pandas, pa.Table.from_pandas])
@pytest.mark.parametrize(("values", "match"), OTHER.values(), ids=OTHER.keys())
def test_columns_other_than_numbers_are_refused_by_models_of_numbers(values, match, library):
    frame = pd.DataFrame({"a": np.arange(4.0), "x": [1, 2, 3, 5]})
    _, schema = read_samples("AutoencoderTransformer", library(frame), "from_dtype")
    changed = library(frame.assign(x=values))
    with pytest.raises(ValueError, match=f"Column 'x' of X held numbers in fit, and holds {match}"):
        schema.check("AutoencoderTransformer", changed, (2,))
    # Another column is not one that held numbers.
    with pytest.raises((TypeError, ValueError), match=r"^(?!.*held numbers in fit)"):
        schema.check("AutoencoderTransformer", library(frame.rename(columns={"x": "y"}).assign(x=values)), (2,))


INFINITE = {
    "floats": [1.0, 2.0, np.inf, 1.0],
    "objects": np.array([1, 2, -np.inf, None], dtype=object),
    "categories": pd.Categorical([1.0, 2.0, np.inf, None]),
    "float32": np.array([1, 2, -np.inf, np.nan], dtype=np.float32),
}


@pytest.mark.parametrize("values", INFINITE.values(), ids=INFINITE.keys())
def test_infinite_categories_are_refused_by_name(values):
    frame, finite = pd.DataFrame({"a": [1, 2, 3, 4], "c": values}), pd.DataFrame({"a": [1] * 4, "c": [1.0, 2, 3, 4]})
    forms = [(lambda f: f, "c"), (lambda f: f.to_numpy(dtype=object), 1), (lambda f: f.to_numpy(dtype=float), 1)]
    for form, name in forms:
        match = f"Column {name!r} of X holds -?inf: infinity is no category"
        with pytest.raises(ValueError, match=match):
            TableEncoder.learn(form(frame), [name])
        with pytest.raises(ValueError, match=match):
            TableEncoder.learn(form(finite), [name]).encode(form(frame))
    assert TableEncoder.learn(pd.DataFrame({"c": ["inf", "a"]})) is not None


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_time_zones_of_every_library_are_seen(zone):
    times = pd.Series(pd.date_range("2024", periods=4, tz=zone)).dt.as_unit("us")
    forms = {
        "pandas": lambda s: pd.DataFrame({"t": s}),
        "pandas of pyarrow": lambda s: pd.DataFrame({"t": pa.array(s)}).astype({"t": pd.ArrowDtype(pa.array(s).type)}),
        "polars": lambda s: pl.DataFrame({"t": pa.array(s)}),
        "pyarrow": lambda s: pa.table({"t": pa.array(s)}),
    }
    other = times.dt.tz_localize("UTC" if zone is None else None)
    for form in forms.values():
        _, schema = read_samples("AutoencoderTransformer", form(times), "from_dtype")
        for given in forms.values():
            rows = schema.check("AutoencoderTransformer", given(times), (1,))
            np.testing.assert_allclose(np.asarray(rows)[:, 0], [0, 1 / 3, 2 / 3, 1])
            with pytest.raises(ValueError, match=r"Column 't' of X held dates .* a time zone in fit"):
                schema.check("AutoencoderTransformer", given(other), (1,))


@pytest.mark.parametrize("name", ["number", "text", "digit", "day", "zone", "span", "flag"])
def test_columns_without_a_value_may_have_any_type(name):
    frame = FRAME[["number", "text", "digit", "day", "zone", "span", "flag"]]
    _, schema = read_samples("AutoencoderTransformer", frame, "from_dtype")
    index = frame.columns.get_loc(name)
    for empty in ([None] * 4, np.full(4, np.nan), pd.array([pd.NaT] * 4, dtype="datetime64[ns, UTC]")):
        rows = schema.check("AutoencoderTransformer", frame.assign(**{name: empty}), (7,))
        assert np.isnan(np.asarray(rows)[:, index]).all()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("digit", np.array([3.0, 1, 3, 2])),
        ("text", pd.Categorical(["a", "", "ü", "a"])),
        ("number", ["1", "2", "3", "4"]),
    ],
)
def test_columns_of_another_type_with_the_same_values_are_accepted(name, values):
    _, schema = read_samples("AutoencoderTransformer", FRAME[["number", "text", "digit"]], "from_dtype")
    schema.check("AutoencoderTransformer", FRAME[["number", "text", "digit"]].assign(**{name: values}), (3,))
