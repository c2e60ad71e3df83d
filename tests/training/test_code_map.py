"""Codes of the plain variant: units, axes, order and variances as those of PCA."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from sklearn.datasets import load_digits, load_wine
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer, Dense, load, save
from skae.variants import Sparse, Variational

DIGITS = load_digits().data[:600]
SMALL = {"architecture": Dense((32,)), "max_epochs": 12, "random_state": 0, "early_stopping": False}


@pytest.fixture(scope="module")
def fitted():
    return AutoencoderTransformer(6, **SMALL).fit(DIGITS)


def test_coordinates_are_uncorrelated_and_in_order_of_their_variance(fitted):
    Z = fitted.transform(DIGITS)
    covariance = np.cov(Z.T)
    variances = np.diag(covariance)
    np.testing.assert_allclose(Z.mean(0), 0, atol=0.02 * Z.std())
    np.testing.assert_allclose(covariance - np.diag(variances), 0, atol=1e-3 * variances[0])
    assert (np.diff(variances) < 0).all()


def test_variances_add_up_to_the_explained_variance(fitted):
    Z = fitted.transform(DIGITS)
    np.testing.assert_allclose(Z.var(0, ddof=1), fitted.explained_variance_, rtol=0.01)
    assert fitted.explained_variance_ratio_.sum() == pytest.approx(fitted.score(DIGITS), abs=1e-4)
    np.testing.assert_allclose(fitted.singular_values_**2, 599 * fitted.explained_variance_)


def test_distances_between_codes_are_those_between_reconstructions(fitted):
    Z, restored = fitted.transform(DIGITS), fitted.reconstruct(DIGITS)
    assert np.corrcoef(pdist(Z), pdist(restored))[0, 1] > 0.95
    assert 0.8 < np.median(pdist(Z) / pdist(restored)) < 1.25


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_codes_are_in_the_units_of_the_samples(unit):
    X = DIGITS[:200] * unit
    one = AutoencoderTransformer(3, **SMALL).fit(DIGITS[:200]).transform(DIGITS[:200])
    np.testing.assert_allclose(AutoencoderTransformer(3, **SMALL).fit(X).transform(X) / unit, one, rtol=0.02, atol=0.05)


def test_codes_are_decoded_to_the_reconstruction(fitted):
    Z = fitted.transform(DIGITS)
    np.testing.assert_array_equal(fitted.inverse_transform(Z), fitted.reconstruct(DIGITS))
    steps = fitted.interpolate(DIGITS[:3], DIGITS[3:6], steps=2)
    np.testing.assert_allclose(steps[:, 0], fitted.reconstruct(DIGITS[:3]), atol=1e-4)


def test_codes_without_variance_are_decoded():
    autoencoder = AutoencoderTransformer(2, random_state=0).partial_fit(DIGITS[:1])
    assert np.isfinite(autoencoder.reconstruct(DIGITS[:5])).all()


def test_later_passes_of_partial_fit_keep_the_map(fitted):
    autoencoder = AutoencoderTransformer(6, lr=1e-6, random_state=0).partial_fit(DIGITS)
    before = autoencoder.transform(DIGITS)
    np.testing.assert_allclose(autoencoder.partial_fit(DIGITS).transform(DIGITS), before, atol=0.01 * before.std())


@pytest.mark.parametrize("variant", ["plain", "denoising", Variational(0.1), Sparse(1.0)])
def test_whitened_codes_are_uncorrelated_with_unit_variance(variant, tmp_path):
    autoencoder = AutoencoderTransformer(4, whiten=True, variant=variant, **SMALL).fit(DIGITS)
    Z = autoencoder.transform(DIGITS)
    np.testing.assert_allclose(np.cov(Z.T), np.eye(4), atol=0.01)
    save(autoencoder, tmp_path / "model.skae")
    np.testing.assert_array_equal(load(tmp_path / "model.skae").transform(DIGITS), Z)
    assert np.isfinite(autoencoder.sample(5, random_state=0)).all()


@pytest.fixture(scope="module", params=["global", None])
def pca_pair(request):
    X = load_wine().data[:, 1:4] @ np.random.RandomState(0).standard_normal((3, 8))
    autoencoder = AutoencoderTransformer(3, scaling=request.param, max_epochs=2, random_state=0)
    autoencoder.fit(X, groups=range(178))
    assert autoencoder.is_pca_
    return X, autoencoder, PCA(3).fit(X)


def test_components_are_exact_if_pca_is_kept(pca_pair):
    X, autoencoder, pca = pca_pair
    Z = autoencoder.transform(X)
    np.testing.assert_allclose(np.abs(Z), np.abs(pca.transform(X)), atol=0.1 * np.abs(Z).max())
    np.testing.assert_allclose(autoencoder.components_ @ autoencoder.components_.T, np.eye(3), atol=1e-4)
    restored = Z @ autoencoder.components_ + autoencoder.mean_
    np.testing.assert_allclose(restored, autoencoder.inverse_transform(Z), atol=1e-4 * np.abs(X).max())


def test_covariance_is_that_of_pca(pca_pair):
    _, autoencoder, pca = pca_pair
    expected = pca.get_covariance()
    np.testing.assert_allclose(autoencoder.get_covariance(), expected, atol=0.1 * np.abs(expected).max())


def test_covariance_of_a_network_is_an_attribute_error_with_advice(fitted):
    assert not hasattr(fitted, "get_covariance")
    assert not hasattr(fitted, "get_precision")
    with pytest.raises(AttributeError, match="get_covariance") as caught:
        fitted.get_covariance()
    assert "cov(autoencoder.sample" in str(caught.value.__cause__ or caught.value)


def test_all_components_reconstruct_exactly():
    X = load_wine().data
    autoencoder = AutoencoderTransformer(None, max_epochs=2, random_state=0).fit(X)
    assert autoencoder.n_components_ == 13
    assert autoencoder.score(X) > 0.999999
    assert autoencoder.noise_variance_ == 0


def test_all_components_are_limited_with_a_warning():
    X = np.random.RandomState(0).standard_normal((400, 300)).astype(np.float32)
    with pytest.warns(UserWarning, match="n_components=None is 256 components here, of the 300 that PCA has"):
        autoencoder = AutoencoderTransformer(None, max_epochs=1, random_state=0).fit(X)
    assert autoencoder.n_components_ == 256


def test_number_of_samples_is_not_defined_for_tokens():
    tokens = np.random.RandomState(0).randint(5, size=(60, 6))
    autoencoder = AutoencoderTransformer(2, architecture="sequence", max_epochs=1, random_state=0).fit(tokens)
    assert not any(hasattr(autoencoder, name) for name in ("n_samples_", "singular_values_", "noise_variance_"))


def test_attributes_are_those_of_pca_of_all_rows_where_pca_is_kept():
    rng = np.random.RandomState(0)
    X = rng.randn(60, 3) @ rng.randn(3, 8) + 0.1 * rng.randn(60, 8)
    autoencoder, pca = AutoencoderTransformer(3, max_epochs=2, random_state=0).fit(X), PCA(3).fit(X)
    assert autoencoder.is_pca_
    for name in ("explained_variance_", "explained_variance_ratio_", "singular_values_"):
        np.testing.assert_allclose(getattr(autoencoder, name), getattr(pca, name), rtol=1e-4)
    assert autoencoder.noise_variance_ == pytest.approx(pca.noise_variance_, rel=1e-3)
    np.testing.assert_allclose(np.abs((autoencoder.components_ * pca.components_).sum(1)), 1, atol=1e-5)
    np.testing.assert_allclose(autoencoder.get_covariance(), pca.get_covariance(), rtol=0.01, atol=1e-3)
    np.testing.assert_allclose(autoencoder.get_precision(), pca.get_precision(), rtol=0.01, atol=0.1)


@pytest.mark.parametrize("settings", [{"variant": "nested"}, {"n_components": 0.5}])
def test_nested_codes_are_not_whitened_with_a_warning(settings):
    with pytest.warns(UserWarning, match=r"whiten=True has no effect.*StandardScaler\(\)"):
        AutoencoderTransformer(**{"n_components": 2, **settings}, whiten=True, max_epochs=1, random_state=0).fit(DIGITS)
