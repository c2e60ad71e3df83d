"""ReconstructionDisplay and the format of samples."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from displayed import DATA, PICTURED, drawn
from scipy import sparse
from sklearn.datasets import load_breast_cancer

from skae import AutoencoderTransformer, Dense
from skae.inspection import LatentSpaceDisplay, LatentTraversalDisplay, ReconstructionDisplay, SampleFormat


class OnlySlices:
    """Rows that support little more than slicing."""

    def __init__(self, rows):
        self.rows, self.shape, self.dtype = rows, rows.shape, rows.dtype

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        if not isinstance(index, slice):
            raise TypeError("slices only")
        return self.rows[index]


@pytest.mark.parametrize("kind", DATA)
def test_reconstructions_are_drawn_worst_first(fitted, kind):
    X = DATA[kind][0]
    display = drawn(ReconstructionDisplay.from_estimator(fitted[kind], X, n_samples=2))
    assert display.ax_.shape == (3 if kind in PICTURED else 2, 4)
    scores = fitted[kind].score_samples(X)[display.indices]
    assert scores[0] == fitted[kind].score_samples(X).min()
    assert scores[0] <= scores[1] <= scores[3] <= scores[2]
    np.testing.assert_array_equal(display.samples, np.asarray(X)[display.indices])
    assert display.ax_[0, 0].get_title().startswith(f"worst: row {display.indices[0]}")


def test_columns_of_wide_tables_with_the_largest_errors_are_drawn():
    X = load_breast_cancer(as_frame=True).data
    autoencoder = AutoencoderTransformer(2, max_epochs=2, random_state=0).fit(X)
    display = drawn(ReconstructionDisplay.from_estimator(autoencoder, X, n_samples=2))
    errors = np.abs(display.reconstructions - display.samples) / autoencoder.scale_
    largest = X.columns[np.sort(np.argsort(-errors.mean(0))[:10])]
    assert [label.get_text() for label in display.ax_[1, 0].get_xticklabels()] == [
        name if len(name) <= 18 else f"{name[:8]}…{name[-9:]}" for name in largest
    ]
    assert display.figure_.get_suptitle().startswith("10 of 30 columns")
    assert display.figure_.get_size_inches()[0] < 10
    axes = plt.subplots(2, 4)[1]
    display = drawn(display.plot(axes))
    assert display.figure_.get_suptitle() == ""
    assert axes[1, 2].get_xlabel() == "10 of 30 columns, those with the largest errors"


def test_columns_without_names_are_named_by_their_index():
    X = np.random.RandomState(0).standard_normal((60, 40))
    autoencoder = AutoencoderTransformer(2, max_epochs=1, random_state=0).fit(X)
    display = drawn(ReconstructionDisplay.from_estimator(autoencoder, X, n_samples=2))
    errors = np.abs(display.reconstructions - display.samples).mean(0)
    expected = [str(column) for column in np.sort(np.argsort(-errors)[:10])]
    assert [label.get_text() for label in display.ax_[1, 0].get_xticklabels()] == expected


def test_channels_of_different_units_are_standardized_and_named():
    t = np.linspace(0, 6, 32)
    phase = np.random.RandomState(0).uniform(0, 6, (100, 1))
    signals = np.stack([np.sin(t + phase), 1000 + 300 * np.cos(t + phase)], axis=-1)
    autoencoder = AutoencoderTransformer(2, axes="t c", max_epochs=2, random_state=0).fit(signals)
    assert autoencoder.scaling_ == "channels"
    display = drawn(ReconstructionDisplay.from_estimator(autoencoder, signals, n_samples=2))
    assert display.figure_.get_suptitle() == ""
    assert display.ax_[0, 0].get_ylabel() == "standardized value"
    ranges = [np.ptp(line.get_ydata()) for line in display.ax_[0, 0].lines if line.get_label().startswith("input")]
    assert len(ranges) == 2
    assert 0.5 < ranges[0] / ranges[1] < 2
    labels = [text.get_text() for text in display.ax_[0, -1].get_legend().get_texts()]
    assert labels[-1] == "reconstruction, channel 1"


FORMS = {
    "tensor": torch.tensor,
    "sparse": sparse.csr_array,
    "list": list,
    "slices": OnlySlices,
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
}


def drawn_rows(fitted, rows):
    """What three displays draw of the rows of a wide table."""
    for display in (ReconstructionDisplay, LatentTraversalDisplay, LatentSpaceDisplay):
        shown = display.from_estimator(fitted["wide table"], rows)
        yield shown.codes if display is LatentSpaceDisplay else shown.samples


@pytest.fixture(scope="module")
def drawn_of_an_array(fitted):
    return list(drawn_rows(fitted, DATA["wide table"][0]))


@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_rows_of_every_container_are_drawn(fitted, form, drawn_of_an_array):
    for mine, other in zip(drawn_rows(fitted, form(DATA["wide table"][0])), drawn_of_an_array, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-4)


def test_data_frames_of_codes_are_drawn(fitted):
    X = DATA["table"][0]
    autoencoder = AutoencoderTransformer(2, architecture=Dense((4,)), max_epochs=1, random_state=0).fit(X)
    expected = LatentTraversalDisplay.from_estimator(autoencoder, X).samples
    autoencoder.set_output(transform="pandas")
    shown = LatentTraversalDisplay.from_estimator(autoencoder, X).samples
    np.testing.assert_allclose(shown, expected, atol=0.51)  # whole numbers of a frame stay whole
    drawn(ReconstructionDisplay.from_estimator(autoencoder, X, n_samples=1))


def test_sample_format_brings_axes_into_one_order():
    x = np.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    np.testing.assert_array_equal(SampleFormat((3, 4, 5), "c h w").to_pictures(x), x.transpose(0, 2, 3, 1))
    two = x[:, :2]
    np.testing.assert_array_equal(SampleFormat((2, 4, 5), "c h w").to_pictures(two), two.mean(1))
    flat = x[:, 0].reshape(2, 20)
    np.testing.assert_array_equal(SampleFormat((4, 5), "w h").to_pictures(flat), x[:, 0].transpose(0, 2, 1))
    np.testing.assert_array_equal(SampleFormat((4, 5), "c t").to_lines(flat), x[:, 0].transpose(0, 2, 1))
    frames = SampleFormat((3, 4, 5), "t h w").to_pictures(x)
    assert frames.shape == (2, 4, 5 * 3 + 2)
    np.testing.assert_array_equal(frames[:, :, 6:11], x[:, 1])
    with pytest.raises(ValueError, match="names 2 axes, but samples have shape"):
        SampleFormat((3, 4, 5), "h w")
    with pytest.raises(ValueError, match=r"Expected samples of shape \(4, 4\). Got \(4, 5\)"):
        SampleFormat((4, 4), "h w").to_pictures(x[:, 0])
