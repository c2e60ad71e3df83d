"""Novelty detection in tables with categories."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skae import AutoencoderNovelty, AutoencoderTransformer

RANDOM = np.random.RandomState(0)
HIDDEN = RANDOM.randn(200)
TABLE = pd.DataFrame(
    {
        "size": 100 * HIDDEN + 10 * RANDOM.randn(200),
        "weight": HIDDEN + 0.1 * RANDOM.randn(200),
        "kind": np.where(HIDDEN > 0, "large", "small"),
        "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(RANDOM.randint(0, 30, 200), unit="D"),
    }
)
MEMBER = AutoencoderTransformer(2, max_epochs=2)
LARGE = TABLE[(HIDDEN > 0.7) & (HIDDEN < 1.5)].reset_index(drop=True)


@pytest.fixture(scope="module")
def fitted():
    return AutoencoderNovelty(MEMBER, n_members=2, random_state=0).fit(TABLE)


@pytest.mark.parametrize("distance", ["neighbors", "mahalanobis", "error"])
def test_rows_of_a_wrong_or_unseen_category_are_novel(distance):
    novelty = AutoencoderNovelty(MEMBER, n_members=2, distance=distance, random_state=0).fit(TABLE)
    usual = novelty.score_samples(LARGE)
    for kind in ("small", "unseen"):
        assert np.median(novelty.score_samples(LARGE.assign(kind=kind))) < 1.5 * np.median(usual)
    assert (novelty.predict(TABLE) == 1).mean() > 0.9


@pytest.mark.parametrize("distance", ["neighbors", "mahalanobis", "error"])
@pytest.mark.parametrize("rare", [0, 1, 3], ids=["constant", "one rare category", "rare categories"])
def test_unseen_categories_are_novel_in_columns_of_little_variance(distance, rare):
    unit = ["kg"] * (200 - rare) + ["lb", "oz", "g"][:rare]
    frame = TABLE.assign(unit=unit)
    novelty = AutoencoderNovelty(MEMBER, n_members=2, distance=distance, random_state=0).fit(frame)
    usual = TABLE.assign(unit="kg")
    usual.iloc[:, :2] *= 1.001  # no rows of fit
    before, after = (novelty.score_samples(table) for table in (usual, usual.assign(unit="unseen")))
    assert (after < before).all()
    assert (novelty.predict(usual.assign(unit="unseen")) == -1).mean() > 0.95
    assert novelty.explain(usual.assign(unit="unseen"))["unit"].between(0.9, 1.1).all()


def categories(n, seed):
    """Rows of independent categories: most rows are copies of one, of which all other rows differ."""
    random = np.random.RandomState(seed)
    return pd.DataFrame({f"part {i}": np.where(random.rand(n) < 0.03, "spare", "usual") for i in range(6)})


@pytest.mark.parametrize("distance", ["neighbors", "mahalanobis", "error"])
def test_few_usual_rows_of_categories_are_classified_as_anomalies(distance):
    novelty = AutoencoderNovelty(MEMBER, n_members=2, distance=distance, random_state=0).fit(categories(400, 0))
    assert (novelty.predict(categories(400, 0)) == -1).mean() <= 0.03
    assert (novelty.predict(categories(400, 1)) == -1).mean() <= 0.05
    if distance == "neighbors":  # most rows are at distance 0
        assert -1e5 < novelty.offset_ < -1


def test_explanations_have_the_columns_of_the_table(fitted):
    wrong = LARGE.assign(kind="small")
    for table in (wrong, pl.from_pandas(wrong)):
        errors = fitted.explain(table, standardized=True)
        assert list(errors.columns) == list(TABLE.columns)
        assert type(errors) is type(table)
    before, after = (fitted.explain(table, standardized=True)["kind"] for table in (LARGE, wrong))
    assert before.median() < 1.5 < 2.5 < after.median()


def test_errors_of_categories_are_between_zero_and_about_one(fitted):
    right, wrong = fitted.explain(LARGE)["kind"], fitted.explain(LARGE.assign(kind="small"))["kind"]
    assert right.between(0, 0.5).all()
    assert wrong.between(0.5, 1.5).all()
    assert fitted.explain(LARGE)["size"].abs().median() > 1


def test_columns_are_chosen_by_the_autoencoder():
    numbers = TABLE.assign(kind=(TABLE["kind"] == "large").astype(int)).drop(columns="day")
    novelty = AutoencoderNovelty(MEMBER, n_members=2, random_state=0)
    novelty.set_params(autoencoder__categorical_features=["kind"]).fit(numbers)
    assert novelty.explain(numbers).shape == (200, 3)
    assert novelty.explain(numbers)["kind"].min() >= 0
    array = novelty.set_params(autoencoder__categorical_features=[2]).fit(numbers.to_numpy())
    assert array.explain(numbers.to_numpy()).shape == (200, 3)


def test_columns_of_another_type_are_refused(fitted):
    with pytest.raises(ValueError, match="Column 'kind' of X held categories that are text in fit"):
        fitted.score_samples(TABLE.assign(kind=1))


def test_missing_values_have_no_error():
    gaps = TABLE.copy()
    gaps.loc[::10, "kind"] = None
    gaps.loc[5::10, "size"] = None
    novelty = AutoencoderNovelty(MEMBER, n_members=2, random_state=0).fit(gaps)
    errors = novelty.explain(gaps)
    assert (errors["kind"][::10] == 0).all()
    assert (errors["size"][5::10] == 0).all()
    assert np.isfinite(novelty.score_samples(gaps)).all()
