"""Rows of a group, and copies of a row, stay in one fold of AutoencoderNovelty."""

import numpy as np
import pytest
from novel_rows import X
from sklearn.base import clone
from sklearn.metrics import roc_auc_score

from skae import AutoencoderNovelty, AutoencoderTransformer
from skae._novelty.members import split_into_parts
from skae._novelty.scores import member_weights, select_all

ONE = AutoencoderTransformer(1, max_epochs=2)


def subjects(n, seed):
    """Five rows of every subject, near each other."""
    random = np.random.RandomState(seed)
    return np.repeat(random.standard_normal((n, 12)), 5, axis=0) + 0.2 * random.standard_normal((5 * n, 12))


def test_copies_of_rows_are_scored_by_a_member_not_trained_on_them():
    random = np.random.RandomState(0)
    mixing = random.standard_normal((3, 8))
    rows, new = (random.standard_normal((n, 3)) @ mixing + 0.1 * random.standard_normal((n, 8)) for n in (150, 1000))
    autoencoder = AutoencoderTransformer(3, max_epochs=10, random_state=0)
    found = [
        (
            AutoencoderNovelty(autoencoder, contamination=0.05, random_state=0).fit(np.repeat(rows, n, 0)).predict(new)
            < 0
        )
        for n in (1, 3)
    ]
    assert abs(found[0].mean() - found[1].mean()) < 0.05


def test_rows_of_a_group_are_scored_by_a_member_not_trained_on_it():
    groups = np.random.RandomState(0).permutation(400) % 40
    parts = split_into_parts(X, groups, 5, 0)
    assert sorted(np.concatenate([held_out for _, held_out in parts])) == list(range(400))
    for rows, held_out in parts:
        assert not set(groups[rows]) & set(groups[held_out])
    novelty = AutoencoderNovelty(ONE, n_members=5, random_state=0).fit(X, groups=groups)
    weights = member_weights(novelty._result, select_all(X))
    assert all(len(set(weights[:, groups == g].argmax(0))) == 1 for g in range(40))


def test_equal_rows_share_a_fold_for_any_groups():
    repeated = np.concatenate([X[:100], X[:50]])
    parts = split_into_parts(repeated, np.arange(150), 5, 0)
    assert all(not set(repeated[rows, 0]) & set(repeated[held_out, 0]) for rows, held_out in parts)
    # Unless there would be fewer than two folds.
    assert len(split_into_parts(np.zeros((20, 2)), np.arange(20) // 10, 5, 0)) == 2


def test_new_subjects_are_outliers_no_more_often_than_those_of_fit():
    new = subjects(60, 1)
    with pytest.warns(UserWarning, match=r"groups=\.\.\."):
        found = AutoencoderNovelty(ONE, contamination=0.1, random_state=0).fit(subjects(60, 0))
    given = AutoencoderNovelty(ONE, contamination=0.1, random_state=0).fit(
        subjects(60, 0), groups=np.repeat(np.arange(60), 5)
    )
    by_row = AutoencoderNovelty(ONE, contamination=0.1, random_state=0).fit(subjects(60, 0), groups=range(300))
    for novelty in (found, given):
        assert np.mean(novelty.predict(new) < 0) < 0.2
    assert np.mean(by_row.predict(new) < 0) > 0.5


def test_wrong_groups_are_refused():
    with pytest.raises(ValueError, match="one label per sample"):
        AutoencoderNovelty(ONE).fit(X, groups=[1, 2])
    with pytest.raises(ValueError, match=r"All rows are of one group.*Pass 2 groups or more"):
        AutoencoderNovelty(ONE).fit(X, groups=np.zeros(400))


def test_frequent_rows_of_flags_are_inliers_though_they_are_equal():
    random = np.random.RandomState(0)
    rows, new = ((random.random_sample((n, 5)) < [0.1, 0.1, 0.2, 0.2, 0.3]).astype(float) for n in (300, 200))
    novelty = AutoencoderNovelty(ONE, n_members=3, random_state=0).fit(rows)
    assert roc_auc_score(np.arange(400) >= 200, -novelty.score_samples(np.concatenate([new, 1 - new]))) > 0.85
    np.testing.assert_array_equal(novelty.predict(rows), clone(novelty).fit_predict(rows))
