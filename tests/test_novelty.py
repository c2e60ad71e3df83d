"""Unusual rows: scores, the threshold, explanations."""

import copy
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.covariance import ledoit_wolf
from sklearn.datasets import load_digits, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.utils.estimator_checks import check_estimator

from skae import AutoencoderNovelty, AutoencoderTransformer
from skae._novelty.distances import DISTANCES, Distance, ErrorSums, scaled_parts, whitening
from skae._novelty.novelty import split
from skae._parameters import InvalidParameterError

ONE = AutoencoderTransformer(1, max_epochs=2)


def correlated(n, seed=0):
    """Rows (n, 6) on a plane, plus noise, in mixed units."""
    random = np.random.RandomState(seed)
    plane = random.standard_normal((n, 2)) @ np.random.RandomState(9).standard_normal((2, 6))
    return (plane + 0.1 * random.standard_normal((n, 6))) * np.logspace(-2, 3, 6) + 5


def planted():
    """A row whose first column denies the others, though no value of it is unusual by itself."""
    row = correlated(400)[:1].copy()
    row[0, 0] = 10 - row[0, 0] + 0.02
    return row


def pictures(n, seed, noise=1.0, brightness=0.0):
    """Pictures (n, 16, 16): nine smooth waves, the first of which is brightness, and noise."""
    random = np.random.RandomState(seed)
    waves = np.cos(np.pi * np.outer(np.arange(3), np.arange(16) + 0.5) / 16)
    sizes = random.standard_normal((n, 3, 3))
    sizes[:, 0, 0] += brightness
    return np.einsum("nij,ia,jb->nab", sizes, waves, waves) + noise * random.standard_normal((n, 16, 16))


X = correlated(400)


@pytest.fixture(scope="module")
def fitted():
    return AutoencoderNovelty(AutoencoderTransformer(2, max_epochs=5), n_members=3, random_state=0).fit(X)


@pytest.mark.parametrize(
    "novelty",
    [
        AutoencoderNovelty(ONE, n_members=2),
        AutoencoderNovelty(ONE, contamination=0.1, distance="mahalanobis", n_members=2),
        pytest.param(AutoencoderNovelty(), marks=pytest.mark.slow),
    ],
    ids=["neighbors", "mahalanobis", "defaults"],
)
@pytest.mark.filterwarnings("ignore:The latent code is over-complete:UserWarning")
def test_estimator_checks_pass_without_exception(novelty):
    results = check_estimator(novelty, on_fail=None, on_skip=None)
    assert not {r["check_name"]: r["exception"] for r in results if r["status"] != "passed"}
    assert len(results) > 40


@pytest.mark.parametrize("distance", DISTANCES)
def test_planted_row_is_the_most_unusual(distance):
    novelty = AutoencoderNovelty(ONE, distance=distance, n_members=2, random_state=0)
    novelty.set_params(autoencoder__n_components=2).fit(X)
    others = correlated(200, seed=1)
    scores = novelty.score_samples(np.concatenate([others, planted()]))
    assert scores.argmin() == 200
    assert novelty.predict(planted()).tolist() == [-1]
    assert abs(np.median(novelty.score_samples(X)) + 1) < 1e-3


def test_default_finds_other_wines_better_than_the_error_does():
    rows, y = load_wine(return_X_y=True)
    usual, area = rows[y == 1], {}
    test = np.concatenate([usual[35:], rows[y != 1]])
    unusual = np.arange(len(test)) >= len(usual) - 35
    for distance in ("neighbors", "error"):
        novelty = AutoencoderNovelty(distance=distance, random_state=0).fit(usual[:35])
        assert novelty.autoencoder is None
        assert 1 <= novelty.n_components_ < 13
        area[distance] = roc_auc_score(unusual, -novelty.score_samples(test))
    assert area["neighbors"] > max(area["error"], 0.9)


def test_pictures_with_little_error_are_found_by_what_they_show():
    novelty = AutoencoderNovelty(AutoencoderTransformer(6, max_epochs=3), random_state=0).fit(pictures(60, seed=0))
    test = np.concatenate([pictures(100, seed=1), pictures(100, seed=2, noise=0.6, brightness=4)])
    area = {}
    for novelty.distance_ in DISTANCES:
        area[novelty.distance_] = roc_auc_score(np.arange(200) >= 100, -novelty.score_samples(test))
    assert area["neighbors"] > 0.85
    assert area["error"] < 0.55


def test_reconstructions_and_errors_are_of_typical_length_one():
    errors = np.random.RandomState(0).standard_normal((5000, 6)) @ np.random.RandomState(1).standard_normal((6, 6))
    distance = Distance(AutoencoderTransformer(2, max_epochs=2, random_state=0).fit(X), ErrorSums.of(errors), X)
    restored, _ = scaled_parts(distance.member, X)
    places = distance._places(restored - restored.mean(0), errors[: len(X)])
    lengths = [np.sqrt(np.square(part).sum(1).mean()) for part in (places[:, :6], places[:, 6:])]
    np.testing.assert_allclose(lengths, 1, rtol=0.1)


