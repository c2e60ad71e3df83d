"""GeneratedSamplesDisplay and LatentTraversalDisplay."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from displayed import DATA, drawn

from skae import AutoencoderTransformer
from skae.inspection import GeneratedSamplesDisplay, LatentSpaceDisplay, LatentTraversalDisplay


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


def test_the_columns_of_wide_tables_that_vary_most_are_drawn():
    random = np.random.RandomState(0)
    X = random.standard_normal((100, 1)) @ random.standard_normal((1, 60)) + 0.1 * random.standard_normal((100, 60))
    frame = pd.DataFrame(X, columns=[f"column {number}" for number in range(60)])
    autoencoder = AutoencoderTransformer(1, max_epochs=1, random_state=0).fit(frame)
    generated = drawn(GeneratedSamplesDisplay.from_estimator(autoencoder))
    traversal = drawn(LatentTraversalDisplay.from_estimator(autoencoder, frame))
    for display, which, values in (
        (generated, "vary", generated.samples.std(0)),
        (traversal, "change", np.ptp(traversal.samples[0], axis=0)),
    ):
        expected = [f"column {number}" for number in np.sort(np.argsort(-values / autoencoder.scale_)[:30])]
        assert [label.get_text() for label in display.ax_[-1, 0].get_xticklabels()] == expected
        assert display.figure_.get_suptitle() == f"30 of 60 columns, those that {which} most"


def test_the_channel_that_changes_most_is_drawn():
    signals = np.random.RandomState(0).standard_normal((50, 16, 2)) * [0.1, 0.3]
    autoencoder = AutoencoderTransformer(1, axes="t c", max_epochs=1, random_state=0).fit(signals)
    display = drawn(LatentTraversalDisplay.from_estimator(autoencoder, signals))
    assert display.ax_[0, 0].get_legend().get_title().get_text().startswith("value of channel 1, by")
    np.testing.assert_allclose(display.ax_[0, 0].lines[0].get_ydata(), display.samples[0, 0, :, 1])


def test_tokens_are_colors(fitted):
    display = drawn(LatentTraversalDisplay.from_estimator(fitted["tokens"], DATA["tokens"][0], n_steps=5))
    np.testing.assert_array_equal(display.ax_[0, 0].images[0].get_array(), display.samples[0])


def test_figures_of_videos_fit_on_a_page(fitted):
    display = GeneratedSamplesDisplay.from_estimator(fitted["videos"], n_samples=16)
    assert display.figure_.get_size_inches()[0] < 12


def test_nothing_is_drawn_over_axes_beside_given_ones(fitted):
    figure, (left, right) = plt.subplots(1, 2)  # no layout engine
    X = DATA["pictures"][0]
    LatentSpaceDisplay.from_estimator(fitted["pictures"], X, np.arange(len(X)) % 3, ax=left)
    figure.canvas.draw()
    assert left.get_legend().get_window_extent().x1 <= right.get_window_extent().x0
    assert left.get_legend().get_title().get_text() == "y"
