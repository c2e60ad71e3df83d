"""Fits of scikit-learn's estimators inside skae are hidden from tools that patch fit."""

import functools

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline

from skae import AutoencoderNovelty, AutoencoderTransformer
from skae._inner import fit_inner
from skae.sampling import fit_mixture

QUICK = AutoencoderTransformer(2, max_epochs=2, random_state=0)


@pytest.fixture
def recorded(monkeypatch):
    """Classes of scikit-learn's of which a fitting method was called, by what stands in its place."""
    seen = []
    for kind in (PCA, LedoitWolf, NearestNeighbors, KMeans, GaussianMixture):
        for name in ("fit", "fit_predict", "fit_transform"):
            original = getattr(kind, name, None)
            if original is None:
                continue

            def fit(self, *args, _original=original, **kwargs):
                seen.append(type(self).__name__)
                return _original(self, *args, **kwargs)

            monkeypatch.setattr(kind, name, functools.wraps(original)(fit))
    return seen


def test_patched_fits_do_not_see_inner_fits(digits, recorded):
    model = AutoencoderTransformer(2, max_epochs=2, random_state=0).fit(digits[:200])
    model.fit(sparse.csr_array(digits[:200]))
    for sampler in ("kernel", "gaussian", "mixture"):
        model.sample(3, sampler=sampler)
    AutoencoderNovelty(QUICK, n_members=2, random_state=0).fit(digits[:100])
    assert recorded == []
    PCA(2).fit(digits)
    assert recorded == ["PCA"]


def test_inner_fits_give_equal_results(digits):
    for pca in (PCA(3, random_state=0), PCA(3, svd_solver="arpack", random_state=0)):
        np.testing.assert_array_equal(fit_inner(pca, digits).components_, pca.fit(digits).components_)


@pytest.mark.parametrize(("n_features", "n_components"), [(1, 3), (4, 5), (20, 10)])
def test_mixture_equals_that_of_scikit_learn(n_features, n_components):
    random = np.random.RandomState(0)
    Z = random.standard_normal((200, n_features)) + 3 * random.randint(3, size=(200, 1))
    expected = GaussianMixture(n_components, reg_covar=1e-6, random_state=0, max_iter=200, tol=1e-2).fit(Z)
    found = fit_mixture(Z, n_components, 1e-6, 0)
    for name in ("weights_", "means_", "covariances_"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-8)


@pytest.mark.slow
def test_mlflow_logs_the_autoencoder_and_not_its_pca(digits, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow = pytest.importorskip("mlflow")
    pytest.importorskip("mlflow.sklearn")
    X = digits[:200]
    mlflow.set_tracking_uri(tmp_path.as_uri())
    mlflow.set_experiment("test")

    def logged(estimator: BaseEstimator):
        known = {run.info.run_id for run in mlflow.search_runs(output_format="list")}
        estimator.fit(X)
        runs = [run for run in mlflow.search_runs(output_format="list") if run.info.run_id not in known]
        return {run.data.tags["estimator_name"]: run.data.params for run in runs}

    mlflow.sklearn.autolog(log_models=False, silent=True)
    try:
        assert set(logged(PCA(2))) == {"PCA"}
        assert logged(QUICK) == {}
        QUICK.sample(3)
        assert len(mlflow.search_runs(output_format="list")) == 1
        of_pipeline = logged(make_pipeline(QUICK))
        assert set(of_pipeline) == {"Pipeline"}
        assert of_pipeline["Pipeline"]["autoencodertransformer__n_components"] == "2"
        of_search = logged(GridSearchCV(QUICK, {"n_components": [1, 2]}, cv=2))
        assert set(of_search) == {"GridSearchCV", "AutoencoderTransformer"}
        with mlflow.start_run() as run:
            QUICK.fit(X)
        assert mlflow.get_run(run.info.run_id).data.params == {}
    finally:
        mlflow.sklearn.autolog(disable=True, silent=True)
