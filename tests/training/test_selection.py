"""When PCA is given up for what was trained."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer
from skae.training.selection import surely_lower


def test_a_clear_gain_of_few_rows_is_sure_from_five_on():
    start = np.arange(1.0, 11.0)
    assert surely_lower(start - 0.5, start)
    assert surely_lower(start[:5] - 0.5, start[:5])
    assert not surely_lower(start[:4] - 0.5, start[:4])
    assert not surely_lower(start, start)
    assert not surely_lower(start + 0.5, start)


def test_chance_is_seldom_taken_for_a_gain():
    random = np.random.RandomState(0)
    taken = [surely_lower(*random.standard_normal((2, 12)) + 5) for _ in range(2000)]
    assert 0.01 < np.mean(taken) < 0.04


@pytest.mark.parametrize("n", [20, 40])
def test_so_few_rows_leave_pca(n):
    X = np.random.RandomState(0).standard_normal((n, 6)) @ np.random.RandomState(1).standard_normal((6, 6))
    autoencoder = AutoencoderTransformer(2, random_state=0).fit(X)
    rows = autoencoder._layout.scaling.scaled(torch.from_numpy(X)).numpy()
    pca = PCA(2).fit(rows)
    share = 1 - ((rows - pca.inverse_transform(pca.transform(rows))) ** 2).sum() / (rows**2).sum()
    assert autoencoder.score(X) == pytest.approx(share, abs=1e-5)
