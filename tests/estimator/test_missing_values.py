"""Missing values (NaN) in X of ``AutoencoderTransformer``."""

import functools

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from sample_kinds import KINDS, samples
from sklearn.datasets import load_iris, load_wine
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.model_selection import GridSearchCV

from skae import AutoencoderTransformer, BottleneckSearchCV, Dense, DivergenceError
from skae.metrics import explained_variance_scorer
from skae.model import MissingValues

SMALL = {"architecture": Dense((8,)), "max_epochs": 1, "random_state": 0}


def with_gaps(X, share=0.3, seed=0):
    X = np.array(X, dtype=float)
    X[np.random.RandomState(seed).random_sample(X.shape) < share] = np.nan
    return X


IRIS = with_gaps(load_iris().data)


@functools.cache
def codes_of_iris():
    return AutoencoderTransformer(2, **SMALL).fit(IRIS).transform(IRIS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_sample_may_have_missing_values(kind):
    shape, axes, architecture = KINDS[kind]
    X = with_gaps(samples(shape)).astype(np.float32)
    autoencoder = AutoencoderTransformer(2, axes=axes, architecture=architecture, max_epochs=1, random_state=0)
    Z = autoencoder.fit_transform(X)
    assert np.isfinite(Z).all()
    assert autoencoder.reconstruct(X).shape == X.shape
    assert np.isfinite(autoencoder.reconstruct(X)).all()
    assert np.isfinite(autoencoder.score(X))
    assert np.isfinite(autoencoder.score_samples(X)).all()
    assert np.isfinite([row[name] for row in autoencoder.history_ for name in ("train_loss", "valid_loss")]).all()


@pytest.mark.parametrize("variant", ["variational", "nested", "contractive"])
def test_variants_train_on_missing_values(variant):
    autoencoder = AutoencoderTransformer(2, variant=variant, **SMALL).fit(IRIS)
    assert np.isfinite(autoencoder.transform(IRIS)).all()
    assert np.isfinite(autoencoder.sample(3, random_state=0, like=IRIS[:2])).all()


@pytest.mark.parametrize("loss", ["mse", "mae", "huber", "bce", lambda a, b: (a - b).square().flatten(1).mean(1)])
def test_losses_count_known_values_only(loss):
    """The loss of a row does not depend on what stands in its missing values, and the mean loss is that per value."""
    autoencoder = AutoencoderTransformer(2, loss=loss, **SMALL, early_stopping=False).fit(IRIS)
    module, objective = autoencoder.net_.module_, autoencoder.net_.criterion_
    x = autoencoder._result.layout.to_network(torch.from_numpy(IRIS))
    trace = module(x)
    losses = objective.per_sample(trace)
    trace.target[~trace.observed] = 1e6
    torch.testing.assert_close(objective.per_sample(trace), losses)
    torch.testing.assert_close(losses.mean(), objective(trace))
    if loss == "mse":
        known = (trace.output - trace.target).square()[trace.observed]
        torch.testing.assert_close(losses.mean(), known.mean())


def test_moments_count_known_values():
    autoencoder = AutoencoderTransformer(2, scaling="columns", **SMALL).fit(IRIS)
    np.testing.assert_allclose(autoencoder.mean_, np.nanmean(IRIS, 0))
    np.testing.assert_allclose(autoencoder.scale_, np.nanstd(IRIS, 0))


def test_scores_count_known_values_only():
    autoencoder = AutoencoderTransformer(2, scaling="columns", **SMALL).fit(IRIS)
    scaled = (IRIS - autoencoder.mean_) / autoencoder.scale_
    errors = scaled - (autoencoder.reconstruct(IRIS) - autoencoder.mean_) / autoencoder.scale_
    np.testing.assert_allclose(autoencoder.score(IRIS), 1 - np.nansum(errors**2) / np.nansum(scaled**2), rtol=1e-5)
    known = ~np.isnan(IRIS).all(1)
    np.testing.assert_allclose(
        autoencoder.score_samples(IRIS)[known], -np.nanmean(errors[known] ** 2, 1), rtol=1e-4, atol=1e-9
    )


def test_pca_of_rows_with_missing_values_is_close_to_that_of_complete_rows():
    """Rows of rank 2: PCA fills a tenth of missing values almost exactly."""
    random = np.random.RandomState(0)
    X = random.standard_normal((300, 2)) @ random.standard_normal((2, 12)) + 5
    gaps = with_gaps(X, 0.1)
    autoencoder = AutoencoderTransformer(2, max_epochs=1, random_state=0)
    autoencoder.fit(gaps)
    missing = np.isnan(gaps)
    errors = (autoencoder.reconstruct(gaps) - X)[missing]
    mean_errors = (np.nanmean(gaps, 0) - X)[missing]
    assert np.square(errors).mean() < 0.02 * np.square(mean_errors).mean()


def test_rounds_of_a_network_of_all_components_do_not_diverge():
    """Rows of rank 2 and 12 components: nothing but the limits of filled values keeps rounds from growing."""
    random = np.random.RandomState(0)
    X = with_gaps(random.standard_normal((80, 2)) @ random.standard_normal((2, 12)))
    params = {"architecture": Dense((32,)), "max_epochs": 20, "random_state": 0}
    autoencoder = AutoencoderTransformer(None, early_stopping=False, **params).fit(X)
    assert autoencoder.score(X) > 0.9
    assert max(row["train_loss"] for row in autoencoder.history_) < 2
    complete = np.nan_to_num(X)
    with pytest.warns(UserWarning, match="fit had rows without"):
        restored = AutoencoderTransformer(None, early_stopping=False, **params).fit(complete).reconstruct(X)
    assert np.abs(restored).max() < 2 * np.abs(complete).max()


def test_complete_rows_give_a_network_without_missing_values():
    autoencoder = AutoencoderTransformer(2, **SMALL).fit(load_iris().data)
    assert autoencoder.net_.module_.missing is None
    assert isinstance(AutoencoderTransformer(2, **SMALL).fit(IRIS).net_.module_.missing, MissingValues)


def test_model_of_complete_rows_fills_missing_values_with_one_warning():
    X = load_iris().data
    autoencoder = AutoencoderTransformer(2, **SMALL).fit(X)
    for method in ("transform", "reconstruct", "score", "score_samples"):
        with pytest.warns(UserWarning, match="fit had rows without missing values") as caught:
            result = getattr(autoencoder, method)(IRIS)
        assert len(caught) == 1
        assert np.isfinite(result).all()
    complete = ~np.isnan(IRIS).any(1)
    with pytest.warns(UserWarning, match="fit had rows without"):
        Z = autoencoder.transform(IRIS)
    np.testing.assert_array_equal(Z[complete], autoencoder.transform(X)[complete])


def test_missing_values_in_the_validation_set_alone():
    autoencoder = AutoencoderTransformer(2, **SMALL).fit(load_iris().data, X_val=IRIS)
    assert np.isfinite(autoencoder.history_[-1]["valid_loss"])
    assert np.isfinite(autoencoder.transform(IRIS)).all()


def test_missing_values_in_later_parts_of_partial_fit():
    autoencoder = AutoencoderTransformer(2, **SMALL)
    for part in (load_iris().data, IRIS, load_iris().data):
        autoencoder.partial_fit(part)
    assert np.isfinite(autoencoder.transform(IRIS)).all()
    assert autoencoder.n_samples_ == 450
    bce = AutoencoderTransformer(2, loss="bce", **SMALL).partial_fit(load_iris().data).partial_fit(IRIS)
    assert np.isfinite(bce.transform(IRIS)).all()


def test_warm_start_on_rows_with_missing_values():
    autoencoder = AutoencoderTransformer(2, warm_start=True, **SMALL).fit(load_iris().data).fit(IRIS)
    assert np.isfinite(autoencoder.transform(IRIS)).all()


def test_row_without_values_has_the_code_of_no_information_and_no_error():
    X = IRIS.copy()
    X[7] = np.nan
    autoencoder = AutoencoderTransformer(2, **SMALL).fit(X)
    others = np.delete(X, 7, axis=0)
    assert autoencoder.score_samples(X)[7] == 0
    assert not np.signbit(autoencoder.score_samples(X)[7])
    assert autoencoder.score(X) == pytest.approx(autoencoder.score(others))
    np.testing.assert_array_equal(autoencoder.transform(X[[7, 7]]), autoencoder.transform(X)[[7, 7]])
    with pytest.warns(UndefinedMetricWarning, match="X has no known value"):
        assert np.isnan(autoencoder.score(X[[7, 7]]))


@pytest.mark.parametrize(
    ("X", "named"),
    [
        (np.column_stack([IRIS, np.full(150, np.nan)]), "1 of 5 features.*missing \\(NaN\\): 4 "),
        (pd.DataFrame(IRIS, columns=list("abcd")).assign(empty=np.nan), "1 of 5 features.*'empty'"),
        (np.full((9, 3), np.nan), "3 of 3 features"),
    ],
)
def test_feature_without_values_is_named(X, named):
    for fit in (AutoencoderTransformer(2).fit, AutoencoderTransformer(2).partial_fit):
        with pytest.raises(ValueError, match=named):
            fit(X)


def test_infinite_values_are_refused_beside_missing_ones():
    X = IRIS.copy()
    X[3, 1] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        AutoencoderTransformer(2).fit(X)
    X[3, 1] = 1e39
    with pytest.raises(ValueError, match="too large"):
        AutoencoderTransformer(2).fit(X)


def objects_of(X, value):
    objects = X.astype(object)
    objects[np.isnan(X)] = value
    return objects


NAMES = list("abcd")
FORMS = {
    "masked array": lambda X: np.ma.masked_invalid(X),
    "masked rows": lambda X: [np.ma.masked_invalid(row) for row in X],
    "objects with None": lambda X: objects_of(X, None),
    "objects with NA": lambda X: objects_of(X, pd.NA),
    "tensor": torch.from_numpy,
    "lists": lambda X: objects_of(X, None).tolist(),
    "pandas": lambda X: pd.DataFrame(X, columns=NAMES),
    "pandas with NA": lambda X: pd.DataFrame(X, columns=NAMES).astype("Float64"),
    "pandas of pyarrow": lambda X: pd.DataFrame(X, columns=NAMES).astype("double[pyarrow]"),
    "pandas of objects with NA": lambda X: pd.DataFrame(objects_of(X, pd.NA), columns=NAMES),
    "polars": lambda X: pl.DataFrame(X, schema=NAMES).fill_nan(None),
    "pyarrow": lambda X: pa.table(
        {name: pa.array(column, from_pandas=True) for name, column in zip(NAMES, X.T, strict=True)}
    ),
}


@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.parametrize("form", FORMS)
def test_missing_values_of_every_container_are_the_same(form):
    X = FORMS[form](IRIS)
    np.testing.assert_array_equal(np.asarray(AutoencoderTransformer(2, **SMALL).fit(X).transform(X)), codes_of_iris())


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_with_missing_integers_come_back_complete_and_rounded(library):
    counts = np.arange(60) % 9
    if library == "pandas":
        frame = pd.DataFrame({"x": np.sin(counts), "n": pd.array(counts, dtype="Int64")})
        frame.loc[::7, "n"] = pd.NA
        dtype = pd.Int64Dtype()
    else:
        frame = pl.DataFrame({"x": np.sin(counts), "n": [None if i % 7 == 0 else int(c) for i, c in enumerate(counts)]})
        dtype = pl.Int64
    autoencoder = AutoencoderTransformer(1, **SMALL).set_output(transform=library).fit(frame)
    back = autoencoder.reconstruct(frame)
    assert type(back) is type(frame)
    assert list(back.dtypes)[1] == dtype
    assert not (back.isna() if library == "pandas" else back.select(pl.all().is_null())).to_numpy().any()


def test_mapped_rows_may_have_missing_values(tmp_path):
    np.save(tmp_path / "X.npy", IRIS)
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    np.testing.assert_array_equal(AutoencoderTransformer(2, **SMALL).fit(X).transform(X), codes_of_iris())


def test_uncached_rows_with_missing_values_are_trained_on(monkeypatch):
    monkeypatch.setattr("skae.data.sources.CACHE_BYTES", 0)
    autoencoder = AutoencoderTransformer(2, **SMALL).fit(IRIS)
    assert np.isfinite(autoencoder.transform(IRIS)).all()


def test_codes_do_not_depend_on_the_batch_size():
    autoencoder = AutoencoderTransformer(2, **SMALL).fit(IRIS)
    whole = autoencoder.transform(IRIS)
    parts = [autoencoder.transform(IRIS[i : i + 37]) for i in range(0, 150, 37)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    np.testing.assert_array_equal(autoencoder.transform(IRIS[5:6]), whole[5:6])


def test_searches_score_rows_with_missing_values():
    search = BottleneckSearchCV(AutoencoderTransformer(**SMALL), n_components=(1, 2), cv=2).fit(IRIS)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    grid = {"n_components": [1, 2]}
    search = GridSearchCV(AutoencoderTransformer(**SMALL), grid, scoring=explained_variance_scorer, cv=2).fit(IRIS)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_huge_missing_free_losses_still_diverge():
    with pytest.raises(DivergenceError):
        AutoencoderTransformer(2, scaling=None, **SMALL).fit(with_gaps(load_wine().data) * 1e30)
