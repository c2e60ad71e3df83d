"""Files of novelty detectors."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from model_files import (
    X,
    read,
    repack,
    save_and_load,
    small_autoencoder,
)
from skae import AutoencoderNovelty, Custom, ModelFileError, load, save

pytestmark = pytest.mark.filterwarnings("ignore:n_components=. was chosen")


NOVELTY = {
    "default": ({}, X),
    "mahalanobis": ({"distance": "mahalanobis", "n_members": 3}, X),
    "error": ({"distance": "error", "contamination": 0.1}, X),
    "pictures": ({}, np.random.RandomState(0).uniform(size=(40, 8, 8))),
    "frame": ({"random_state": np.random.RandomState(0)}, pd.DataFrame(X, columns=list("abcdef"))),
    "own autoencoder": ({"autoencoder": small_autoencoder(variant="denoising")}, X),
    "equal rows": ({}, np.tile(X[:15], (2, 1))),
    "no variance": ({}, np.ones((20, 3))),
}


@pytest.mark.parametrize("name", NOVELTY)
def test_a_loaded_detector_scores_the_same_to_the_bit(name):
    settings, rows = NOVELTY[name]
    model = AutoencoderNovelty(**{"autoencoder": small_autoencoder(), "n_members": 2, "random_state": 0, **settings})
    model.fit(rows)
    loaded = save_and_load(model)
    assert set(vars(loaded)) == set(vars(model))
    for other in (rows, rows * 1.1 + 0.1):
        for method in ("score_samples", "decision_function", "predict", "explain"):
            np.testing.assert_array_equal(getattr(loaded, method)(other), getattr(model, method)(other))
    np.testing.assert_array_equal(loaded.explain(rows, standardized=True), model.explain(rows, standardized=True))
    assert loaded.offset_ == model.offset_
    assert repr(loaded.autoencoder) == repr(model.autoencoder)


def test_a_default_detector_is_saved():
    model = AutoencoderNovelty(random_state=0, n_members=2).fit(X)
    loaded = save_and_load(model)
    assert loaded.autoencoder is None
    np.testing.assert_array_equal(loaded.score_samples(X), model.score_samples(X))


def test_a_detector_in_a_pipeline_is_saved():
    detector = AutoencoderNovelty(small_autoencoder(), n_members=2, random_state=0)
    fitted = make_pipeline(StandardScaler(), detector).fit(X)
    np.testing.assert_array_equal(save_and_load(fitted).predict(X), fitted.predict(X))


def test_an_error_names_missing_custom_modules():
    custom = {"encoder": nn.Linear(6, 2), "decoder": nn.Linear(2, 6)}
    model = AutoencoderNovelty(small_autoencoder(architecture=Custom(**custom)), n_members=2, random_state=0).fit(X)
    with pytest.raises(ModelFileError, match="custom_modules"):
        save_and_load(model)
    loaded = save_and_load(model, custom_modules=custom)
    np.testing.assert_array_equal(loaded.score_samples(X), model.score_samples(X))


def test_a_detector_that_is_not_fitted_is_refused(path):
    with pytest.raises(NotFittedError):
        save(AutoencoderNovelty(), path)


def test_tampered_detectors_are_refused(path):
    save(AutoencoderNovelty(small_autoencoder(), n_members=2, random_state=0).fit(X), path)
    stored = read(path)
    content, arrays = stored.content, stored.arrays()
    changes = [({**content, "x": 1}, arrays), (content, {**arrays, "x": torch.ones(1)})]
    changes += [({**content, "kind": kind}, arrays) for kind in ("settings", "search", "pipeline", None)]
    changes += [
        (content, {**arrays, "parts": arrays["parts"] + 2}),
        (content, {**arrays, "members/2/x": torch.ones(1)}),
    ]
    first = content["members"][0]
    changes += [({**content, "members": members}, arrays) for members in (None, [], [first], [first, "x"], [first] * 3)]
    for name, array in arrays.items():
        changes += [
            (content, {n: a for n, a in arrays.items() if n != name}),
            (content, {**arrays, name: array[None]}),
        ]
        if array.is_floating_point():
            changes.append((content, {**arrays, name: array * torch.nan}))
    for part in ("parameters", "learned"):
        for name in content[part]:
            for value in (None, -1, 1e308, {"number": "nan"}, "x", {"tuple": []}, [[]]):
                # Valid values of parameters.
                valid = {"random_state": (None, "x"), "n_members": (None, "x"), "n_jobs": (None, -1)}
                if not (part == "parameters" and value in valid.get(name, ())):
                    changes.append(({**content, part: {**content[part], name: value}}, arrays))
    accepted = 0
    for changed, others in changes:
        repack(path, json.loads(json.dumps(changed)), others)
        try:
            load(path).predict(X)
        except ModelFileError:
            continue
        accepted += 1
    # A changed finite number is not detected.
    assert accepted <= 2
