"""Architectures made of the user's modules."""

import copy
import dataclasses
import pickle

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn

from skae import AutoencoderTransformer, Custom

QUICK = {"max_epochs": 2, "random_state": 0}
X = np.random.RandomState(0).standard_normal((80, 6)) @ np.random.RandomState(1).standard_normal((6, 6))


@dataclasses.dataclass
class Maker:
    """A factory of modules without a hash."""

    encodes: bool

    def __call__(self, sample_shape, n_components):
        return nn.Linear(6, n_components) if self.encodes else nn.Linear(n_components, 6)


def test_unhashable_factories_are_copied_and_pickled():
    autoencoder = AutoencoderTransformer(2, architecture=Custom(Maker(True), Maker(False)), max_epochs=1).fit(X)
    for other in (copy.deepcopy(autoencoder), pickle.loads(pickle.dumps(autoencoder))):
        np.testing.assert_array_equal(other.transform(X), autoencoder.transform(X))


def test_modules_that_need_real_tensors_and_lazy_modules_work():
    class Rates(nn.Module):
        def __init__(self):
            super().__init__()
            self.rates = [value.item() for value in torch.linspace(0, 0.1, 3)]
            self.generator = nn.Linear(6, 2)

        def forward(self, x):
            return self.generator(x)

    lazy = Custom(nn.LazyLinear(2), nn.LazyLinear(6))
    for architecture in (Custom(Rates, nn.Linear(2, 6)), lazy):
        autoencoder = AutoencoderTransformer(2, architecture=architecture, **QUICK).fit(X)
        assert autoencoder.transform(X).shape == (80, 2)
        assert "parameters" in autoencoder.summary()


def test_modules_without_weights_are_refused():
    with pytest.raises(ValueError, match="no weights to train"):
        AutoencoderTransformer(6, architecture=Custom(nn.Identity(), nn.Identity())).fit(X)


def test_torch_dropout_is_reproducible_and_leaves_the_global_generator_unchanged():
    encoder = nn.Sequential(nn.Linear(6, 16), nn.Dropout(0.5), nn.Linear(16, 2))
    architecture = Custom(encoder, nn.Linear(2, 6))
    before = torch.get_rng_state()
    estimators = [
        AutoencoderTransformer(2, architecture=architecture, early_stopping=False, **QUICK).fit(X) for _ in range(2)
    ]
    assert torch.equal(before, torch.get_rng_state())
    np.testing.assert_array_equal(estimators[0].transform(X), estimators[1].transform(X))


def test_modules_that_are_passed_are_copied_before_training():
    encoder, decoder = nn.Linear(6, 2), nn.Linear(2, 6)
    before = copy.deepcopy(encoder.state_dict())
    autoencoder = AutoencoderTransformer(2, architecture=Custom(encoder, decoder), early_stopping=False, **QUICK).fit(X)
    torch.testing.assert_close(dict(encoder.state_dict()), dict(before), rtol=0, atol=0)
    assert not torch.equal(autoencoder.net_.module_.encoder.weight, before["weight"])


def test_linear_modules_reach_the_score_of_pca():
    architecture = Custom(lambda: nn.Linear(6, 2), lambda: nn.Linear(2, 6))
    autoencoder = AutoencoderTransformer(2, architecture=architecture, max_epochs=200, random_state=0).fit(X)
    assert autoencoder.score(X) == pytest.approx(PCA(2).fit(X).explained_variance_ratio_.sum(), abs=0.01)


def test_local_classes_fit_and_cannot_be_pickled():
    class Local(nn.Linear):
        def __init__(self, n_components):
            super().__init__(6, n_components)

    autoencoder = AutoencoderTransformer(2, architecture=Custom(Local, nn.Linear(2, 6)), **QUICK).fit(X)
    assert autoencoder.transform(X).shape == (80, 2)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(autoencoder)
