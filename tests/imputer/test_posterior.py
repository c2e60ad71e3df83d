"""``sample_posterior=True``: draws have the joint distribution of complete rows."""

import numpy as np
import pandas as pd
import pytest

from skae import AutoencoderImputer, AutoencoderTransformer, Dense
from skae._imputer.posterior import conditional_variances, draw_block

SMALL = AutoencoderTransformer(2, architecture=Dense((8,)), max_epochs=2, early_stopping=False)
N, CORRELATION = 1000, 0.95
RESIDUAL = np.sqrt(1 - CORRELATION**2)


def correlated_rows():
    """Rows of three columns, of which the first two are correlated; standard deviations are 1."""
    normal = np.random.RandomState(0).standard_normal((N, 3))
    normal[:, 1] = CORRELATION * normal[:, 0] + RESIDUAL * normal[:, 1]
    return normal


def draws(X, times=10):
    """Imputed copies of X, one after the other."""
    imputer = AutoencoderImputer(SMALL, sample_posterior=True, random_state=0).fit(X)
    filled = [imputer.set_params(random_state=seed).transform(X) for seed in range(times)]
    return pd.concat(filled) if isinstance(X, pd.DataFrame) else np.concatenate(filled)


def test_values_that_are_missing_together_are_correlated():
    X, missing = correlated_rows(), np.random.RandomState(1).random_sample(N) < 0.3
    known = X[~missing]
    X[missing, :2] = np.nan
    drawn = draws(X)[np.tile(missing, 10)]
    np.testing.assert_allclose(np.corrcoef(drawn[:, :2].T)[0, 1], CORRELATION, atol=0.01)
    np.testing.assert_allclose(drawn[:, :2].std(0), known[:, :2].std(0), rtol=0.12)


def test_deviations_depend_on_the_known_values_of_the_row():
    X = correlated_rows()
    missing = np.random.RandomState(1).random_sample(X.shape) < 0.3
    X[missing] = np.nan
    filled, missing = draws(X), np.tile(missing, (10, 1))
    alone, given = missing[:, 0] & missing[:, 1], missing[:, 0] & ~missing[:, 1]
    np.testing.assert_allclose(filled[alone, 0].std(), 1, atol=0.12)
    np.testing.assert_allclose((filled[given, 0] - CORRELATION * filled[given, 1]).std(), RESIDUAL, atol=0.04)
    np.testing.assert_array_equal(filled[~missing], np.tile(X, (10, 1))[~missing])


def test_same_seed_gives_the_same_draws():
    X = correlated_rows()[:100]
    X[::3, 0] = np.nan
    imputer = AutoencoderImputer(SMALL, sample_posterior=True, random_state=0)
    drawn = imputer.fit_transform(X)
    np.testing.assert_array_equal(imputer.transform(X), drawn)
    assert (imputer.set_params(random_state=1).transform(X)[::3, 0] != drawn[::3, 0]).mean() > 0.9
    assert (imputer.set_params(sample_posterior=False).transform(X)[::3, 0] != drawn[::3, 0]).mean() > 0.9


def test_copies_of_a_column_that_are_missing_together_agree():
    X = correlated_rows()
    X = np.column_stack([X, X[:, 0], 2 * X[:, 0]])
    missing = np.random.RandomState(1).random_sample(N) < 0.3
    X[missing] = [np.nan, 0, 0, np.nan, np.nan]
    drawn = draws(X)[np.tile(missing, 10)]
    assert (drawn[:, 0] - drawn[:, 3]).std() < 0.1
    assert (2 * drawn[:, 0] - drawn[:, 4]).std() < 0.2


def mixed_rows():
    """Categories "c", "e" and a boolean, which determine each other, and a number that depends on them."""
    random = np.random.RandomState(0)
    kind = random.choice(3, N, p=[0.6, 0.3, 0.1])
    return pd.DataFrame(
        {
            "other": random.standard_normal(N),
            "c": np.array(list("abc"))[kind],
            "e": np.array(list("uvw"))[kind],
            "flag": kind == 1,
            "size": 3 * (kind == 1) + random.standard_normal(N),
        }
    ).astype({"flag": "boolean"})


