"""The elbow rule: the true rank of data with noise."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from skae import AutoencoderTransformer, BottleneckSearchCV, Dense
from skae._search.folds import choose_size, find_elbow
from skae.metrics import explained_variance_scorer, uniform_explained_variance_scorer

QUICK = {"architecture": Dense((16,)), "max_epochs": 2, "random_state": 0}


def explained_variance_of(eigenvalues):
    return np.cumsum(eigenvalues) / np.sum(eigenvalues)


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.25])
@pytest.mark.parametrize("offered", [range(1, 21), range(1, 31), range(1, 6), (1, 5, 30), (2, 5, 6)])
def test_rank_of_a_spectrum_with_white_noise(noise, offered):
    eigenvalues = np.r_[8.0, 6.0, 5.0, 4.0, 2.0, np.zeros(25)] + noise
    sizes = np.array(offered)
    assert sizes[find_elbow(explained_variance_of(eigenvalues)[sizes - 1], sizes, 30)] == 5


def test_white_noise_needs_the_smallest_size():
    sizes = np.arange(1, 11)
    assert find_elbow(explained_variance_of(np.ones(10)), sizes, 10) == 0


def test_without_a_clear_drop_all_sizes_above_noise_count():
    eigenvalues = 0.7 ** np.arange(20) + 0.05
    sizes = np.arange(1, 20)
    chosen = sizes[find_elbow(explained_variance_of(eigenvalues)[:-1], sizes, 20)]
    remaining = np.array([eigenvalues[k:].mean() for k in range(20)])
    assert chosen == np.flatnonzero(eigenvalues > 2 * remaining).max() + 1


def test_sizes_without_a_score_are_not_chosen():
    results = {"mean_test_score": np.array([0.5, np.nan, 0.97, 0.98])}
    assert choose_size(results, "elbow", [1, 2, 3, 4], 10) == 2


def test_search_finds_the_true_rank():
    rng = np.random.RandomState(0)
    X = rng.randn(90, 3) @ rng.randn(3, 12) + 0.5 * rng.randn(90, 12)
    search = BottleneckSearchCV(AutoencoderTransformer(**QUICK), range(1, 8), cv=2, refit=False).fit(X)
    assert search.n_components_ == 3
    assert search.best_score_ < search.cv_results_["mean_test_score"].max()


def test_auto_is_one_standard_error_for_classifiers():
    X, y = load_iris(return_X_y=True)
    arguments = {"n_components": (1, 4), "classifier": LogisticRegression(), "cv": 2, "refit": False}
    chosen = [
        BottleneckSearchCV(AutoencoderTransformer(**QUICK), rule=rule, **arguments).fit(X, y).n_components_
        for rule in ("auto", "one_standard_error")
    ]
    assert chosen[0] == chosen[1]


@pytest.mark.parametrize("scoring", [None, explained_variance_scorer, uniform_explained_variance_scorer])
def test_the_rank_is_found_with_scorers_of_explained_variance(scoring):
    random = np.random.RandomState(0)
    X = random.standard_normal((300, 3)) @ random.standard_normal((3, 12)) + 0.1 * random.standard_normal((300, 12))
    autoencoder = AutoencoderTransformer(max_epochs=1, random_state=0)
    search = BottleneckSearchCV(autoencoder, (1, 2, 3, 4, 8), scoring=scoring, cv=2, refit=False).fit(X)
    assert search.n_components_ == 3
