"""Nested codes: each prefix of a code is a code."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer
from skae.metrics import explained_variance
from skae.variants import Denoising, Nested, Variational

X, y = load_digits(return_X_y=True)
X, y = X[:500], y[:500]
QUICK = {"max_epochs": 3, "random_state": 0}


@pytest.fixture(scope="module")
def nested():
    """Nested codes of 8 components, fitted on digits."""
    return AutoencoderTransformer(8, variant="nested", max_epochs=10, random_state=0).fit(X)


def test_explained_variance_ratios_sum_to_the_score(nested):
    shares = nested.explained_variance_ratio_
    assert shares.shape == (8,)
    assert abs(shares.sum() - nested.score(X)) < 0.02
    assert (shares > -0.01).all()
    assert shares[:4].sum() > shares[4:].sum()


def test_prefixes_of_nested_codes_are_codes(nested):
    Z, pca = nested.transform(X), PCA(8).fit(X)
    by_pca = pca.explained_variance_ratio_.cumsum()
    for k in range(1, 9):
        restored = nested.inverse_transform(Z[:, :k])
        assert explained_variance(X, restored) > by_pca[k - 1] - 0.002
        short = nested.shortened(k)
        np.testing.assert_array_equal(short.transform(X), Z[:, :k])
        np.testing.assert_array_equal(short.reconstruct(X), restored)


def test_n_components_as_a_fraction_selects_components_as_in_pca():
    fitted = AutoencoderTransformer(0.7, max_epochs=10, random_state=0).fit(X)
    shares = fitted.explained_variance_ratio_
    assert fitted.n_components_ == len(shares) == fitted.transform(X).shape[1] <= PCA(0.7).fit(X).n_components_
    assert shares.sum() >= 0.7 > shares[:-1].sum()
    assert len(fitted.get_feature_names_out()) == fitted.n_components_


def test_nested_wraps_a_variant():
    fitted = AutoencoderTransformer(4, variant=Nested(Variational()), **QUICK).fit(X)
    assert fitted.inverse_transform(fitted.transform(X)[:, :2]).shape == X.shape
    assert "train_kl_divergence" in fitted.history_[0]


def test_codes_of_other_variants_are_not_shortened():
    fitted = AutoencoderTransformer(4, **QUICK).fit(X)
    with pytest.raises(ValueError, match="not nested, so they cannot be cut"):
        fitted.shortened(2)
    with pytest.raises(ValueError, match="X has 2 columns, but n_components is 4"):
        fitted.inverse_transform(fitted.transform(X)[:, :2])


@pytest.mark.parametrize("share", [0.0, 1.0, 1.5, -0.5, float("nan")])
def test_fractions_outside_of_0_to_1_are_refused(share):
    with pytest.raises(ValueError, match=r"int in the range \[1, inf\) or a float in the range \(0.0, 1.0\)"):
        AutoencoderTransformer(share).fit(X)


@pytest.mark.parametrize("variant", ["vector_quantized", "hyperspherical", Denoising(variant="vector_quantized")])
def test_fractions_are_refused_for_variants_without_nested_codes(variant):
    with pytest.raises(ValueError, match="Nested cannot wrap"):
        AutoencoderTransformer(0.9, variant=variant, **QUICK).fit(X)


@pytest.mark.parametrize("size", [0, -1, 2.0, "2", True])
def test_invalid_sizes_of_shortened_are_refused(nested, size):
    with pytest.raises(ValueError, match="'n_components' parameter"):
        nested.shortened(size)


def test_shortened_estimators_continue_training(nested):
    short = nested.shortened(3)
    assert short.partial_fit(X).transform(X).shape == (500, 3)
    assert nested.transform(X).shape == (500, 8)


def test_fractions_are_refused_by_partial_fit_and_warm_start():
    with pytest.raises(ValueError, match="partial_fit needs an int"):
        AutoencoderTransformer(0.9).partial_fit(X)
    with pytest.raises(ValueError, match="warm_start=True needs an int"):
        AutoencoderTransformer(0.9, warm_start=True).fit(X)
    with pytest.raises(ValueError, match=r"needs an int as n_components\. Got None"):
        AutoencoderTransformer(None, warm_start=True).fit(X)
