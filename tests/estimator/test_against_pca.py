"""With default settings, the score on a test set is never below that of PCA of the same scaled data."""

import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer

TOLERANCE = 0.002


def scores(X, n_components):
    """Explained variance of the autoencoder and of PCA on a test set of a quarter of the rows."""
    train, test = train_test_split(X, test_size=0.25, random_state=0)
    autoencoder = AutoencoderTransformer(n_components, random_state=0).fit(train)
    scaling = autoencoder._result.layout.scaling
    scaled_train, scaled_test = (scaling.transform(torch.from_numpy(part)).numpy() for part in (train, test))
    pca = PCA(n_components, random_state=0).fit(scaled_train)
    restored = pca.inverse_transform(pca.transform(scaled_test))
    return autoencoder.score(test), 1 - ((scaled_test - restored) ** 2).sum() / (scaled_test**2).sum()


@pytest.mark.parametrize("n_components", [8, *(pytest.param(k, marks=pytest.mark.slow) for k in (2, 16))])
def test_digits_are_explained_clearly_better_than_by_pca(n_components, digits):
    autoencoder, pca = scores(digits[::2], n_components)
    assert autoencoder > pca + 0.05


@pytest.mark.parametrize("n_components", [2, *(pytest.param(k, marks=pytest.mark.slow) for k in (1, 4))])
@pytest.mark.parametrize("name", ["wine", "breast cancer", "diabetes"])
def test_tables_are_explained_at_least_as_well_as_by_pca(name, n_components, tables):
    autoencoder, pca = scores(tables[name], n_components)
    assert autoencoder >= pca - TOLERANCE


@pytest.mark.parametrize("name", ["wine", "breast cancer", "diabetes"])
def test_thirty_rows_are_explained_at_least_as_well_as_by_pca(name, tables):
    for n_components in (1, 3):
        autoencoder, pca = scores(tables[name][::4][:30], n_components)
        assert autoencoder >= pca - TOLERANCE
