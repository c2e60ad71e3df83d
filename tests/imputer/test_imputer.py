"""AutoencoderImputer: checks, known values, errors, containers, parameters."""

import decimal
import io

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from skae import AutoencoderImputer, AutoencoderTransformer, Dense, load, save
from skae._imputer.combination import fit_weights
from skae._imputer.gaussian import Gaussian
from skae._imputer.imputer import choose_hidden

SMALL = AutoencoderTransformer(2, architecture=Dense((8,)), max_epochs=2, early_stopping=False)
IMPUTER = AutoencoderImputer(SMALL, random_state=0)
RANDOM = np.random.RandomState(0)
TRUE = RANDOM.standard_normal((120, 2)) @ RANDOM.standard_normal((2, 6)) + 0.1 * RANDOM.standard_normal((120, 6)) + 3
MISSING = RANDOM.random_sample(TRUE.shape) < 0.2
X = np.where(MISSING, np.nan, TRUE)


def rms(errors):
    return np.sqrt(np.mean(errors**2))


@pytest.mark.parametrize("add_indicator", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore:X has feature names")
def test_scikit_learn_checks(add_indicator):
    check_estimator(
        AutoencoderImputer(
            AutoencoderTransformer(1, architecture=Dense((2,)), max_epochs=1), add_indicator=add_indicator
        )
    )


def test_known_values_keep_their_bits_and_missing_ones_are_close():
    for dtype in (np.float64, np.float32):
        given = X.astype(dtype)
        filled = clone(IMPUTER).fit_transform(given)
        assert filled.dtype == dtype
        np.testing.assert_array_equal(filled[~MISSING], given[~MISSING])
        assert rms((filled - TRUE)[MISSING]) < 0.35 * rms((TRUE.mean(0) - TRUE)[MISSING])


def test_new_rows_are_filled_without_a_change_of_the_imputer():
    imputer = clone(IMPUTER).fit(X)
    rows = TRUE[:5].copy()
    rows[:, 2] = np.nan
    filled = imputer.transform(rows)
    assert rms(filled[:, 2] - TRUE[:5, 2]) < 0.5 * TRUE[:, 2].std()
    np.testing.assert_array_equal(imputer.transform(rows), filled)
    assert np.isfinite(imputer.transform(np.full((2, 6), np.nan))).all()
    np.testing.assert_array_equal(imputer.transform(TRUE), TRUE)


def test_error_is_half_of_that_of_the_mean_on_breast_cancer():
    table = load_breast_cancer().data
    missing = np.random.RandomState(0).random_sample(table.shape) < 0.2
    gaps = np.where(missing, np.nan, table)
    imputers = clone(IMPUTER).set_params(autoencoder__n_components=8), SimpleImputer()
    error, mean_error = (rms(((i.fit_transform(gaps) - table) / table.std(0))[missing]) for i in imputers)
    assert error < 0.5 * mean_error


def test_default_size_is_that_of_rows_of_low_rank():
    imputer = AutoencoderImputer(random_state=0).fit(X)
    assert imputer.autoencoder_.n_components_ == 2
    assert set(imputer.weights_) == {"gaussian", "network", "network from gaussian"}
    assert imputer.indicator_ is None


def test_estimates_stay_in_the_range_of_known_values():
    skewed = np.exp(2 * TRUE)
    filled = clone(IMPUTER).fit_transform(np.where(MISSING, np.nan, skewed))
    assert filled.min() > 0


@pytest.mark.parametrize("missing_values", [-1, 0.5, None, pd.NA])
def test_placeholders_of_missing_values(missing_values):
    marked = X.astype(object) if not isinstance(missing_values, (int, float)) else X.copy()
    marked[MISSING] = missing_values
    imputer = clone(IMPUTER).set_params(missing_values=missing_values)
    np.testing.assert_array_equal(imputer.fit_transform(marked), clone(IMPUTER).fit_transform(X))


def test_indicator_and_names():
    imputer = clone(IMPUTER).set_params(add_indicator=True)
    filled = imputer.fit_transform(pd.DataFrame(X, columns=list("abcdef")))
    assert filled.shape == (120, 12)
    np.testing.assert_array_equal(filled[:, 6:], MISSING)
    assert list(imputer.get_feature_names_out())[5:7] == ["f", "missingindicator_a"]
    with pytest.raises(ValueError, match="needs a table"):
        clone(imputer).fit(X.reshape(120, 2, 3))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_keep_types_and_large_integers(library):
    counts = np.arange(120) % 7 + 2**60
    if library == "pandas":
        frame = pd.DataFrame({"x": X[:, 0], "y": TRUE[:, 1].astype(np.float32), "id": pd.array(counts, dtype="Int64")})
        frame.loc[::9, "id"] = pd.NA
        frame.index += 7
    else:
        ids = [None if i % 9 == 0 else int(c) for i, c in enumerate(counts)]
        frame = pl.DataFrame({"x": X[:, 0], "y": TRUE[:, 1].astype(np.float32), "id": ids}).with_columns(
            pl.col("x").fill_nan(None)
        )
    filled = clone(IMPUTER).set_output(transform=library).fit_transform(frame)
    assert list(filled.dtypes) == list(frame.dtypes)
    assert [int(v) for i, v in enumerate(filled["id"]) if i % 9] == [int(c) for i, c in enumerate(counts) if i % 9]
    assert not pd.DataFrame(np.asarray(filled, dtype=float)).isna().any(axis=None)
    if library == "pandas":
        assert filled.index.equals(frame.index)


def test_objects_become_numbers_and_names_of_several_levels_stay():
    frame = pd.DataFrame(X[:, :3]).set_axis(pd.MultiIndex.from_product([["a"], ["x", "y", "z"]]), axis=1)
    frame[("a", "y")] = [None if np.isnan(value) else decimal.Decimal(str(value)) for value in X[:, 1]]
    imputer = clone(IMPUTER).set_params(add_indicator=True).fit(frame)
    filled = imputer.set_output(transform="pandas").transform(frame)
    assert filled.shape == (120, 6)
    assert set(map(str, filled.dtypes)) == {"float64", "bool"}
    np.testing.assert_array_equal(filled.to_numpy()[:, :3][~MISSING[:, :3]], X[:, :3][~MISSING[:, :3]])


@pytest.mark.filterwarnings("ignore:pandas.DataFrame with sparse columns found")
def test_sparse_columns_are_filled():
    frame = pd.DataFrame(X[:, :3], columns=list("abc")).astype({"b": pd.SparseDtype(float, np.nan)})
    filled = clone(IMPUTER).set_output(transform="pandas").fit_transform(frame)
    assert filled.dtypes.equals(frame.dtypes)
    np.testing.assert_allclose(filled, clone(IMPUTER).fit_transform(X[:, :3]))


def test_pictures_and_tensors():
    pictures = load_digits().images[:80]
    missing = np.random.RandomState(0).random_sample(pictures.shape) < 0.2
    given = torch.from_numpy(np.where(missing, np.nan, pictures).astype(np.float32))
    filled = clone(IMPUTER).set_params(autoencoder__axes="h w").fit_transform(given)
    assert isinstance(filled, torch.Tensor)
    assert filled.shape == (80, 8, 8)
    assert not bool(filled.isnan().any())


def test_wide_rows_have_no_normal_distribution():
    wide = np.hstack([X] * 25)
    imputer = clone(IMPUTER).fit(wide)
    assert set(imputer.weights_) == {"network"}
    assert np.isfinite(imputer.transform(wide)).all()


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: AutoencoderImputer(3).fit(X), ValueError, "autoencoder.*AutoencoderTransformer or None.*3"),
        (lambda: AutoencoderImputer(missing_values="x").fit(X), ValueError, "missing_values.*a number.*'x'"),
        (lambda: AutoencoderImputer(add_indicator=1).fit(X), ValueError, "add_indicator"),
        (lambda: AutoencoderImputer(missing_values=-1).fit(X), ValueError, "contains NaN, but missing_values=-1"),
        (lambda: AutoencoderImputer().fit(np.hstack([X, X[:, :1] * np.nan])), ValueError, "missing \\(NaN\\): 6"),
        (lambda: AutoencoderImputer(AutoencoderTransformer(axes="n")).fit(X), ValueError, "not tokens"),
        (lambda: clone(IMPUTER).fit(X).transform(X[:, :5]), ValueError, "X has 5 features"),
        (lambda: AutoencoderImputer().transform(X), NotFittedError, "not fitted"),
    ],
)
def test_bad_input_is_named(call, error, match):
    with pytest.raises(error, match=match):
        call()


