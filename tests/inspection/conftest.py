"""Fitted autoencoders, and figures that are closed after each test."""

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import pytest
from displayed import DATA

from skae import AutoencoderTransformer, Dense


@pytest.fixture(scope="session")
def fitted():
    """A fitted autoencoder by kind of data."""
    return {
        name: AutoencoderTransformer(
            3, architecture="sequence" if name == "tokens" else Dense((8,)), axes=axes, max_epochs=2, random_state=0
        ).fit(X)
        for name, (X, axes) in DATA.items()
    }


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")
