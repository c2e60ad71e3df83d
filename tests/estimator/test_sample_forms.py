"""Samples of every kind are reconstructed in their shape and type."""

import numpy as np
import pytest
from sample_kinds import KINDS, samples
from sklearn.base import clone

from skae import AutoencoderTransformer

QUICK = {"max_epochs": 2, "random_state": 0}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_sample_is_reconstructed_in_its_shape_and_type(kind):
    shape, axes, architecture = KINDS[kind]
    given = samples(shape)
    autoencoder = AutoencoderTransformer(3, axes=axes, architecture=architecture, **QUICK).fit(given)
    Z = autoencoder.transform(given)
    assert (Z.shape, Z.dtype) == ((40, 3), np.float32)
    for result in (autoencoder.inverse_transform(Z), autoencoder.reconstruct(given)):
        assert (result.shape, result.dtype) == (given.shape, np.float32)
    np.testing.assert_allclose(autoencoder.inverse_transform(Z), autoencoder.reconstruct(given), atol=1e-4)
    assert autoencoder.sample_shape_ == shape
    assert autoencoder.mean_.shape == shape
    np.testing.assert_allclose(autoencoder.mean_, given.mean(0), atol=1e-5)
    assert autoencoder.n_features_in_ == np.prod(shape)
    assert autoencoder.score_samples(given).shape == (40,)
    assert isinstance(autoencoder.score(given), float)


def test_flattened_pictures_with_a_sample_shape_give_the_results_of_pictures():
    pictures = samples((9, 12))
    convolutional = AutoencoderTransformer(3, architecture="conv", **QUICK)
    expected = clone(convolutional).fit(pictures)
    flat = convolutional.set_params(sample_shape=(9, 12)).fit(pictures.reshape(40, -1))
    np.testing.assert_array_equal(flat.transform(pictures.reshape(40, -1)), expected.transform(pictures))
    assert flat.reconstruct(pictures.reshape(40, -1)).shape == (40, 108)
    assert flat.sample_shape_ == (9, 12)
    np.testing.assert_array_equal(flat.transform(pictures), expected.transform(pictures))


def test_channels_first_and_last_give_equal_results():
    last = samples((8, 7, 3))
    first = last.transpose(0, 3, 1, 2)
    codes = [AutoencoderTransformer(3, architecture="conv", **QUICK).fit_transform(given) for given in (last, first)]
    np.testing.assert_allclose(*codes, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_codes_agree_across_batch_sizes(kind):
    shape, axes, architecture = KINDS[kind]
    given = samples(shape)
    autoencoder = AutoencoderTransformer(3, axes=axes, architecture=architecture, **QUICK).fit(given)
    whole = autoencoder.transform(given)
    for length in (1, 3, 17):
        parts = [given[i : i + length] for i in range(0, len(given), length)]
        codes = np.concatenate([autoencoder.transform(part) for part in parts])
        np.testing.assert_allclose(codes, whole, rtol=0, atol=1e-6 * whole.std())
        restored = np.concatenate(
            [autoencoder.inverse_transform(Z) for Z in np.split(whole, range(length, 40, length))]
        )
        np.testing.assert_allclose(restored, autoencoder.inverse_transform(whole), rtol=0, atol=1e-6)
