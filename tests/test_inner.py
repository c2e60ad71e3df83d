"""Fits of scikit-learn's estimators within those of this package are nobody else's business."""

import functools

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KernelDensity, NearestNeighbors
from sklearn.pipeline import make_pipeline

from skae import AutoencoderNovelty, AutoencoderTransformer
from skae.inner import fit_inner

QUICK = AutoencoderTransformer(2, max_epochs=2, random_state=0)


@pytest.fixture
def recorded(monkeypatch):
    """Classes of scikit-learn's whose ``fit`` was called, by what stands in its place."""
    seen = []
    for kind in (PCA, LedoitWolf, NearestNeighbors, KernelDensity):

        def fit(self, *args, _original=kind.fit, **kwargs):
            seen.append(type(self).__name__)
            return _original(self, *args, **kwargs)

        monkeypatch.setattr(kind, "fit", functools.wraps(kind.fit)(fit))
    return seen


def test_replaced_fits_do_not_see_inner_ones(digits, recorded):
    model = AutoencoderTransformer(2, max_epochs=2, random_state=0).fit(digits[:200])
    model.fit(sparse.csr_array(digits[:200]))
    model.sample(3, sampler="kernel")
    AutoencoderNovelty(QUICK, n_members=2, random_state=0).fit(digits[:100])
    assert recorded == []
    PCA(2).fit(digits)
    assert recorded == ["PCA"]


def test_inner_fits_give_the_same(digits):
    for pca in (PCA(3, random_state=0), PCA(3, svd_solver="arpack", random_state=0)):
        np.testing.assert_array_equal(fit_inner(pca, digits).components_, pca.fit(digits).components_)


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