def test_categories_booleans_and_numbers_that_are_missing_together_agree():
    X = mixed_rows()
    missing = np.random.RandomState(1).random_sample(N) < 0.3
    shares = X["c"][~missing].value_counts(normalize=True)
    X.loc[missing, ["c", "e", "flag", "size"]] = None
    drawn = draws(X)[np.tile(missing, 10)]
    assert (drawn["c"].map(dict(zip("abc", "uvw", strict=True))) == drawn["e"]).mean() > 0.98
    assert ((drawn["c"] == "b") == drawn["flag"]).mean() > 0.98
    np.testing.assert_allclose(drawn["c"].value_counts(normalize=True)[shares.index], shares, atol=0.03)
    means, deviations = (drawn.groupby(drawn["c"] == "b")["size"].agg(name) for name in ("mean", "std"))
    np.testing.assert_allclose(means, [0, 3], atol=0.3)
    np.testing.assert_allclose(deviations, [1, 1], atol=0.15)


def test_known_categories_determine_the_missing_ones():
    X = mixed_rows()
    expected = X["e"].copy()
    X.loc[::3, "e"] = None
    assert (draws(X, 1)["e"] == expected).mean() > 0.99


def test_wide_rows_are_drawn_without_a_normal_distribution():
    random = np.random.RandomState(0)
    X = random.standard_normal((200, 2)) @ random.standard_normal((2, 130)) + 0.5 * random.standard_normal((200, 130))
    missing = random.random_sample(X.shape) < 0.1
    gaps = np.where(missing, np.nan, X)
    imputer = AutoencoderImputer(SMALL, random_state=0).fit(gaps)
    filled = imputer.transform(gaps)
    deviations = (imputer.set_params(sample_posterior=True).transform(gaps) - filled)[missing]
    np.testing.assert_allclose(deviations.std(), (filled - X)[missing].std(), rtol=0.15)


def test_conditional_variances_are_those_of_the_normal_distribution():
    A = np.random.RandomState(0).standard_normal((4, 4))
    covariance = A @ A.T
    is_missing = np.array([[True, True, False, False], [False] * 4, [True] * 4, [True, True, False, False]])
    variances = conditional_variances(is_missing, np.linalg.inv(covariance))
    known = np.linalg.solve(covariance[2:, 2:], covariance[2:, :2])
    conditional = covariance[:2, :2] - covariance[:2, 2:] @ known
    np.testing.assert_allclose(variances[[0, 3]], np.tile([*conditional.diagonal(), 0, 0], (2, 1)))
    np.testing.assert_allclose(variances[2], covariance.diagonal())
    assert (variances[1] == 0).all()


@pytest.mark.parametrize(
    ("probabilities", "shares"),
    [([0.5, -0.2, 0.25], [2 / 3, 0, 1 / 3]), ([-0.5, -0.1, -0.2], [0, 1, 0]), ([0, 0, 1], [0, 0, 1])],
)
def test_categories_are_drawn_by_their_probabilities(probabilities, shares):
    drawn = draw_block(np.tile(probabilities, (4000, 1)), np.random.RandomState(0))
    assert set(drawn.sum(1)) == {1}
    np.testing.assert_allclose(drawn.mean(0), shares, atol=0.03)


@pytest.mark.parametrize("probability", [-0.2, 0.0, 0.75, 1.0, 1.2])
def test_booleans_are_drawn_by_their_probability(probability):
    drawn = draw_block(np.full((4000, 1), probability), np.random.RandomState(0))
    assert set(drawn[:, 0]) <= {0, 1}
    np.testing.assert_allclose(drawn.mean(), np.clip(probability, 0, 1), atol=0.03)
