"""Features whose scaling changes in partial_fit: codes of earlier rows stay, and the features are learned."""

import numpy as np
import pytest
import scipy.sparse as sp

from skae import AutoencoderTransformer, Convolutional, Dense, load, save

RANDOM = np.random.RandomState(0)
LATENT = RANDOM.standard_normal((2000, 3))
SENSORS = LATENT @ RANDOM.standard_normal((3, 6)) + 0.1 * RANDOM.standard_normal((2000, 6))
LATE = 5e4 + 1e4 * LATENT[:, 0]


def explained(estimator, X):
    """Explained variance of every column."""
    return 1 - np.square(X - estimator.reconstruct(X)).sum(0) / np.square(X - X.mean(0)).sum(0)


def stream(*late, before=0.0):
    """Ten chunks of 200 rows, whose late columns are constant in the first one."""
    X = np.column_stack([SENSORS, *late])
    X[:200, 6:] = before
    return X, np.array_split(X, 10)


@pytest.mark.parametrize(
    ("late", "before"),
    [
        ((LATE,), 0.0),
        ((LATE,), 7.0),
        ((LATE, 1e-3 * LATENT[:, 1]), 0.0),
        ((LATENT[:, 1],), 0.0),
        ((-1e-6 * LATE,), 0.0),
    ],
)
@pytest.mark.parametrize("scaling", ["auto", "columns"])
def test_a_column_that_is_constant_at_first_is_learned(late, before, scaling):
    X, chunks = stream(*late, before=before)
    autoencoder = AutoencoderTransformer(3, scaling=scaling, random_state=0)
    for chunk in chunks:
        autoencoder.partial_fit(chunk)
    assert explained(autoencoder, X[200:]).min() > 0.8


def test_a_column_that_hardly_varies_at_first_is_learned():
    X, chunks = stream(LATE)
    X[:200, 6] = np.arange(200) % 2 * 1e-3
    autoencoder = AutoencoderTransformer(3, random_state=0)
    for chunk in chunks:
        autoencoder.partial_fit(chunk)
    assert explained(autoencoder, X[200:]).min() > 0.8


def test_a_late_column_of_sparse_rows_is_learned():
    X, chunks = stream(LATE)
    autoencoder = AutoencoderTransformer(3, random_state=0)
    for chunk in chunks:
        autoencoder.partial_fit(sp.csr_matrix(chunk))
    assert explained(autoencoder, X[200:]).min() > 0.8


@pytest.mark.parametrize(
    "architecture", [Dense((16,)), Dense((16,), linear_path=False), Convolutional((4,), hidden_sizes=(8,))]
)
def test_codes_of_earlier_rows_stay_when_a_channel_begins_to_vary(architecture):
    X = RANDOM.standard_normal((120, 12, 3))
    X[:60, :, 2], X[60:, :, 2] = 5.0, 1e4 * X[60:, :, 2]
    # The learning rate is almost zero, so only the scaling changes.
    autoencoder = AutoencoderTransformer(
        2, architecture=architecture, axes="t c", optimizer="sgd", lr=1e-30, random_state=0
    )
    codes = autoencoder.partial_fit(X[:60]).transform(X[:60])
    assert autoencoder.scaling_ == "global"
    autoencoder.partial_fit(X[60:])
    assert autoencoder.scaling_ == "channels"
    np.testing.assert_allclose(autoencoder.transform(X[:60]), codes, atol=1e-5)


def test_nothing_changes_where_units_stay():
    chunks = np.array_split(SENSORS, 4)
    autoencoder = AutoencoderTransformer(2, random_state=0).partial_fit(chunks[0])
    mean, scale = autoencoder.mean_, autoencoder.scale_
    for chunk in chunks[1:]:
        autoencoder.partial_fit(chunk)
    np.testing.assert_array_equal(autoencoder.mean_, mean)
    np.testing.assert_array_equal(autoencoder.scale_, scale)


def test_a_loaded_estimator_learns_a_late_column_to_the_same_bits(tmp_path):
    _, chunks = stream(LATE)
    autoencoder = AutoencoderTransformer(3, random_state=0).partial_fit(chunks[0])
    save(autoencoder, tmp_path / "model.skae")
    loaded = load(tmp_path / "model.skae")
    for chunk in chunks[1:4]:
        autoencoder.partial_fit(chunk)
        loaded.partial_fit(chunk)
    np.testing.assert_array_equal(loaded.transform(chunks[5]), autoencoder.transform(chunks[5]))


def test_partial_fit_after_fit_learns_a_late_column():
    X, chunks = stream(LATE)
    autoencoder = AutoencoderTransformer(3, random_state=0).fit(chunks[0])
    for chunk in chunks[1:]:
        autoencoder.partial_fit(chunk)
    assert explained(autoencoder, X[200:]).min() > 0.8
