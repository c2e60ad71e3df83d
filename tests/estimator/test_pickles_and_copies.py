"""Pickles and copies of fitted estimators."""

import copy
import pickle

import numpy as np
import pytest

from skae import AutoencoderTransformer, Dense

QUICK = {"max_epochs": 2, "random_state": 0}
X = np.random.RandomState(0).standard_normal((80, 6)) @ np.random.RandomState(1).standard_normal((6, 6))


@pytest.fixture(scope="module")
def fitted():
    return AutoencoderTransformer(2, **QUICK).fit(X)


def test_pickles_give_bitwise_equal_results(fitted):
    restored = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(restored.transform(X), fitted.transform(X))
    assert restored.history_ == fitted.history_


def test_pickles_hold_no_training_data():
    wide = np.random.RandomState(0).standard_normal((20_000, 6))
    autoencoder = AutoencoderTransformer(2, architecture=Dense((4,)), max_epochs=1, random_state=0).fit(wide)
    assert len(pickle.dumps(autoencoder)) < 100_000


def test_partial_fit_continues_after_unpickling(digits):
    autoencoder = AutoencoderTransformer(2, random_state=0).partial_fit(digits)
    restored = pickle.loads(pickle.dumps(autoencoder))
    np.testing.assert_array_equal(
        restored.partial_fit(digits).transform(digits), autoencoder.partial_fit(digits).transform(digits)
    )


def test_deep_copies_are_independent(fitted):
    other = copy.deepcopy(fitted).partial_fit(X)
    assert other.n_iter_ == fitted.n_iter_ + 1
