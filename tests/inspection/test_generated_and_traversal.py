"""GeneratedSamplesDisplay and LatentTraversalDisplay."""

import numpy as np
import pytest
from displayed import DATA, drawn

from skae.inspection import GeneratedSamplesDisplay, LatentTraversalDisplay


@pytest.mark.parametrize("kind", DATA)
def test_traversals_pass_through_the_mean_code(fitted, kind):
    X = DATA[kind][0]
    display = drawn(LatentTraversalDisplay.from_estimator(fitted[kind], X, n_steps=3))
    assert display.ax_.shape == (3, 1)
    middle = fitted[kind].inverse_transform(fitted[kind].transform(X).mean(0, dtype=np.float64)[None])
    for samples in display.samples:
        np.testing.assert_allclose(samples[1], middle[0], rtol=1e-4, atol=1e-4)
    if kind != "tokens":
        assert not np.allclose(display.samples[0, 0], display.samples[0, 2])


@pytest.mark.parametrize("kind", DATA)
def test_generated_samples_equal_those_of_sample(fitted, kind):
    display = drawn(GeneratedSamplesDisplay.from_estimator(fitted[kind], n_samples=5, random_state=1))
    np.testing.assert_array_equal(display.samples, fitted[kind].sample(5, random_state=1))
    assert display.ax_.shape == ((1, 1) if "table" in kind else (2, 3))


def test_generated_samples_come_from_the_given_sampler(fitted):
    autoencoder = fitted["table"]
    for sampler in ("gaussian", "kernel"):
        display = GeneratedSamplesDisplay.from_estimator(autoencoder, n_samples=3, sampler=sampler)
        expected = np.asarray(autoencoder.sample(3, random_state=0, sampler=sampler))
        np.testing.assert_array_equal(np.asarray(display.samples), expected)
    like = DATA["table"][0][:2]
    display = GeneratedSamplesDisplay.from_estimator(autoencoder, n_samples=3, like=like)
    np.testing.assert_array_equal(np.asarray(display.samples), np.asarray(autoencoder.sample(3, 0, like=like)))
    with pytest.raises(ValueError, match="sampler"):
        GeneratedSamplesDisplay.from_estimator(autoencoder, sampler="priors")


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"n_steps": 1}, "n_steps.*Got 1"),
        ({"extent": 0}, "extent.*Got 0"),
        ({"coordinates": []}, "coordinates.*non-empty"),
        ({"coordinates": [-1]}, "coordinates.*Got -1"),
        ({"coordinates": [0, 3]}, "coordinates must be from 0 to 2. Got 3"),
    ],
)
def test_invalid_traversals_are_refused(fitted, parameters, match):
    with pytest.raises(ValueError, match=match):
        LatentTraversalDisplay.from_estimator(fitted["pictures"], DATA["pictures"][0], **parameters)
