"""Pickles of estimators."""

import copy
import pickle

import joblib
import numpy as np
import pytest
import torch
from sklearn.exceptions import InconsistentVersionWarning
from torch import nn

from model_files import (
    SMALL,
    X,
    fit_model,
    half_squares,
)
from skae import AutoencoderTransformer, Custom


def local_class():
    """A class that cannot be imported."""

    class EncoderDecoder(nn.Linear):
        pass

    return EncoderDecoder(6, 2)


def test_a_pickled_model_is_restored(small):
    loaded = pickle.loads(pickle.dumps(small))
    np.testing.assert_array_equal(loaded.transform(X), small.transform(X))
    assert "_skae_version" not in vars(loaded)


@pytest.mark.bad_input(122)
def test_a_pickle_of_another_version_warns(small, monkeypatch):
    dumped = pickle.dumps(small)
    monkeypatch.setattr("skae._estimator.transformer.__version__", "99.0")
    with pytest.warns(InconsistentVersionWarning, match=r"skae 0\..* with skae 99\.0"):
        pickle.loads(dumped)


@pytest.mark.bad_input(107)
@pytest.mark.parametrize("device", ["cuda", "cuda:7", "mps"])
@pytest.mark.parametrize("through", ["pickle", "joblib"])
def test_a_pickle_is_loaded_on_the_cpu_if_its_device_is_missing(device, through, small, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    made = copy.deepcopy(small).partial_fit(X)
    codes, made.net_.device = made.transform(X), device
    joblib.dump(made, tmp_path / "model")
    dumped = pickle.dumps(made)
    with pytest.warns(UserWarning, match=f"device='{device}'.*device='cpu'") as caught:
        moved = pickle.loads(dumped) if through == "pickle" else joblib.load(tmp_path / "model")
    assert len(caught) == 1
    np.testing.assert_array_equal(moved.transform(X), codes)
    assert moved.partial_fit(X).net_.device == "cpu"


def test_a_pickle_holds_every_weight_once_and_no_pickle_inside(small):
    made = AutoencoderTransformer(2, max_epochs=1, random_state=0).fit(X)
    weights = sum(value.nbytes for value in made.net_.module_.state_dict().values())
    assert len(pickle.dumps(made)) < weights + 30_000
    assert not [name for name, value in made.net_.__getstate__().items() if isinstance(value, bytes)]


@pytest.mark.bad_input(43)
def test_custom_code_that_cannot_be_imported_is_copied_but_not_pickled():
    encoders = lambda: nn.Linear(6, 2), nn.Sequential(local_class())
    estimators = [fit_model({"architecture": Custom(encoder, nn.Linear(2, 6))}, X) for encoder in encoders]
    expected = [estimator.transform(X) for estimator in estimators]
    for estimator, codes in zip(estimators, expected, strict=True):
        with pytest.raises((pickle.PicklingError, AttributeError), match=r"lambda|local_class"):
            pickle.dumps(estimator)
        np.testing.assert_array_equal(copy.deepcopy(estimator).transform(X), codes)
    # One task, so that one process imports the package.
    with joblib.parallel_config("loky", n_jobs=2):
        (found,) = joblib.Parallel()([joblib.delayed(lambda: [one.transform(X) for one in estimators])()])
    for codes, copied in zip(expected, found, strict=True):
        np.testing.assert_allclose(copied, codes, atol=1e-6)


def test_a_local_loss_is_copied_but_not_pickled():
    estimator = fit_model({"architecture": SMALL, "loss": lambda output, target: half_squares(output, target)}, X)
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(estimator)
    by_name = fit_model({"architecture": SMALL, "loss": half_squares}, X)
    for copied in (copy.deepcopy(estimator), pickle.loads(pickle.dumps(by_name))):
        np.testing.assert_array_equal(copied.transform(X), estimator.transform(X))


def test_training_of_a_pickled_model_resumes(small):
    made = copy.deepcopy(small).partial_fit(X)
    restored = pickle.loads(pickle.dumps(made))
    np.testing.assert_array_equal(restored.partial_fit(X).transform(X), made.partial_fit(X).transform(X))
