"""AutoencoderNovelty: checks, scores, parameters, state."""

import pickle
import warnings

import numpy as np
import pytest
import torch
from novel_rows import X, correlated
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.utils.estimator_checks import check_estimator

from skae import AutoencoderNovelty, AutoencoderTransformer, Dense
from skae._parameters import InvalidParameterError
from skae.exceptions import PCAKeptWarning

ONE = AutoencoderTransformer(1, max_epochs=2)


@pytest.mark.parametrize("distance", ["neighbors", "mahalanobis", "error"])
def test_missing_values_do_not_count(distance):
    """Rows with a tenth of their values missing are scored like complete ones, and missing values have no error."""
    normal, other = X, 8 * np.random.RandomState(1).standard_normal((40, X.shape[1]))
    gaps = np.where(np.random.RandomState(0).random_sample(normal.shape) < 0.1, np.nan, normal)
    novelty = AutoencoderNovelty(ONE, distance=distance, n_members=2, random_state=0).fit(gaps)
    other[:, 0] = np.nan
    rows = np.concatenate([gaps, other])
    labels = np.arange(len(rows)) < len(gaps)
    assert roc_auc_score(labels, novelty.score_samples(rows)) > 0.95
    assert not novelty.explain(rows)[np.isnan(rows)].any()


def test_members_that_keep_pca_do_not_warn():
    noise = np.random.RandomState(0).standard_normal((120, 4))
    autoencoder = AutoencoderTransformer(2, max_epochs=10, lr=1e-6, random_state=0)
    with pytest.warns(PCAKeptWarning):
        clone(autoencoder).fit(noise)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        members = AutoencoderNovelty(autoencoder, n_members=2, random_state=0).fit(noise).members_
    assert all(member.is_pca_ for member in members)
    assert all("weights: those of PCA" in str(member.summary()) for member in members)
    with pytest.warns(PCAKeptWarning):
        members[0].fit(noise)


@pytest.mark.parametrize(
    "novelty",
    [
        AutoencoderNovelty(AutoencoderTransformer(1, architecture=Dense((2,)), max_epochs=1), n_members=2),
        pytest.param(
            AutoencoderNovelty(ONE, contamination=0.1, distance="mahalanobis", n_members=2), marks=pytest.mark.slow
        ),
        pytest.param(AutoencoderNovelty(), marks=pytest.mark.slow),
    ],
    ids=["neighbors", "mahalanobis", "defaults"],
)
@pytest.mark.filterwarnings("ignore:The latent code is over-complete:UserWarning")
def test_novelty_passes_the_estimator_checks(novelty):
    results = check_estimator(novelty, on_fail=None, on_skip=None)
    assert not {r["check_name"]: r["exception"] for r in results if r["status"] != "passed"}
    assert len(results) > 40


def test_default_distance_detects_other_wines_better_than_the_error():
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


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_every_container_gives_the_same_scores(dtype, tmp_path):
    rows = np.random.RandomState(0).randint(0, 255, size=(200, 12)).astype(dtype)
    np.save(tmp_path / "X.npy", rows)
    expected = AutoencoderNovelty(ONE, n_members=2, random_state=0).fit(rows.astype(np.float64)).score_samples(rows)
    for given in (rows, np.asfortranarray(rows), np.load(tmp_path / "X.npy", mmap_mode="r"), torch.from_numpy(rows)):
        novelty = AutoencoderNovelty(ONE, n_members=2, random_state=0).fit(given)
        np.testing.assert_array_equal(np.asarray(novelty.score_samples(given)), expected)


def test_sparse_rows_give_the_results_of_dense_rows():
    rows = sparse.random_array((120, 10), density=0.2, random_state=0)
    dense, novelty = rows.toarray(), AutoencoderNovelty(ONE, n_members=2, random_state=0)
    expected = clone(novelty).fit(dense)
    for given in (rows.tocsr(), sparse.csc_matrix(rows)):
        found = clone(novelty).fit(given)
        for method in ("score_samples", "decision_function", "predict", "explain"):
            np.testing.assert_array_equal(getattr(found, method)(given), getattr(expected, method)(dense))
            np.testing.assert_array_equal(getattr(expected, method)(given), getattr(expected, method)(dense))
        np.testing.assert_array_equal(clone(novelty).fit_predict(given), expected.predict(dense))


def test_autoencoder_parameter_is_not_changed(fitted):
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


def test_constant_rows_are_inliers():
    novelty = AutoencoderNovelty(ONE, n_members=2, random_state=0).fit(np.ones((20, 3)))
    assert (novelty.predict(np.ones((5, 3))) == 1).all()
    assert (novelty.predict(np.full((5, 3), 2.0)) == -1).all()


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"contamination": 0.6}, r"contamination.*\(0.0, 0.5\].*0.6"),
        ({"contamination": "atuo"}, "contamination.*'auto'.*'atuo'"),
        ({"n_members": 1}, r"n_members.*\[2, inf\).*1"),
        ({"n_jobs": 0}, "n_jobs.*an int other than 0.*0"),
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
    with pytest.raises(ValueError, match="at least 4, got n_samples=3"):
        novelty.fit(X[:3])
    with pytest.raises(ValueError, match="tokens"):
        AutoencoderNovelty(AutoencoderTransformer(2, axes="n")).fit(np.ones((20, 5), dtype=int))


def test_a_failed_fit_changes_nothing():
    rows = np.random.RandomState(0).standard_normal((60, 6))
    novelty = AutoencoderNovelty(AutoencoderTransformer(2, max_epochs=1), random_state=0).fit(rows)
    before = novelty.score_samples(rows)
    with pytest.raises(ValueError, match="at least 4"):
        novelty.fit(rows[:3, :3])
    np.testing.assert_array_equal(novelty.score_samples(rows), before)


def test_default_members_for_pictures_are_dense():
    novelty = AutoencoderNovelty(n_members=2, random_state=0).fit(np.random.RandomState(0).rand(12, 16, 16))
    assert [type(member.architecture_).__name__ for member in novelty.members_] == ["Dense", "Dense"]
