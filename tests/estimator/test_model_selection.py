"""Pipelines and the searches of scikit-learn."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits
from sklearn.decomposition import NMF, PCA, KernelPCA
from sklearn.exceptions import FitFailedWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, RandomizedSearchCV, ShuffleSplit
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skae import AutoencoderTransformer, Convolutional, Dense
from skae.metrics import explained_variance_scorer, neg_reconstruction_error_scorer
from skae.variants import Variational

X, y = load_digits(return_X_y=True)
X, y = X[:400], y[:400]
# Without early stopping: no cross-validation.
SHORT = {"architecture": Dense((16,)), "early_stopping": False, "max_epochs": 3, "random_state": 0}
QUICK = AutoencoderTransformer(8, **SHORT)


def test_codes_are_features_in_a_pipeline():
    pipeline = make_pipeline(clone(QUICK), LogisticRegression(max_iter=2000)).fit(X, y)
    assert pipeline.score(X, y) > 0.9


def test_works_in_a_feature_union_and_a_column_transformer():
    union = FeatureUnion([("codes", clone(QUICK)), ("scaled", StandardScaler())]).fit(X)
    assert union.transform(X).shape == (400, 72)
    frame = pd.DataFrame(X[:, 20:30], columns=[f"c{i}" for i in range(10)]).assign(name="a")
    columns = ColumnTransformer([("codes", AutoencoderTransformer(2, max_epochs=1), [f"c{i}" for i in range(10)])])
    codes = columns.set_output(transform="pandas").fit_transform(frame)
    assert list(codes.columns) == ["codes__autoencodertransformer0", "codes__autoencodertransformer1"]


def test_grid_search_over_the_bottleneck():
    search = GridSearchCV(clone(QUICK), {"n_components": [1, 16]}, cv=2).fit(X)
    assert search.best_params_ == {"n_components": 16}
    assert search.best_estimator_.n_components_ == 16
    assert search.transform(X).shape == (400, 16)


def test_grid_search_over_the_architecture_of_pictures():
    pictures = X.reshape(-1, 8, 8)[:120]
    autoencoder = AutoencoderTransformer(4, architecture=Convolutional(), max_epochs=1, random_state=0)
    grid = {"architecture__channels": [(4,), (4, 8)], "architecture__kernel_size": [3]}
    search = GridSearchCV(autoencoder, grid, cv=2).fit(pictures)
    assert search.cv_results_["mean_test_score"].shape == (2,)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_grid_search_in_a_pipeline_with_a_classifier():
    pipeline = Pipeline([("codes", clone(QUICK)), ("classifier", LogisticRegression(max_iter=2000))])
    search = GridSearchCV(pipeline, {"codes__n_components": [1, 8]}, cv=2).fit(X, y)
    assert search.best_params_ == {"codes__n_components": 8}


def test_search_is_the_same_in_one_process_and_in_two():
    searches = [GridSearchCV(clone(QUICK), {"n_components": [1, 4]}, cv=2, n_jobs=n).fit(X) for n in (1, 2)]
    first, second = (search.cv_results_["mean_test_score"] for search in searches)
    np.testing.assert_allclose(first, second, rtol=1e-5)


def test_candidates_that_diverge_score_nan_and_the_search_goes_on():
    estimator = AutoencoderTransformer(2, max_epochs=20, optimizer="sgd", architecture=Dense((8,)), random_state=0)
    with pytest.warns() as caught:
        search = GridSearchCV(estimator, {"lr": [1e-2, 1e30]}, cv=2).fit(X[:100])
    assert search.best_params_ == {"lr": 1e-2}
    assert np.isnan(search.cv_results_["mean_test_score"][1])
    assert any("DivergenceError" in str(warning.message) for warning in caught)


def test_halving_search_by_epochs_and_by_rows():
    for settings in ({"resource": "max_epochs", "max_resources": 4, "min_resources": 2}, {}):
        search = HalvingGridSearchCV(
            AutoencoderTransformer(**SHORT), {"n_components": [1, 8]}, factor=2, cv=2, random_state=0, **settings
        ).fit(X)
        assert search.best_params_["n_components"] == 8


def test_random_search_over_all_kinds_of_parameters():
    space = {
        "codes__n_components": [2, 4],
        "codes__architecture__hidden_sizes": [(32,), (64, 32)],
        "codes__variant__beta": [0.1, 1.0],
        "codes__lr": [1e-3, 1e-2],
    }
    pipeline = Pipeline(
        [
            ("codes", AutoencoderTransformer(variant=Variational(), **SHORT)),
            ("classifier", LogisticRegression(max_iter=2000)),
        ]
    )
    search = RandomizedSearchCV(pipeline, space, n_iter=4, cv=2, random_state=0).fit(X, y)
    assert search.best_score_ > 0.3


def test_grid_search_of_pictures_in_a_memmap(tmp_path):
    pictures = np.memmap(tmp_path / "digits", dtype=np.uint8, mode="w+", shape=(400, 8, 8))
    pictures[:] = X.reshape(-1, 8, 8)
    search = GridSearchCV(AutoencoderTransformer(**SHORT), {"n_components": [1, 4]}, cv=2, n_jobs=2).fit(pictures)
    assert search.best_params_ == {"n_components": 4}


@pytest.mark.bad_input(114)
def test_diverging_candidate_scores_nan_and_leaves_the_others_unchanged():
    search = GridSearchCV(AutoencoderTransformer(4, **SHORT), {"lr": [1e-2, 1e30]}, cv=2)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "One or more of the test scores are non-finite")
        with pytest.warns(FitFailedWarning):
            search.fit(X[:100])
    alone = GridSearchCV(AutoencoderTransformer(4, **SHORT), {"lr": [1e-2]}, cv=2).fit(X[:100])
    assert search.cv_results_["mean_test_score"][0] == alone.best_score_
    assert np.isnan(search.cv_results_["mean_test_score"]).tolist() == [False, True]
    assert search.best_params_ == {"lr": 1e-2}


def test_one_search_compares_different_transformers():
    pipeline = Pipeline([("scale", MinMaxScaler()), ("reduce", PCA(4))])
    baselines = [PCA(4), NMF(4, max_iter=1000), KernelPCA(4, fit_inverse_transform=True), AutoencoderTransformer(4)]
    baselines[-1].set_params(max_epochs=15, random_state=0)
    for scoring in (explained_variance_scorer, neg_reconstruction_error_scorer):
        search = GridSearchCV(pipeline, {"reduce": baselines}, scoring=scoring, cv=ShuffleSplit(2, random_state=0))
        assert isinstance(search.fit(X).best_params_["reduce"], AutoencoderTransformer)


def test_a_pipeline_with_a_cache_fits_one_autoencoder_per_fold(tmp_path, monkeypatch):
    fits = []
    fit_transform = AutoencoderTransformer.fit_transform
    monkeypatch.setattr(
        AutoencoderTransformer,
        "fit_transform",
        lambda *args, **kwargs: fits.append(0) or fit_transform(*args, **kwargs),
    )
    steps = [("codes", AutoencoderTransformer(2, **SHORT)), ("classifier", LogisticRegression(max_iter=2000))]
    pipeline = Pipeline(steps, memory=str(tmp_path))
    GridSearchCV(pipeline, {"classifier__C": [0.01, 0.1, 1.0]}, cv=2, refit=False).fit(X[:100], y[:100])
    assert len(fits) == 2