def test_normal_distribution_fills_as_regression_does():
    """With one column missing, the conditional mean is the prediction of linear regression."""
    x = torch.from_numpy(TRUE)
    gaussian = Gaussian.fit(x, 0)
    gaps = x.clone()
    gaps[:, 3] = torch.nan
    others = np.delete(TRUE, 3, axis=1)
    design = np.column_stack([others, np.ones(len(TRUE))])
    predicted = design @ np.linalg.lstsq(design, TRUE[:, 3], rcond=None)[0]
    np.testing.assert_allclose(gaussian.fill(gaps)[:, 3], predicted, atol=0.1 * TRUE[:, 3].std())


def test_hidden_values_follow_the_patterns_of_missing_ones():
    rows = np.ones((1000, 8))
    rows[:200, 2:6] = np.nan
    hidden = choose_hidden(rows, 0)
    assert 0.09 < hidden.sum() / (~np.isnan(rows)).sum() < 0.11
    in_block, outside = hidden[200:, 2:6], hidden[200:][:, [0, 1, 6, 7]]
    assert (in_block.all(1) | ~in_block.any(1)).mean() > 0.9
    assert outside.mean() < 0.02
    assert not hidden[np.isnan(rows)].any()
    assert 0.09 < choose_hidden(np.ones((500, 4)), 0).mean() < 0.11


def test_few_values_leave_the_weight_at_the_first_estimate():
    estimates = np.random.RandomState(0).standard_normal((3000, 3))
    np.testing.assert_allclose(fit_weights(estimates[:2], estimates[:2, 1]), [1, 0, 0], atol=0.2)
    np.testing.assert_allclose(fit_weights(estimates, estimates[:, 1]), [0, 1, 0], atol=0.1)


@pytest.mark.parametrize("add_indicator", [False, True])
def test_saved_imputer_gives_the_same_values(add_indicator):
    imputer = clone(IMPUTER).set_params(add_indicator=add_indicator).fit(X)
    pipeline = make_pipeline(imputer, LogisticRegression()).fit(X, TRUE[:, 0] > 3)
    for model, method in ((imputer, "transform"), (pipeline, "predict_proba")):
        file = io.BytesIO()
        save(model, file)
        file.seek(0)
        loaded = load(file)
        np.testing.assert_array_equal(getattr(loaded, method)(X), getattr(model, method)(X))
