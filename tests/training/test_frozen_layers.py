"""Fine-tuning with frozen layers."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from skorch.callbacks import Freezer

from skae import AutoencoderTransformer, Convolutional, Dense

X, Y = load_digits(return_X_y=True)
X, Y = X[:600], Y[:600]
FREEZE = {"callbacks": [Freezer("*encoder*")]}
BATCH = Dense(normalization="batch")
CASES = {
    "plain": {},
    "whitened": {"whiten": True},
    "batch normalization": {"architecture": BATCH},
    "variational": {"architecture": BATCH, "variant": "variational"},
    "no linear path": {"architecture": Dense(linear_path=False)},
    "convolutional": {"architecture": Convolutional((4,)), "sample_shape": (8, 8)},
    "nested": {"variant": "nested"},
}


@pytest.mark.parametrize("settings", CASES.values(), ids=CASES)
def test_codes_stay_if_the_encoder_is_frozen(settings):
    autoencoder = AutoencoderTransformer(
        4, max_epochs=2, warm_start=True, early_stopping=False, random_state=0, **settings
    )
    new = X[Y >= 5]
    codes, before = autoencoder.fit(X[Y < 5]).transform(X), autoencoder.score(new)
    autoencoder.set_params(net_params=FREEZE, lr=1e-3).fit(new)
    np.testing.assert_allclose(autoencoder.transform(X), codes, rtol=1e-5, atol=1e-5)
    assert autoencoder.score(new) > before
    assert autoencoder.explained_variance_ratio_.sum() == pytest.approx(autoencoder.score(new), abs=0.1)
    # The next fit trains all weights.
    autoencoder.set_params(net_params=None).fit(new)
    assert np.abs(autoencoder.transform(X) - codes).max() > 0.1
    assert all(weight.requires_grad for weight in autoencoder.net_.module_.parameters())


def test_codes_stay_after_a_fallback_to_pca():
    autoencoder = AutoencoderTransformer(60, max_epochs=1, warm_start=True, random_state=0).fit(X[:200])
    assert autoencoder.is_pca_
    codes = autoencoder.transform(X)
    autoencoder.set_params(net_params=FREEZE, early_stopping=False).fit(X)
    assert not autoencoder.is_pca_
    np.testing.assert_allclose(autoencoder.transform(X), codes, atol=1e-4)
