"""Displays of tables with categories draw the features of the network, with their names."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from displayed import drawn

from skae import AutoencoderTransformer
from skae.inspection import (
    GeneratedSamplesDisplay,
    LatentSpaceDisplay,
    LatentTraversalDisplay,
    ReconstructionDisplay,
)

HIDDEN = np.random.RandomState(0).randn(60)
TABLE = pd.DataFrame(
    {"x": 100 * HIDDEN, "kind": np.where(HIDDEN > 0, "large", "small"), "flag": HIDDEN > 0.5, "y": HIDDEN**2}
)
NAMES = ["x", "kind=large", "kind=small", "flag", "y"]


def tick_labels(ax):
    return [label.get_text() for label in ax.get_xticklabels()]


@pytest.mark.parametrize("library", [lambda frame: frame, pl.from_pandas, pa.Table.from_pandas])
def test_displays_name_the_encoded_features(library):
    table = library(TABLE)
    autoencoder = AutoencoderTransformer(2, max_epochs=1, random_state=0).fit(table)
    display = drawn(ReconstructionDisplay.from_estimator(autoencoder, table, n_samples=2))
    assert display.samples.shape == display.reconstructions.shape == (4, 5)
    assert set(np.unique(display.samples[:, 1:3])) == {0, 1}
    assert tick_labels(display.ax_[1, 0]) == NAMES
    assert np.abs(display.samples - display.reconstructions)[:, 1:3].max() > 0
    display = drawn(GeneratedSamplesDisplay.from_estimator(autoencoder, n_samples=3))
    assert display.samples.shape == (3, 5)
    assert tick_labels(display.ax_[0, 0]) == NAMES


def test_abbreviated_names_keep_the_category():
    table = pd.DataFrame({"x": HIDDEN, "town of residence": np.where(HIDDEN > 0, "Paris", "London")})
    autoencoder = AutoencoderTransformer(1, max_epochs=1, random_state=0).fit(table)
    display = drawn(GeneratedSamplesDisplay.from_estimator(autoencoder, n_samples=3))
    assert tick_labels(display.ax_[0, 0]) == ["x", "town of …ce=London", "town of …nce=Paris"]


def test_traversals_draw_probabilities_and_latent_spaces_scores():
    autoencoder = AutoencoderTransformer(2, max_epochs=1, random_state=0).fit(TABLE)
    display = drawn(LatentTraversalDisplay.from_estimator(autoencoder, TABLE, n_steps=5))
    assert display.samples.shape == (2, 5, 5)
    assert len(np.unique(display.samples[0, :, 1])) == 5
    drawn(LatentSpaceDisplay.from_estimator(autoencoder, TABLE))
