"""Explanations of novelty by column."""

import copy

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from novel_rows import X, planted
from sklearn.base import clone
from sklearn.datasets import load_digits, load_wine

from skae import AutoencoderNovelty, AutoencoderTransformer

ONE = AutoencoderTransformer(1, max_epochs=2)


def test_explanation_is_largest_in_the_column_of_the_planted_row(fitted):
    difference = fitted.explain(np.concatenate([X, planted()]))
    assert difference.shape == (401, 6)
    in_deviations = np.abs(difference[-1]) / difference[:-1].std(0)
    assert in_deviations.argmax() == 0
    assert np.abs(fitted.explain(planted(), standardized=True))[-1].argmax() == 0


def test_standardized_explanations_compare_columns_of_other_units():
    """The hue of a wine is about 1, its proline about 1,000."""
    wine = load_wine(as_frame=True)
    usual = wine.data[wine.target == 0]
    novelty = AutoencoderNovelty(AutoencoderTransformer(4, max_epochs=10), n_members=3, random_state=0).fit(usual)
    odd = usual[:10].assign(hue=usual["hue"][:10] + 6 * usual["hue"].std())
    assert (novelty.explain(odd, standardized=True).abs().idxmax(axis=1) == "hue").mean() > 0.8


def dependent(n, seed):
    """Homes whose four columns depend on one factor, so that one wrong value changes the reconstruction of all."""
    random = np.random.RandomState(seed)
    size = random.standard_normal(n)
    noise = random.standard_normal((4, n))
    return pd.DataFrame(
        {
            "area": 80 + 25 * size + 5 * noise[0],
            "price": 3e5 + 1e5 * size + 2e4 * noise[1],
            "kind": pd.Categorical(np.where(size + 0.3 * noise[2] > 0, "house", "flat")),
            "garden": size + 0.3 * noise[3] > 0.3,
        }
    )


@pytest.mark.parametrize("distance", ["neighbors", "error"])
def test_standardized_explanations_name_the_wrong_value_of_dependent_columns(distance):
    autoencoder = AutoencoderTransformer(1, max_epochs=5, random_state=0)
    novelty = AutoencoderNovelty(autoencoder, n_members=2, distance=distance, random_state=0).fit(dependent(300, 0))
    new = dependent(60, 1)
    wrong = {
        "price": new["price"] + 3e5,
        "garden": ~new["garden"],
        "kind": new["kind"].cat.rename_categories({"house": "flat", "flat": "house"}),
    }
    for column, values in wrong.items():
        odd = new.assign(**{column: values})
        odd = odd[novelty.predict(odd) == -1]
        assert len(odd) > 20
        assert (novelty.explain(odd, standardized=True).abs().idxmax(axis=1) == column).mean() > 0.9


def test_standardized_explanations_are_decreases_of_the_score(fitted):
    odd = planted()
    hidden = odd.copy()
    hidden[:, 0] = np.nan
    with pytest.warns(UserWarning, match="missing"):
        decrease = fitted.score_samples(hidden) - fitted.score_samples(odd)
    explained = fitted.explain(odd, standardized=True)
    np.testing.assert_allclose(np.abs(explained[:, 0]), decrease)
    np.testing.assert_array_equal(np.sign(explained[:, 0]), np.sign(fitted.explain(odd)[:, 0]))


def test_standardized_explanations_of_one_column(fitted):
    novelty = clone(fitted).set_params(autoencoder__n_components=1).fit(X[:, :1])
    assert np.isfinite(novelty.explain(X[:9, :1], standardized=True)).all()


def test_distance_set_after_fit_does_not_change_scores(fitted):
    other = copy.copy(fitted).set_params(distance="error")
    np.testing.assert_array_equal(other.score_samples(X[:9]), fitted.score_samples(X[:9]))


def test_explanations_of_data_frames_are_data_frames(fitted):
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


def test_explanations_of_pictures_and_tensors_keep_shape_and_type():
    pictures = load_digits().images[:80]
    novelty = AutoencoderNovelty(ONE, n_members=2, random_state=0).fit(pictures)
    assert novelty.explain(pictures[:3]).shape == (3, 8, 8)
    tensor = torch.from_numpy(pictures[:3])
    assert isinstance(novelty.score_samples(tensor), torch.Tensor)
    assert novelty.explain(tensor).shape == (3, 8, 8)
    np.testing.assert_array_equal(novelty.predict(tensor), novelty.predict(pictures[:3]))
    with pytest.raises(ValueError, match="shape"):
        novelty.predict(pictures[:3].reshape(3, 64))


def test_explanations_have_the_levels_of_the_columns():
    columns = pd.MultiIndex.from_product([["left", "right"], ["x", "y"]], names=["side", None])
    X = pd.DataFrame(np.random.RandomState(0).standard_normal((40, 4)), columns=columns)
    novelty = AutoencoderNovelty(ONE, n_members=2, random_state=0).fit(X)
    pd.testing.assert_index_equal(novelty.explain(X).columns, columns)


@pytest.mark.parametrize("column", [0, 6, 7, 8])
def test_explanations_of_tables_do_not_depend_on_units(column):
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
def test_explanations_of_windows_do_not_depend_on_units(channel):
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
