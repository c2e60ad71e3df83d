"""Distances of rows from their reconstructions."""

from dataclasses import replace

import numpy as np
import pytest
from novel_rows import X, correlated, pictures, planted
from scipy.stats import spearmanr
from sklearn.covariance import ledoit_wolf
from sklearn.metrics import roc_auc_score

from skae import AutoencoderNovelty, AutoencoderTransformer
from skae._novelty.distances import DISTANCES, Distance, ErrorSums, column_deviations, positions_and_errors, whitening

ONE = AutoencoderTransformer(1, max_epochs=2)


@pytest.mark.parametrize("distance", DISTANCES)
def test_planted_row_has_the_lowest_score(distance):
    novelty = AutoencoderNovelty(ONE, distance=distance, n_members=2, random_state=0)
    novelty.set_params(autoencoder__n_components=2).fit(X)
    others = correlated(200, seed=1)
    scores = novelty.score_samples(np.concatenate([others, planted()]))
    assert scores.argmin() == 200
    assert novelty.predict(planted()).tolist() == [-1]
    assert abs(np.median(novelty.score_samples(X)) + 1) < 1e-3


def test_novel_pictures_with_small_errors_are_detected_by_neighbors():
    novelty = AutoencoderNovelty(AutoencoderTransformer(6, max_epochs=3), random_state=0).fit(pictures(60, seed=0))
    test = np.concatenate([pictures(100, seed=1), pictures(100, seed=2, noise=0.6, brightness=4)])
    area = {}
    for distance in DISTANCES:
        novelty._result = replace(novelty._result, distance=distance)
        area[distance] = roc_auc_score(np.arange(200) >= 100, -novelty.score_samples(test))
    assert area["neighbors"] > 0.85
    assert area["error"] < 0.55


@pytest.mark.parametrize("axes", [None, "h w"], ids=["table", "pictures"])
def test_positions_and_errors_have_typical_length_one(axes):
    samples = X if axes is None else X.reshape(-1, 2, 3)
    errors = np.random.RandomState(0).standard_normal((5000, 6)) @ np.random.RandomState(1).standard_normal((6, 6))
    member = AutoencoderTransformer(2, axes=axes, max_epochs=2, random_state=0).fit(samples)
    distance = Distance(member, ErrorSums.of(errors), samples)
    vectors = distance._join(positions_and_errors(member, samples)[0], errors[: len(X)])
    vectors[:, :6] -= vectors[:, :6].mean(0)
    lengths = [np.sqrt(np.square(part).sum(1).mean()) for part in (vectors[:, :6], vectors[:, 6:])]
    np.testing.assert_allclose(lengths, 1, rtol=0.1)


def test_rare_rows_of_flags_have_larger_distances_than_frequent_ones():
    flags = (np.random.RandomState(0).random_sample((600, 4)) < [0.1, 0.2, 0.3, 0.4]).astype(float)
    member = AutoencoderTransformer(1, max_epochs=2, random_state=0).fit(flags)
    distance = Distance(member, ErrorSums.of(positions_and_errors(member, flags)[1]), flags)
    kinds, counts = np.unique(flags, axis=0, return_counts=True)
    assert distance.neighbors.n_neighbors > 50
    assert spearmanr(distance.measure(kinds, "neighbors"), counts)[0] < -0.7


def test_nearly_constant_columns_of_one_unit_have_a_limited_weight():
    np.testing.assert_allclose(column_deviations(X * 0), 1)
    rows = np.random.RandomState(0).standard_normal((1000, 2)) * [1, 1e-6]
    np.testing.assert_allclose(column_deviations(rows), [1, 0.25 / np.sqrt(2)], rtol=0.1)


def test_whitening_decorrelates_errors_of_tables_and_keeps_directions_of_pictures():
    errors = np.random.RandomState(0).standard_normal((5000, 4)) * [1, 1, 2, 3] @ np.triu(np.ones((4, 4)))
    np.testing.assert_allclose(
        np.cov((errors @ whitening(ErrorSums.of(errors), is_table=True)).T), np.eye(4), atol=0.05
    )
    number = whitening(ErrorSums.of(errors), is_table=False)
    assert number.shape == ()
    np.testing.assert_allclose(np.square(errors * number).mean(), 1)


@pytest.mark.parametrize("n_features", [1, 3, 40])
def test_covariance_of_errors_equals_that_of_ledoit_wolf(n_features):
    random = np.random.RandomState(0)
    errors = random.standard_normal((30, n_features)) @ random.standard_normal((n_features, n_features))
    deviation = 1 + random.rand(n_features)
    sums = ErrorSums.of(errors[:7]) + ErrorSums.of(errors[7:])
    expected, _ = ledoit_wolf(errors / deviation, assume_centered=True)
    np.testing.assert_allclose(sums.shrunk_covariance(deviation), expected, rtol=1e-10, atol=1e-13)