def test_whitened_errors_are_uncorrelated_in_tables_and_keep_their_directions_in_pictures():
    errors = np.random.RandomState(0).standard_normal((5000, 4)) * [1, 1, 2, 3] @ np.triu(np.ones((4, 4)))
    np.testing.assert_allclose(
        np.cov((errors @ whitening(ErrorSums.of(errors), is_table=True)).T), np.eye(4), atol=0.05
    )
    number = whitening(ErrorSums.of(errors), is_table=False)
    assert number.shape == ()
    np.testing.assert_allclose(np.square(errors * number).mean(), 1)


@pytest.mark.parametrize("n_features", [1, 3, 40])
def test_covariance_of_summed_errors_is_that_of_ledoit_and_wolf(n_features):
    random = np.random.RandomState(0)
    errors = random.standard_normal((30, n_features)) @ random.standard_normal((n_features, n_features))
    deviation = 1 + random.rand(n_features)
    sums = ErrorSums.of(errors[:7]) + ErrorSums.of(errors[7:])
    expected, _ = ledoit_wolf(errors / deviation, assume_centered=True)
    np.testing.assert_allclose(sums.shrunk_covariance(deviation), expected, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_every_container_gives_the_same_scores(dtype, tmp_path):
    rows = np.random.RandomState(0).randint(0, 255, size=(200, 12)).astype(dtype)
    np.save(tmp_path / "X.npy", rows)
    expected = AutoencoderNovelty(ONE, n_members=2, random_state=0).fit(rows.astype(np.float64)).score_samples(rows)
    for given in (rows, np.asfortranarray(rows), np.load(tmp_path / "X.npy", mmap_mode="r"), torch.from_numpy(rows)):
        novelty = AutoencoderNovelty(ONE, n_members=2, random_state=0).fit(given)
        np.testing.assert_array_equal(np.asarray(novelty.score_samples(given)), expected)


class TestThreshold:
    @pytest.mark.parametrize("contamination", [0.05, 0.2, 0.5])
    def test_contamination_is_the_share_called_unusual(self, contamination):
        novelty = AutoencoderNovelty(ONE, contamination=contamination, n_members=2, random_state=0)
        called = novelty.fit_predict(X)
        assert (called == -1).mean() == contamination
        np.testing.assert_array_equal(called, novelty.predict(X))

    def test_new_rows_are_called_unusual_as_often(self):
        novelty = AutoencoderNovelty(ONE, contamination=0.1, n_members=3, random_state=0)
        novelty.set_params(autoencoder__max_epochs=10, autoencoder__n_components=2).fit(X[:150])
        assert 0.03 < (novelty.predict(correlated(1000, seed=2)) == -1).mean() < 0.17

    def test_rows_of_fit_are_scored_by_the_member_not_trained_on_them(self, fitted):
        scores = fitted.score_samples(X)
        own = np.array([fitted._part_of[key] for key in fitted._part_of])
        assert sorted(np.bincount(own)) == [133, 133, 134]
        for number, member in enumerate(fitted.members_):
            rows = np.flatnonzero(fitted._weights(X)[number] == 1)
            log = np.log(fitted._distances(number, X[rows])) - fitted._median
            np.testing.assert_allclose(scores[rows], -np.exp(log))
            assert member.n_features_in_ == 6
        # A neighbor of distance 0 would be the row itself.
        assert scores.max() < -0.05

    def test_auto_calls_few_usual_rows_unusual(self, fitted):
        assert (fitted.predict(correlated(1000, seed=3)) == -1).mean() < 0.05
        assert fitted.offset_ < -1

    @pytest.mark.parametrize("seed", [0, 1])
    def test_auto_holds_for_fewer_rows_than_columns(self, seed):
        mixing = np.random.RandomState(9).standard_normal((5, 50))
        random = np.random.RandomState(seed)
        rows, new = (random.standard_normal((n, 5)) @ mixing + 0.5 * random.standard_normal((n, 50)) for n in (46, 500))
        novelty = AutoencoderNovelty(AutoencoderTransformer(3, max_epochs=3), random_state=seed).fit(rows)
        assert (novelty.predict(new) == -1).mean() < 0.12

    def test_decision_is_the_score_less_the_offset(self, fitted):
        decision = fitted.decision_function(X)
        np.testing.assert_allclose(decision, fitted.score_samples(X) - fitted.offset_)
        np.testing.assert_array_equal(fitted.predict(X), np.where(decision < 0, -1, 1))


class TestExplain:
    def test_names_the_column_of_the_planted_row(self, fitted):
        difference = fitted.explain(np.concatenate([X, planted()]))
        assert difference.shape == (401, 6)
        in_deviations = np.abs(difference[-1]) / difference[:-1].std(0)
        assert in_deviations.argmax() == 0
        assert np.abs(fitted.explain(planted(), standardized=True))[-1].argmax() == 0

    def test_columns_of_other_units_compare(self):
        """The hue of a wine is about 1, its proline about 1,000."""
        wine = load_wine(as_frame=True)
        usual = wine.data[wine.target == 0]
        novelty = AutoencoderNovelty(AutoencoderTransformer(4, max_epochs=10), n_members=3, random_state=0).fit(usual)
        odd = usual[:10].assign(hue=usual["hue"][:10] + 6 * usual["hue"].std())
        assert (novelty.explain(odd, standardized=True).abs().idxmax(axis=1) == "hue").mean() > 0.8

    def test_the_distance_is_that_of_fit(self, fitted):
        other = copy.copy(fitted).set_params(distance="error")
        np.testing.assert_array_equal(other.score_samples(X[:9]), fitted.score_samples(X[:9]))

    def test_frames_come_back_as_frames(self, fitted):
        names = list("abcdef")
        index = np.arange(400)[::-1]
        frame = pd.DataFrame(X, columns=names, index=index)
        novelty = clone(fitted).fit(frame)
        assert novelty.feature_names_in_.tolist() == names
        difference = novelty.explain(frame)
        assert difference.columns.tolist() == names
        assert difference.index.tolist() == index.tolist()
        np.testing.assert_allclose(difference.to_numpy(), fitted.explain(X))
        assert novelty.explain(pl.DataFrame(X, schema=names)).columns == names

    def test_pictures_and_tensors(self):
        pictures = load_digits().images[:80]
        novelty = AutoencoderNovelty(ONE, n_members=2, random_state=0).fit(pictures)
        assert novelty.explain(pictures[:3]).shape == (3, 8, 8)
        tensor = torch.from_numpy(pictures[:3])
        assert isinstance(novelty.score_samples(tensor), torch.Tensor)
        assert novelty.explain(tensor).shape == (3, 8, 8)
        np.testing.assert_array_equal(novelty.predict(tensor), novelty.predict(pictures[:3]))
        with pytest.raises(ValueError, match="shape"):
            novelty.predict(pictures[:3].reshape(3, 64))


def test_autoencoder_given_is_not_changed(fitted):
    autoencoder = fitted.autoencoder
    assert not hasattr(autoencoder, "net_")
    assert autoencoder.random_state is None
    assert fitted.members_[0].n_components == 2


def test_same_seed_gives_the_same_scores(fitted):
    again = clone(fitted).fit(X)
    new = correlated(50, seed=4)
    np.testing.assert_array_equal(again.score_samples(new), fitted.score_samples(new))
    other = clone(fitted).set_params(random_state=1).fit(X)
    assert (other.score_samples(new) != fitted.score_samples(new)).any()


def test_pickle_keeps_scores(fitted):
    back = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(back.score_samples(X), fitted.score_samples(X))
    assert back.offset_ == fitted.offset_


def test_constant_rows_are_usual():
    novelty = AutoencoderNovelty(ONE, n_members=2, random_state=0).fit(np.ones((20, 3)))
    assert (novelty.predict(np.ones((5, 3))) == 1).all()
    assert (novelty.predict(np.full((5, 3), 2.0)) == -1).all()


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"contamination": 0.6}, r"contamination.*\(0.0, 0.5\].*0.6"),
        ({"contamination": "atuo"}, "contamination.*'auto'.*'atuo'"),
        ({"n_members": 1}, r"n_members.*\[2, inf\).*1"),
        ({"distance": "neighbours"}, "Did you mean 'neighbors'"),
        ({"autoencoder": "dense"}, "autoencoder.*AutoencoderTransformer or None.*'dense'"),
    ],
)
def test_parameters_are_checked(parameters, match):
    with pytest.raises(InvalidParameterError, match=match):
        AutoencoderNovelty(**parameters).fit(X)


