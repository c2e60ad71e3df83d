"""Metrics agree with their definitions."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import r2_score

from skae.metrics import explained_variance, reconstruction_error

X = np.random.RandomState(0).standard_normal((80, 6)) @ np.random.RandomState(1).standard_normal((6, 6))


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_explained_variance_of_values_whose_squares_are_out_of_range(unit):
    assert explained_variance(X * unit, X * 0.9 * unit) == pytest.approx(explained_variance(X, X * 0.9))
    assert explained_variance(np.ones((3, 2)), np.ones((3, 2))) == 1.0


def test_metrics_agree_with_pca_and_closed_forms(digits):
    pca = PCA(5).fit(digits)
    restored = pca.inverse_transform(pca.transform(digits))
    assert explained_variance(digits, restored) == pytest.approx(pca.explained_variance_ratio_.sum())
    assert reconstruction_error(digits, restored) == pytest.approx(np.mean((digits - restored) ** 2))
    assert reconstruction_error(digits, restored, metric="mae") == pytest.approx(np.abs(digits - restored).mean())
    pictures = digits.reshape(-1, 8, 8), restored.reshape(-1, 8, 8)
    assert explained_variance(*pictures) == pytest.approx(explained_variance(digits, restored))
    assert explained_variance(digits, np.broadcast_to(digits.mean(0), digits.shape)) == pytest.approx(0)


def test_uniform_average_does_not_depend_on_units(digits):
    restored = digits + np.random.RandomState(0).standard_normal(digits.shape)
    varying = digits.std(0) > 0
    uniform = explained_variance(digits[:, varying], restored[:, varying], multioutput="uniform_average")
    assert uniform == pytest.approx(r2_score(digits[:, varying], restored[:, varying]))
    units = 10.0 ** np.random.RandomState(1).uniform(-9, 9, digits.shape[1])
    assert explained_variance(digits * units, restored * units, multioutput="uniform_average") == pytest.approx(uniform)


@pytest.mark.parametrize("metric", [explained_variance, reconstruction_error])
def test_nan_in_reconstructions_and_infinity_are_refused(metric):
    with pytest.raises(ValueError, match="NaN"):
        metric([[1, 2], [3, 4]], [[1, np.nan], [3, 4]])
    with pytest.raises(ValueError, match="infinity"):
        metric([[1, np.inf], [3, 4]], [[1, 2], [3, 4]])


def test_missing_values_do_not_count():
    X = np.array([[1.0, np.nan], [3.0, 4.0], [5.0, 8.0], [np.nan, np.nan]])
    restored = np.array([[1.0, 9.0], [3.0, 5.0], [2.0, 8.0], [0.0, 0.0]])
    assert explained_variance(X, restored) == pytest.approx(1 - 10 / (8 + 8))
    assert reconstruction_error(X, restored) == pytest.approx(10 / 5)
    assert reconstruction_error(X, restored, metric="mae") == pytest.approx(4 / 5)
    assert reconstruction_error(X, restored, metric="rmse") == pytest.approx((np.sqrt(3) + np.sqrt(0.5)) / 2)


@pytest.mark.parametrize("metric", [explained_variance, reconstruction_error])
def test_metrics_of_missing_values_only_are_not_defined(metric):
    with pytest.warns(UndefinedMetricWarning, match="X has no known value"):
        assert np.isnan(metric(np.full((3, 2), np.nan), np.zeros((3, 2))))
    if metric is explained_variance:
        X, restored = pd.DataFrame({"a": [np.nan], "c": [None]}), pd.DataFrame({"a": [1.0], "c": ["x"]})
        with pytest.warns(UndefinedMetricWarning):
            assert np.isnan(metric(X.astype({"c": "category"}), restored))


def test_lazy_frames_are_compared_as_their_data_frames():
    X = pl.DataFrame({"x": [1.0, 2.0, 3.0], "kind": ["a", "b", "b"]})
    assert explained_variance(X.lazy(), X.lazy()) == 1
    assert reconstruction_error(X.select("x").lazy(), X.select(pl.col("x") + 1).lazy()) == 1


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame])
def test_categories_are_compared_as_one_hot_vectors(library):
    table = {"x": [1.0, 2.0, 3.0, None], "kind": ["a", "b", "b", "b"], "one": ["u"] * 4}
    X, restored = library(table), library(table | {"x": [1.0, 2.0, 3.0, 9.0], "kind": ["b"] * 4, "one": ["v"] * 4})
    one_hot = np.array([[1, 0], [0, 1], [0, 1], [0, 1]])
    of_kind = explained_variance(one_hot, [[0, 1]] * 4)
    assert explained_variance(X, restored) == pytest.approx((1 + of_kind) / 2)
    assert explained_variance(X, restored, multioutput="uniform_average") == explained_variance(X, restored)
    with pytest.raises(ValueError, match="mean is for numbers"):
        explained_variance(X, restored, mean=[0, 0, 0])
    with pytest.raises(ValueError, match=r"of one shape.*\(4, 3\) and \(4, 2\)"):
        explained_variance(X, restored[["x", "kind"]])
    with pytest.raises(ValueError, match="NaN"):
        explained_variance(restored, X)


def test_different_shapes_are_refused(digits):
    with pytest.raises(ValueError, match=r"\(1797, 64\) and \(1797, 63\)"):
        explained_variance(digits, digits[:, 1:])
