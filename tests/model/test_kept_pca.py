"""Where training kept PCA, inference computes the linear path alone."""

import copy
import pickle

import numpy as np
import pytest
import torch

from skae import AutoencoderTransformer, Convolutional, load, save
from skae.model.layers import outputs_zeros

random = np.random.RandomState(0)
ROWS = random.standard_normal((80, 12))
KINDS = {
    "table": (ROWS, {}),
    "variational": (ROWS, {"variant": "variational"}),
    "nested": (ROWS, {"variant": "nested"}),
    "binary cross entropy": (random.uniform(size=(80, 12)), {"loss": "bce"}),
    "pictures": (random.standard_normal((40, 8, 8)), {"architecture": Convolutional()}),
    "color pictures, dense": (random.standard_normal((40, 4, 4, 3)), {"architecture": "dense"}),
    "wide rows": (random.standard_normal((60, 1100)), {}),
}


def fit(X, **settings):
    # Noise and few epochs: no network is better than PCA.
    model = AutoencoderTransformer(3, max_epochs=1, lr=1e-6, random_state=0, **settings).fit(X)
    model._result.net.module_.is_linear = True
    return model


@pytest.mark.filterwarnings("ignore:PCA is kept")
@pytest.mark.parametrize("kind", KINDS)
def test_results_are_those_of_the_whole_network(kind):
    X, settings = KINDS[kind]
    model = fit(X, **settings)
    assert outputs_zeros(model.net_.module_.encoder) == (model.best_epoch_ == 0)
    short = [model.transform(X), model.reconstruct(X), model.score_samples(X)]
    model._result.net.module_.is_linear = False
    for result, of_network in zip(
        short, (model.transform(X), model.reconstruct(X), model.score_samples(X)), strict=True
    ):
        np.testing.assert_array_equal(result, of_network)


@pytest.fixture
def kept():
    """A model that kept PCA."""
    model = AutoencoderTransformer(3, max_epochs=1, random_state=0).fit(ROWS)
    assert model.best_epoch_ == 0
    assert model.net_.module_.is_linear
    return model


def test_the_network_is_not_computed(kept):
    calls = []
    for part in (kept.net_.module_.encoder, kept.net_.module_.decoder):
        part.register_forward_hook(lambda *given: calls.append(1))
    kept.reconstruct(ROWS)
    assert not calls
    kept.net_.module_.is_linear = False
    kept.reconstruct(ROWS)
    assert len(calls) == 2


def test_changed_weights_are_used(kept):
    before = kept.transform(ROWS)
    with torch.no_grad():
        kept.net_.module_.encoder[-1].bias.fill_(1.0)
    assert np.abs(kept.transform(ROWS) - before).max() > 0.1


def test_modules_get_gradients(kept):
    encoder = kept.encoder_
    encoder(torch.from_numpy(ROWS).float()).sum().backward()
    assert sum(float(p.grad.abs().sum()) > 0 for p in encoder.parameters() if p.grad is not None) > 2


def test_training_is_continued(kept):
    kept.set_params(warm_start=True, max_epochs=30, early_stopping=False, lr=1e-2).fit(ROWS)
    assert kept.best_epoch_ > 0
    assert not kept.net_.module_.is_linear


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model)), "file"])
def test_copies_and_files_are_as_short(kept, copied, tmp_path):
    if copied == "file":
        save(kept, tmp_path / "model.safetensors")
        other = load(tmp_path / "model.safetensors")
    else:
        other = copied(kept)
    assert other.net_.module_.is_linear
    np.testing.assert_array_equal(other.transform(ROWS), kept.transform(ROWS))
