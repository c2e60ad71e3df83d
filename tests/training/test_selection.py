"""When PCA is given up for what was trained."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer, DivergenceError
from skae.training import Part, losses_in_turns, selection, split_rows, turns
from skae.training.selection import surely_lower


def curve(n):
    """Rows along a curve, which training follows far better than PCA does."""
    angle = np.random.RandomState(0).uniform(0, 5, n)
    return np.stack([np.cos(angle), np.sin(angle), angle / 3], axis=1)


def share_of_pca(autoencoder, X):
    rows = autoencoder._layout.scaling.scaled(torch.from_numpy(X)).numpy()
    pca = PCA(autoencoder.n_components_).fit(rows)
    return 1 - ((rows - pca.inverse_transform(pca.transform(rows))) ** 2).sum() / (rows**2).sum()


@pytest.fixture
def asked(monkeypatch):
    """What was found in turns, as a list that grows."""
    found = []

    def watched(*args):
        found.append(losses_in_turns(*args))
        return found[-1]

    monkeypatch.setattr("skae.estimator.losses_in_turns", watched)
    return found


def test_a_clear_gain_of_few_rows_is_sure_from_twenty_on():
    start = np.arange(1.0, 26.0)
    assert surely_lower(start - 0.5, start)
    assert surely_lower(start[:20] - 0.5, start[:20])
    assert not surely_lower(start[:19] - 0.5, start[:19])
    assert not surely_lower(start, start)
    assert not surely_lower(start + 0.5, start)


def test_chance_is_seldom_taken_for_a_gain():
    random = np.random.RandomState(0)
    taken = [surely_lower(*random.standard_normal((2, 20)) + 5) for _ in range(4000)]
    assert 0.002 < np.mean(taken) < 0.009


@pytest.mark.parametrize("n", [30, 60])
def test_rows_held_out_in_turn_are_asked_where_few_are(n, asked, monkeypatch):
    X = curve(n)
    autoencoder = AutoencoderTransformer(1, max_epochs=60, random_state=0).fit(X)
    (losses, by_pca), = asked  # fmt: skip
    # Four parts beside the first of a tenth each.
    assert losses.shape == by_pca.shape == (4 * n // 10,)
    assert losses.mean() < by_pca.mean() / 2
    # Of thirty rows fifteen are held out in all, which is too few.
    better = autoencoder.score(X) > share_of_pca(autoencoder, X) + 0.05
    assert better == (n == 60)
    assert (autoencoder.best_epoch_ > 0) == better
    monkeypatch.setattr(selection, "FEWEST_ROWS", 5 * n // 10)
    assert autoencoder.fit(X).best_epoch_ > 0
    monkeypatch.setattr(selection, "FEWEST_ROWS", 5 * n // 10 + 1)
    assert autoencoder.fit(X).best_epoch_ == 0


@pytest.mark.parametrize(
    ("n", "settings", "X_val"),
    [
        (400, {}, None),
        (60, {}, curve(90)[60:]),
        (60, {"early_stopping": False}, None),
        (60, {"n_components": 3}, None),
        (60, {"variant": "variational"}, None),
        (60, {"net_params": {"callbacks": [selection.Callback()]}}, None),
    ],
    ids=["sure alone", "X_val", "no rows held out", "as many components as features", "penalties", "callbacks"],
)
def test_no_turns_where_they_say_nothing_more(n, settings, X_val, asked):
    settings = {"n_components": 1, "max_epochs": 40, "random_state": 0, **settings}
    AutoencoderTransformer(**settings).fit(curve(n), X_val=X_val)
    assert not asked


def test_turns_are_not_asked_where_the_network_itself_is_no_better(asked):
    noise = np.random.RandomState(0).standard_normal((80, 10))
    autoencoder = AutoencoderTransformer(3, random_state=0).fit(noise)
    assert autoencoder.best_epoch_ == 0
    assert not asked


def test_a_warm_start_is_not_asked_again(asked):
    autoencoder = AutoencoderTransformer(1, max_epochs=5, warm_start=True, random_state=0).fit(curve(60))
    before = len(asked)
    autoencoder.set_params(max_epochs=60).fit(curve(60))
    assert len(asked) == before


def test_turns_change_neither_history_nor_result(monkeypatch):
    X = curve(60)
    with_turns = AutoencoderTransformer(1, max_epochs=40, random_state=0).fit(X)
    monkeypatch.setattr(selection, "FEWEST_ROWS", 2)
    monkeypatch.setattr(selection, "CONFIDENCE", 0.8)
    alone = AutoencoderTransformer(1, max_epochs=40, random_state=0)
    # The first part is enough now.
    monkeypatch.setattr("skae.estimator.losses_in_turns", None)
    np.testing.assert_array_equal(with_turns.transform(X), alone.fit(X).transform(X))
    assert with_turns.best_epoch_ == alone.best_epoch_ > 0
    names = [{k: v for k, v in row.items() if k != "duration"} for row in with_turns.history_]
    assert names == [{k: v for k, v in row.items() if k != "duration"} for row in alone.history_]


def test_parts_of_all_turns_are_disjoint_and_rows_that_repeat_stay_together():
    X = np.repeat(curve(40), 3, axis=0)
    autoencoder = AutoencoderTransformer(1, max_epochs=1).fit(X)
    rows = autoencoder._rows(X)
    rows = rows.only(np.arange(len(X)))
    parts = [split_rows(rows, 12, torch.Generator().manual_seed(0), turn) for turn in range(turns.TURNS)]
    held_out = np.concatenate([held.indices for _, held in parts])
    assert len(set(held_out)) == len(held_out) == 60
    for train, held in parts:
        assert sorted([*train.indices, *held.indices]) == list(range(120))
        assert not set(train.indices // 3) & set(held.indices // 3)


def test_a_part_alone_is_scaled_as_before(digits):
    autoencoder = AutoencoderTransformer(2, max_epochs=1, random_state=0).fit(digits[:100])
    part = Part(autoencoder._rows(digits[:100]), np.array([3, 50, 7]))
    assert torch.equal(part.alone().rows.take(np.arange(3)), part.rows.take(part.indices))


def test_where_training_diverges_in_a_turn_pca_stays(monkeypatch):
    run, runs = turns.AutoencoderNet.run, []

    def diverging(self, *args, **kwargs):
        runs.append(1)
        if len(runs) == 3:
            raise DivergenceError("as asked")
        run(self, *args, **kwargs)

    monkeypatch.setattr(turns.AutoencoderNet, "run", diverging)
    assert AutoencoderTransformer(1, max_epochs=40, random_state=0).fit(curve(60)).best_epoch_ == 0
    assert len(runs) == 3


def test_an_interrupt_in_a_turn_keeps_what_was_trained_as_its_own_rows_say(monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("skae.estimator.losses_in_turns", interrupted)
    autoencoder = AutoencoderTransformer(1, max_epochs=40, on_interrupt="keep", random_state=0)
    with pytest.warns(UserWarning, match="interrupted after 40 epochs"):
        autoencoder.fit(curve(60))
    assert autoencoder.n_iter_ == 40
    assert autoencoder.best_epoch_ == 0
