"""The PCA that training starts from, of rows that are not in memory."""

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer, Dense
from skae._inputs.layout_inference import infer_layout
from skae.data import Moments, Rows, SampleLayout, Scaling
from skae.training import pca_init


def rows_of(X):
    scaling = Scaling.of(Moments.of([torch.from_numpy(X)]), "global", is_table=True)
    return Rows(X, SampleLayout((X.shape[1],), (), True, scaling, np.dtype(np.float32)), torch.device("cpu"))


def explained(X, components):
    X = X - X.mean(0)
    return np.square(X @ components.numpy().T).sum() / np.square(X).sum()


@pytest.mark.parametrize("burst", [False, True])
def test_covariance_of_some_slices_is_used_if_they_have_the_variance_of_all(burst, monkeypatch):
    monkeypatch.setattr(pca_init, "slice_length", lambda _: 100)
    read = []
    taken = Rows.slices

    def counted(self, *args):
        for x in taken(self, *args):
            read.append(len(x))
            yield x

    monkeypatch.setattr(Rows, "slices", counted)
    X = (np.random.RandomState(0).standard_normal((40_000, 8)) * [4, 3, 2, 1, 1, 1, 1, 1]).astype(np.float32)
    if burst:  # in a slice that is not among them, and the first component of all
        X[150:160, -1] = 1e3
    monkeypatch.setattr(pca_init, "SAME_VARIANCE", 0.05)  # for fewer rows than by default
    components, _, _ = pca_init.fit_pca(rows_of(X), 2, seed=0)
    assert sum(read) < (5_000 if not burst else 50_000)
    assert explained(X, components) > explained(X, torch.from_numpy(PCA(2).fit(X).components_)) - 1e-3


def test_pca_of_rows_in_a_file_agrees_with_exact_pca(monkeypatch):
    random = np.random.RandomState(0)
    rows = random.standard_normal((600, 20)) * np.linspace(9, 1, 20) @ random.standard_normal(
        (20, 300)
    ) + random.standard_normal((600, 300))
    layout = infer_layout(AutoencoderTransformer(2), rows)
    for name, value in (("SAMPLE_BYTES", 4 * 300 * 60), ("COVARIANCE_FEATURES", 0)):
        monkeypatch.setattr(pca_init, name, value)
    components, _, deviations = pca_init.fit_pca(Rows(rows, layout, torch.device("cpu")), 15, 0)
    scaled = layout.scaling.transform(torch.from_numpy(rows)).numpy()
    exact = PCA(15).fit(scaled)
    np.testing.assert_allclose(components @ components.T, np.eye(15), atol=1e-5)
    np.testing.assert_allclose(deviations, np.sqrt(exact.explained_variance_), rtol=2e-2)
    explained = np.square(scaled @ components.numpy().T).sum() / np.square(scaled).sum()
    assert explained > exact.explained_variance_ratio_.sum() - 1e-3


SOLVERS = ("auto", "full", "covariance_eigh", "arpack", "randomized")
SMALL = {"architecture": Dense((4,)), "max_epochs": 1, "random_state": 0}


@pytest.fixture
def spies(monkeypatch):
    """The parameters of every PCA that is fitted."""
    seen = []
    original = pca_init.fit_inner
    monkeypatch.setattr(pca_init, "fit_inner", lambda pca, *args: seen.append(pca.get_params()) or original(pca, *args))
    return seen


def test_parameters_of_the_solver_reach_pca(digits, spies):
    solver = {"svd_solver": "randomized", "iterated_power": 7, "n_oversamples": 5, "power_iteration_normalizer": "QR"}
    AutoencoderTransformer(3, **solver, **SMALL).fit(digits[:80])
    assert len(spies) == 1
    assert solver.items() <= spies[0].items()


# ARPACK returns a single component with a negative stride.
@pytest.mark.parametrize("n_components", [1, 3])
@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize("solver", SOLVERS)
def test_all_solvers_find_the_components_of_pca(solver, is_sparse, n_components, digits):
    X = digits[:300]
    X_fitted = sparse.csr_array(X) if is_sparse else X
    fitted = AutoencoderTransformer(n_components, svd_solver=solver, **SMALL).fit(X_fitted)
    assert fitted.is_pca_
    expected = PCA(n_components, svd_solver="full").fit(X)
    products = np.abs(fitted.components_ @ expected.components_.T)
    np.testing.assert_allclose(products, np.eye(n_components), atol=1e-3)
    np.testing.assert_allclose(fitted.explained_variance_, expected.explained_variance_, rtol=1e-3)


@pytest.mark.parametrize("solver", SOLVERS)
def test_all_solvers_take_rows_that_are_not_kept_in_memory(solver, monkeypatch):
    random = np.random.RandomState(0)
    X = random.standard_normal((400, 6)) * [6, 5, 4, 1, 1, 1] @ np.linalg.qr(random.standard_normal((6, 6)))[0]
    monkeypatch.setattr(pca_init, "SAMPLE_BYTES", 4 * 6 * 200)
    components, _, _ = pca_init.fit_pca(rows_of(X.astype(np.float32)), 3, 0, {"svd_solver": solver})
    np.testing.assert_allclose(np.abs(components.numpy() @ PCA(3).fit(X).components_.T), np.eye(3), atol=0.05)


def test_mle_finds_the_rank_of_data_with_noise():
    random = np.random.RandomState(0)
    X = random.standard_normal((300, 4)) @ random.standard_normal((4, 12)) + 0.1 * random.standard_normal((300, 12))
    fitted = AutoencoderTransformer("mle", **SMALL).fit(X)
    assert fitted.n_components_ == PCA("mle").fit(X).n_components_ == 4
    assert fitted.transform(X).shape == (300, 4)


def test_none_is_all_components_and_one_less_with_arpack(digits):
    sizes = [
        AutoencoderTransformer(None, svd_solver=solver, **SMALL).fit(digits[:300, 2:6]).n_components_
        for solver in ("auto", "arpack")
    ]
    assert sizes == [4, 3]
