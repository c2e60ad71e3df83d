"""fit and partial_fit continue only where the samples and the outputs are the same."""

import numpy as np
import pytest

from skae import AutoencoderTransformer

QUICK = {"max_epochs": 2, "random_state": 0}
X = np.random.RandomState(0).standard_normal((80, 6)) @ np.random.RandomState(1).standard_normal((6, 6))


def test_warm_start_refuses_a_loss_with_other_outputs():
    autoencoder = AutoencoderTransformer(2, warm_start=True, **QUICK).fit(X)
    autoencoder.set_params(loss="huber").fit(X)
    for call in (autoencoder.fit, autoencoder.partial_fit):
        autoencoder.set_params(loss="bce")
        with pytest.raises(ValueError, match=r"loss='bce'.*loss='huber'"):
            call(X)


@pytest.mark.parametrize("changed", [{"axes": "h w", "sample_shape": (2, 3)}, {"sample_shape": (3, 2), "axes": "h w"}])
def test_partial_fit_refuses_another_sample_shape(changed):
    autoencoder = AutoencoderTransformer(2, **QUICK).fit(X)
    with pytest.raises(ValueError, match="sample_shape"):
        autoencoder.set_params(**changed).partial_fit(X)


def test_warm_start_continues_from_the_previous_weights(digits):
    autoencoder = AutoencoderTransformer(4, warm_start=True, max_epochs=4, lr=1e-3, random_state=0).fit(digits)
    first = autoencoder.score(digits)
    autoencoder.fit(digits)
    assert autoencoder.score(digits) > first
    assert autoencoder.n_iter_ == 8


def test_without_warm_start_fit_starts_over(digits):
    autoencoder = AutoencoderTransformer(4, max_epochs=2, random_state=0).fit(digits)
    first = autoencoder.transform(digits)
    np.testing.assert_array_equal(autoencoder.fit(digits).transform(digits), first)
    assert autoencoder.n_iter_ == 2
