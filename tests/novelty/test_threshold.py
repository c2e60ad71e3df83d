"""The threshold of AutoencoderNovelty."""

import numpy as np
import pytest
from novel_rows import X, correlated

from skae import AutoencoderNovelty, AutoencoderTransformer
from skae._novelty.scores import member_weights, select_all

ONE = AutoencoderTransformer(1, max_epochs=2)


@pytest.mark.parametrize("contamination", [0.05, 0.2, 0.5])
def test_contamination_is_the_fraction_of_outliers(contamination):
    novelty = AutoencoderNovelty(ONE, contamination=contamination, n_members=2, random_state=0)
    called = novelty.fit_predict(X)
    assert (called == -1).mean() == contamination
    np.testing.assert_array_equal(called, novelty.predict(X))


def test_contamination_holds_for_new_rows():
    novelty = AutoencoderNovelty(ONE, contamination=0.1, n_members=3, random_state=0)
    novelty.set_params(autoencoder__max_epochs=10, autoencoder__n_components=2).fit(X[:150])
    assert 0.03 < (novelty.predict(correlated(1000, seed=2)) == -1).mean() < 0.17


def test_training_rows_are_scored_by_a_member_not_trained_on_them(fitted):
    scores = fitted.score_samples(X)
    own = np.array([*fitted._result.part_of.values()])
    assert sorted(np.bincount(own)) == [133, 133, 134]
    for number, member in enumerate(fitted.members_):
        rows = np.flatnonzero(member_weights(fitted._result, select_all(X))[number] == 1)
        result = fitted._result
        log = np.log(result.measures[number].measure(X[rows], result.distance)) - result.median
        np.testing.assert_allclose(scores[rows], -np.exp(log))
        assert member.n_features_in_ == 6
    # A neighbor of distance 0 would be the row itself.
    assert scores.max() < -0.05


def test_auto_contamination_gives_few_false_outliers(fitted):
    assert (fitted.predict(correlated(1000, seed=3)) == -1).mean() < 0.05
    assert fitted.offset_ < -1


@pytest.mark.parametrize("seed", [0, 1])
def test_auto_contamination_holds_for_fewer_rows_than_columns(seed):
    mixing = np.random.RandomState(9).standard_normal((5, 50))
    random = np.random.RandomState(seed)
    rows, new = (random.standard_normal((n, 5)) @ mixing + 0.5 * random.standard_normal((n, 50)) for n in (46, 500))
    novelty = AutoencoderNovelty(AutoencoderTransformer(3, max_epochs=3), random_state=seed).fit(rows)
    assert (novelty.predict(new) == -1).mean() < 0.12


def test_decision_function_is_the_score_minus_the_offset(fitted):
    decision = fitted.decision_function(X)
    np.testing.assert_allclose(decision, fitted.score_samples(X) - fitted.offset_)
    np.testing.assert_array_equal(fitted.predict(X), np.where(decision < 0, -1, 1))
