"""When PCA is given up for what was trained."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer
from skae.training import selection
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


def test_so_few_rows_leave_pca(monkeypatch):
    # A curve that training follows far better than PCA does, as four held-out rows would tell.
    angle = np.random.RandomState(0).uniform(0, 5, 40)
    X = np.stack([np.cos(angle), np.sin(angle), angle / 3], axis=1)
    autoencoder = AutoencoderTransformer(1, max_epochs=60, random_state=0)
    rows = autoencoder.fit(X)._layout.scaling.scaled(torch.from_numpy(X)).numpy()
    pca = PCA(1).fit(rows)
    share = 1 - ((rows - pca.inverse_transform(pca.transform(rows))) ** 2).sum() / (rows**2).sum()
    assert autoencoder.score(X) == pytest.approx(share, abs=1e-5)
    monkeypatch.setattr(selection, "FEWEST_ROWS", 4)
    assert autoencoder.fit(X).score(X) > share + 0.05
