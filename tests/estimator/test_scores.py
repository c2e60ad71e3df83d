"""Losses, optimizers and units: scores against PCA and against closed forms."""

import numpy as np
import pytest
from sklearn.datasets import load_sample_image
from sklearn.decomposition import PCA
from sklearn.feature_extraction.image import extract_patches_2d

from skae import AutoencoderTransformer

QUICK = {"max_epochs": 2, "random_state": 0}
X = np.random.RandomState(0).standard_normal((80, 6)) @ np.random.RandomState(1).standard_normal((6, 6))


@pytest.fixture(scope="module")
def fitted():
    return AutoencoderTransformer(2, **QUICK).fit(X)


def test_score_is_the_explained_variance(fitted):
    scaling = fitted._result.layout.scaling
    scaled = (X - scaling.mean.numpy()) / scaling.scale.numpy()
    restored = (fitted.reconstruct(X) - scaling.mean.numpy()) / scaling.scale.numpy()
    expected = 1 - ((scaled - restored) ** 2).sum() / (scaled**2).sum()
    assert fitted.score(X) == pytest.approx(expected, abs=1e-5)
    np.testing.assert_allclose(fitted.score_samples(X), -((scaled - restored) ** 2).mean(1), rtol=1e-4, atol=1e-6)


def test_untrained_codes_and_score_equal_those_of_pca():
    # PCA explains these rows completely, so fit falls back to PCA.
    flat = X[:, :3] @ np.random.RandomState(2).standard_normal((3, 6))
    autoencoder = AutoencoderTransformer(3, scaling="global", **QUICK).fit(flat)
    expected = PCA(3).fit_transform(flat)
    np.testing.assert_allclose(np.abs(autoencoder.transform(flat)), np.abs(expected), rtol=1e-4, atol=1e-3)
    assert autoencoder.score(flat) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("loss", ["mse", "mae", "huber", "bce"])
def test_every_loss_explains_digits_better_than_the_mean(loss, digits):
    autoencoder = AutoencoderTransformer(8, loss=loss, max_epochs=5, random_state=0).fit(digits[:600])
    assert autoencoder.score(digits[600:]) > 0.6


def test_absolute_error_is_lower_when_it_is_the_loss(digits):
    digits = digits[:600]
    noisy = digits + 200 * (np.random.RandomState(0).uniform(size=digits.shape) < 0.01)
    errors = {}
    for loss in ("mse", "mae"):
        autoencoder = AutoencoderTransformer(8, loss=loss, max_epochs=10, random_state=0).fit(noisy)
        errors[loss] = np.abs(autoencoder.reconstruct(noisy) - noisy).mean()
    assert errors["mae"] < errors["mse"]


def test_binary_cross_entropy_keeps_reconstructions_in_the_range_of_x(digits):
    autoencoder = AutoencoderTransformer(4, loss="bce", max_epochs=3, random_state=0).fit(digits)
    restored = autoencoder.reconstruct(digits)
    assert restored.min() >= -1e-3
    assert restored.max() <= 16 + 1e-3


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd", "rmsprop"])
def test_every_optimizer_improves_on_its_start(optimizer, digits):
    autoencoder = AutoencoderTransformer(2, optimizer=optimizer, max_epochs=5, random_state=0).fit(digits)
    assert autoencoder.history_[-1]["valid_loss"] < autoencoder.history_[0]["valid_loss"]
    assert autoencoder.score(digits) > PCA(2).fit(digits).explained_variance_ratio_.sum()


def test_uint8_pictures_are_reconstructed_as_uint8():
    patches = extract_patches_2d(load_sample_image("china.jpg"), (8, 8), max_patches=800, random_state=0)
    assert patches.dtype == np.uint8
    autoencoder = AutoencoderTransformer(8, max_epochs=5, random_state=0).fit(patches)
    restored = autoencoder.reconstruct(patches)
    assert restored.dtype == np.float32
    assert autoencoder.score(patches) > 0.9
    assert np.abs(restored - patches).mean() < 16


def test_columns_of_very_different_scale_are_all_explained():
    mixed = X * [1, 1e3, 1e-3, 1, 1, 1e6]
    autoencoder = AutoencoderTransformer(4, random_state=0).fit(mixed)
    share = 1 - ((autoencoder.reconstruct(mixed) - mixed) ** 2).sum(0) / ((mixed - mixed.mean(0)) ** 2).sum(0)
    assert share.min() > 0.5


def test_timestamps_with_a_small_spread_are_explained():
    hours = 1.23e6 + 1e-3 * X
    autoencoder = AutoencoderTransformer(5, random_state=0).fit(hours)
    restored = autoencoder.reconstruct(hours)
    assert restored.dtype == np.float64
    assert autoencoder.score(hours) > 0.9
    assert np.abs(restored - hours).mean() < 1e-3


def test_constant_columns_are_reconstructed():
    constant = np.column_stack([X, np.full(80, 7.25), np.zeros(80)])
    restored = AutoencoderTransformer(4, random_state=0).fit(constant).reconstruct(constant)
    np.testing.assert_allclose(restored[:, -2:], constant[:, -2:], atol=1e-2)
    assert np.isfinite(restored).all()
