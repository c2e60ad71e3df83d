"""LatentSpaceDisplay and the colors of codes."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from displayed import DATA, drawn
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA

from skae.inspection import LatentSpaceDisplay

LETTERS = np.array(["a", "b", "c"] * 10)
DAYS = pd.date_range("2020-01-05", periods=30, freq="5D")


@pytest.mark.parametrize("kind", ["pictures", "signals", "table"])
def test_codes_are_colored_by_labels_numbers_or_scores(fitted, kind):
    X = DATA[kind][0]
    labels = np.arange(len(X)) % 3
    display = drawn(LatentSpaceDisplay.from_estimator(fitted[kind], X, labels))
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["0", "1", "2"]
    assert "first principal component of 3-component codes" in display.ax_.get_xlabel()
    display = drawn(LatentSpaceDisplay.from_estimator(fitted[kind], X))
    np.testing.assert_array_equal(display.values, fitted[kind].score_samples(X))
    display = LatentSpaceDisplay(codes=display.codes[:, :2], values=np.linspace(0, 1, len(X)), name="age").plot()
    assert [axes.get_ylabel() for axes in drawn(display).figure_.axes] == ["code 1", "age"]


def test_codes_of_one_component_are_a_histogram_or_a_scatter_plot():
    codes, random = np.arange(30.0)[:, None], np.random.RandomState(0)
    assert drawn(LatentSpaceDisplay(codes=codes).plot()).ax_.get_ylabel() == "samples"
    assert drawn(LatentSpaceDisplay(codes=codes, values=["a", "b"] * 15).plot()).ax_.get_ylabel() == "samples"
    display = LatentSpaceDisplay(codes=codes, values=random.uniform(size=30), name="age").plot()
    assert drawn(display).ax_.get_ylabel() == "age"


def test_codes_of_other_transformers_are_drawn(digits):
    display = LatentSpaceDisplay.from_estimator(PCA(2).fit(digits), digits)
    np.testing.assert_allclose(display.codes, PCA(2).fit_transform(digits))


def test_more_labels_than_colors_are_refused():
    names = [f"name {i}" for i in range(30)]
    with pytest.raises(ValueError, match=r"30 classes; at most 20"):
        LatentSpaceDisplay(codes=np.zeros((30, 2)), values=names).plot()
    assert LatentSpaceDisplay(codes=np.eye(30)[:, :2], values=np.arange(30)).plot().ax_.get_legend() is None


@pytest.mark.parametrize("n_components", [1, 2, 3])
def test_codes_of_any_size_are_colored_by_labels(n_components):
    codes = np.random.RandomState(0).standard_normal((30, n_components))
    display = drawn(LatentSpaceDisplay(codes=codes, values=LETTERS).plot())
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (LETTERS[:, None], ["a", "b", "c"]),
        (pd.DataFrame({"kind": LETTERS}), ["a", "b", "c"]),
        (pl.DataFrame({"kind": LETTERS}), ["a", "b", "c"]),
        (pd.Series(LETTERS).where(np.arange(30) > 3), ["missing", "a", "b", "c"]),
        ([None, *LETTERS[1:]], ["missing", "a", "b", "c"]),
        (pd.Series([pd.NA, *LETTERS[1:]], dtype="string"), ["missing", "a", "b", "c"]),
        (pl.Series([None, *LETTERS[1:].tolist()]), ["missing", "a", "b", "c"]),
        (pl.Series(LETTERS).cast(pl.Categorical), ["a", "b", "c"]),
        (pd.Series(pd.Categorical([None, *LETTERS[1:]], categories=list("zcba"))), ["missing", "c", "b", "a"]),
        (pd.Series([None, *np.arange(29) % 2]), ["missing", "0", "1"]),
        (pd.Series([pd.NA, *np.arange(29) % 2], dtype="Int64"), ["missing", "0", "1"]),
        (pd.Series([pd.NA, *(np.arange(29) % 2 > 0)], dtype="boolean"), ["missing", "False", "True"]),
        ([1, "a"] * 15, ["1", "a"]),
        ([None] * 30, ["missing"]),
    ],
)
def test_missing_labels_are_colored_as_missing(values, expected):
    display = LatentSpaceDisplay(codes=np.random.RandomState(0).standard_normal((30, 2)), values=values).plot()
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == expected


@pytest.mark.parametrize(
    ("n_components", "values"),
    [
        (1, pd.Series(DAYS)),
        (2, pd.Series(DAYS)),
        (2, pd.Series(DAYS.tz_localize("UTC"))),
        (2, pd.Series([pd.NaT, *DAYS[1:]])),
        (2, DAYS.to_numpy()),
        (2, DAYS.date.tolist()),
        (2, pl.Series(DAYS.date.tolist())),
        (2, pl.DataFrame({"day": DAYS.to_numpy()})),
    ],
)
def test_codes_are_colored_by_dates(n_components, values):
    codes = np.random.RandomState(0).standard_normal((30, n_components))
    display = drawn(LatentSpaceDisplay(codes=codes, values=values).plot())
    axis = display.ax_.yaxis if n_components == 1 else display.figure_.axes[-1].yaxis
    assert {"Mar", "Apr", "May"} <= {label.get_text() for label in axis.get_ticklabels()}


def test_samples_with_a_missing_number_are_gray():
    numbers = np.r_[np.nan, np.linspace(0, 1, 29)]
    display = drawn(LatentSpaceDisplay(codes=np.random.RandomState(0).rand(30, 2), values=numbers, name="age").plot())
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["missing"]
    assert display.figure_.axes[-1].get_ylabel() == "age"
    assert [len(points.get_offsets()) for points in display.ax_.collections] == [1, 29]


def test_data_frames_name_the_labels(fitted):
    X, labels = DATA["table"][0], pd.DataFrame({"kind": load_wine().target}).iloc[:100]
    display = drawn(LatentSpaceDisplay.from_estimator(fitted["table"], X[:100], labels))
    assert display.ax_.get_legend().get_title().get_text() == "kind"
    with pytest.raises(ValueError, match=r"shape \(n_samples,\). Got shape \(100, 2\)"):
        LatentSpaceDisplay.from_estimator(fitted["table"], X[:100], labels.assign(other=1))
