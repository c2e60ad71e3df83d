"""The skorch net ``net_``, and its parameters in searches."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skae import AutoencoderTransformer

QUICK = {"max_epochs": 2, "random_state": 0, "early_stopping": False}
X = load_iris().data


@pytest.mark.parametrize("method", ["predict", "predict_proba", "forward"])
@pytest.mark.parametrize("convert", [np.asarray, np.float32, np.ndarray.tolist])
def test_net_reconstructs_scaled_samples(method, convert):
    autoencoder = AutoencoderTransformer(2, **QUICK).fit(X)
    scaled = (X - autoencoder.mean_) / autoencoder.scale_
    output = getattr(autoencoder.net_, method)(convert(scaled))
    expected = (autoencoder.reconstruct(X) - autoencoder.mean_) / autoencoder.scale_
    np.testing.assert_allclose(np.asarray(output), expected, atol=1e-5)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_net_says_that_the_estimator_trains_it(method):
    autoencoder = AutoencoderTransformer(2, **QUICK).fit(X)
    before = autoencoder.transform(X)
    with pytest.raises(TypeError, match=r"Call fit or partial_fit of the AutoencoderTransformer"):
        getattr(autoencoder.net_, method)(X, X)
    np.testing.assert_array_equal(autoencoder.transform(X), before)


class TestNetParams:
    def test_one_entry_is_set_in_a_copy_of_the_dict(self):
        shared = {"optimizer__weight_decay": 0.5}
        autoencoder = AutoencoderTransformer(net_params=shared)
        assert autoencoder.set_params(net_params__clip_norm=2.0) is autoencoder
        assert autoencoder.net_params == {"optimizer__weight_decay": 0.5, "clip_norm": 2.0}
        assert shared == {"optimizer__weight_decay": 0.5}

    def test_an_entry_is_set_after_the_dict(self):
        autoencoder = AutoencoderTransformer().set_params(net_params__clip_norm=2.0, net_params={"clip_norm": 1.0})
        assert autoencoder.net_params == {"clip_norm": 2.0}

    def test_search_over_an_entry(self):
        autoencoder = AutoencoderTransformer(2, **QUICK)
        grid = {"autoencodertransformer__net_params__optimizer__weight_decay": [0.0, 0.25]}
        search = GridSearchCV(make_pipeline(autoencoder), grid, cv=2).fit(X)
        decay = search.best_params_["autoencodertransformer__net_params__optimizer__weight_decay"]
        net = search.best_estimator_[0].net_
        assert net.optimizer_.param_groups[-1]["weight_decay"] == decay
        assert autoencoder.net_params is None

    @pytest.mark.parametrize(
        ("name", "message"), [("lr", "may not hold 'lr'"), ("optimizer__momentun", "does not fit the net")]
    )
    def test_unknown_entries_are_refused_by_fit(self, name, message):
        autoencoder = clone(AutoencoderTransformer(2, **QUICK)).set_params(**{f"net_params__{name}": 0.1})
        with pytest.raises(ValueError, match=message):
            autoencoder.fit(X)