def test_bad_rows_are_refused():
    novelty = AutoencoderNovelty(ONE)
    with pytest.raises(NotFittedError):
        novelty.predict(X)
    with pytest.raises(TypeError, match="toarray"):
        novelty.fit(sparse.csr_array(X))
    with pytest.raises(ValueError, match="at least 4, got n_samples=3"):
        novelty.fit(X[:3])
    with pytest.raises(ValueError, match="tokens"):
        AutoencoderNovelty(AutoencoderTransformer(2, axes="n")).fit(np.ones((20, 5), dtype=int))


def test_copies_of_rows_are_judged_by_a_member_without_them():
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


def test_a_failed_fit_changes_nothing():
    rows = np.random.RandomState(0).standard_normal((60, 6))
    novelty = AutoencoderNovelty(AutoencoderTransformer(2, max_epochs=1), random_state=0).fit(rows)
    before = novelty.score_samples(rows)
    with pytest.raises(ValueError, match="at least 4"):
        novelty.fit(rows[:3, :3])
    np.testing.assert_array_equal(novelty.score_samples(rows), before)


def test_default_members_of_pictures_are_of_dense_layers():
    novelty = AutoencoderNovelty(n_members=2, random_state=0).fit(np.random.RandomState(0).rand(12, 16, 16))
    assert [type(member.architecture_).__name__ for member in novelty.members_] == ["Dense", "Dense"]


def subjects(n, seed):
    """Five rows of every subject, near each other."""
    random = np.random.RandomState(seed)
    return np.repeat(random.standard_normal((n, 12)), 5, axis=0) + 0.2 * random.standard_normal((5 * n, 12))


def test_rows_of_a_group_are_scored_by_the_member_that_lacked_it():
    groups = np.random.RandomState(0).permutation(400) % 40
    parts = split(X, groups, 5, 0)
    assert sorted(np.concatenate([held_out for _, held_out in parts])) == list(range(400))
    for rows, held_out in parts:
        assert not set(groups[rows]) & set(groups[held_out])
    novelty = AutoencoderNovelty(ONE, n_members=5, random_state=0).fit(X, groups=groups)
    weights = novelty._weights(X)
    assert all(len(set(weights[:, groups == g].argmax(0))) == 1 for g in range(40))


def test_equal_rows_share_a_part_whatever_their_groups_are():
    repeated = np.concatenate([X[:100], X[:50]])
    parts = split(repeated, np.arange(150), 5, 0)
    assert all(not set(repeated[rows, 0]) & set(repeated[held_out, 0]) for rows, held_out in parts)
    # Unless that would leave no two parts.
    assert len(split(np.zeros((20, 2)), np.arange(20) // 10, 5, 0)) == 2


def test_new_subjects_are_called_unusual_no_more_often_than_those_of_fit():
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


def test_explanations_have_the_levels_of_the_columns():
    columns = pd.MultiIndex.from_product([["left", "right"], ["x", "y"]], names=["side", None])
    X = pd.DataFrame(np.random.RandomState(0).standard_normal((40, 4)), columns=columns)
    novelty = AutoencoderNovelty(ONE, n_members=2, random_state=0).fit(X)
    pd.testing.assert_index_equal(novelty.explain(X).columns, columns)


class TestUnits:
    """Faults are found in columns and channels of small unit too."""

    @pytest.mark.parametrize("column", [0, 6, 7, 8])
    def test_of_tables(self, column):
        random = np.random.RandomState(0)

        def rows(n):
            wealth, young = random.standard_normal((2, n))
            money = [4e4 + 3e4 * wealth + 8e3 * random.standard_normal(n) for _ in range(6)]
            small = [40 + 9 * young, 1 + 0.8 * young, 0.05 + 0.01 * young]
            return np.column_stack(money + [x + 0.2 * x.std() * random.standard_normal(n) for x in small])

        X, usual = rows(500), rows(200)
        novelty = AutoencoderNovelty(AutoencoderTransformer(2, max_epochs=5), n_members=2, random_state=0).fit(X)
        faulty = usual.copy()
        faulty[:, column] += 3 * X[:, column].std()
        assert (novelty.predict(usual) == -1).mean() < 0.1
        assert (novelty.predict(faulty) == -1).mean() > 0.9

    @pytest.mark.parametrize("channel", [0, 1, 2])
    def test_of_windows(self, channel):
        random = np.random.RandomState(0)

        def windows(n):
            a, b = random.uniform(0, 2 * np.pi, (2, n, 1))
            time = np.linspace(0, 2 * np.pi, 20)
            noise = random.standard_normal((3, n, 20))
            pressure, degrees, volts = np.sin(time + a), np.sin(time + b), np.cos(time + b)
            return np.stack(
                [
                    1e5 + 400 * (pressure + 0.1 * noise[0]),
                    20 + degrees + 0.1 * noise[1],
                    3 + 0.05 * (volts + 0.1 * noise[2]),
                ],
                axis=2,
            )

        X, usual = windows(400), windows(200)
        autoencoder = AutoencoderTransformer(4, axes="t c", max_epochs=5)
        novelty = AutoencoderNovelty(autoencoder, n_members=2, random_state=0).fit(X)
        faulty = usual.copy()
        faulty[:, 8:12, channel] += 3 * X[..., channel].std()
        assert (novelty.predict(usual) == -1).mean() < 0.1
        assert (novelty.predict(faulty) == -1).mean() > 0.9
