"""When PCA is given up for what was trained."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from skorch.callbacks import Callback

from skae import AutoencoderTransformer, Dense, DivergenceError
from skae._data import Rows
from skae._training import AutoencoderNet, BestWeights, Part, cross_validation, early_stopping, row_groups, split_rows
from skae._training.cross_validation import at_best_of_others, cross_validation_losses
from skae._training.early_stopping import significantly_lower
from skae._training.schedule import automatic_batch_size, planned_cycles
from skae.exceptions import PCAKeptWarning

IRIS = load_iris().data
SMALL = {"architecture": Dense((4,)), "max_epochs": 2, "random_state": 0}


def curve(n):
    """Rows along a curve, which training follows far better than PCA does."""
    angle = np.random.RandomState(0).uniform(0, 5, n)
    return np.stack([np.cos(angle), np.sin(angle), angle / 3], axis=1)


def share_of_pca(autoencoder, X):
    rows = autoencoder._result.layout.scaling.transform(torch.from_numpy(X)).numpy()
    pca = PCA(autoencoder.n_components_).fit(rows)
    return 1 - ((rows - pca.inverse_transform(pca.transform(rows))) ** 2).sum() / (rows**2).sum()


@pytest.fixture
def asked(monkeypatch):
    """What was found in cross-validation, as a list that grows."""
    found = []

    def watched(*args):
        found.append(cross_validation_losses(*args))
        return found[-1]

    monkeypatch.setattr("skae._training.fit.cross_validation_losses", watched)
    return found


def is_better(losses, start, n_rows, others=None):
    best = BestWeights(25, 1e-4)
    best.cross_validate, best.best_epoch_ = lambda epoch: others, 1
    return best._is_better(losses, start, n_rows)


def test_a_clear_gain_of_few_rows_is_sure_from_twenty_on():
    start = np.arange(1.0, 26.0)
    assert is_better(start - 0.5, start, 25)
    assert is_better(start[:20] - 0.5, start[:20], 20)
    assert not is_better(start[:19] - 0.5, start[:19], 19)
    assert not is_better(start, start, 25)
    assert not is_better(start + 0.5, start, 25)


def test_a_clear_gain_of_five_groups_is_significant():
    start = np.arange(1.0, 6.0)
    gain = np.array([0.5, 0.4, 0.6, 0.5, 0.3])
    assert is_better(start - gain, start, 20)
    assert not is_better(start - gain, start, 19)
    assert not is_better(start[:4] - gain[:4], start[:4], 400)
    assert is_better(start[:1] - gain[:1], start[:1], 4, others=(start[1:] - gain[1:], start[1:], 16))
    assert not is_better(start[:1] + gain[:1], start[:1], 4, others=(start[1:] - gain[1:], start[1:], 16))
    # The mean of many rows is one observation: these groups differ too much.
    gain = np.array([3.0, -0.5, 0.2, -0.1, 0.1])
    assert gain.mean() > 0
    assert not is_better(start - gain, start, 400)


def test_chance_is_seldom_taken_for_a_gain():
    random = np.random.RandomState(0)
    taken = [significantly_lower(*random.standard_normal((2, 20)) + 5) for _ in range(4000)]
    assert 0.015 < np.mean(taken) < 0.035


def test_the_best_epoch_of_a_row_is_that_of_the_others():
    losses = np.array([[1.0, 5.0, 5.0], [4.0, 2.0, 5.0], [5.0, 5.0, 5.0]])
    # Without the first row the second epoch is best, without the second the first, without the third the first.
    np.testing.assert_array_equal(at_best_of_others(losses, 1), [4.0, 5.0, 5.0])


def test_a_group_alone_is_judged_in_the_epoch_of_the_network_that_may_be_kept():
    losses = np.array([[1.0], [4.0], [5.0]])
    np.testing.assert_array_equal(at_best_of_others(losses, 2), [4.0])
    np.testing.assert_array_equal(at_best_of_others(losses, 9), [5.0])


def test_the_best_of_many_epochs_of_noise_is_no_better_by_it():
    random = np.random.RandomState(0)
    found = [at_best_of_others(random.standard_normal((25, 12)), 1).mean() for _ in range(500)]
    assert abs(np.mean(found)) < 0.06
    assert np.mean([random.standard_normal((25, 12)).mean(1).min() for _ in range(500)]) < -0.5


def test_rows_held_out_in_turn_are_asked_where_few_are(asked, monkeypatch):
    X = curve(60)
    autoencoder = AutoencoderTransformer(1, max_epochs=60, random_state=0).fit(X)
    ((losses, by_pca, n_rows),) = asked
    # Four parts of six rows, beside the first.
    assert losses.shape == by_pca.shape == (24,)
    assert n_rows == 24
    assert losses.mean() < by_pca.mean() / 2
    assert autoencoder.score(X) > share_of_pca(autoencoder, X) + 0.05
    assert autoencoder.best_epoch_ > 0
    monkeypatch.setattr(early_stopping, "FEWEST_ROWS", 31)
    assert autoencoder.fit(X).best_epoch_ == 0
    assert autoencoder.score(X) == pytest.approx(share_of_pca(autoencoder, X), abs=1e-5)


@pytest.mark.parametrize(
    ("n", "settings", "X_val"),
    [
        (400, {}, None),
        (30, {}, None),
        (60, {}, curve(90)[60:]),
        (60, {"early_stopping": False}, None),
        (60, {"n_components": 3}, None),
        (60, {"variant": "variational"}, None),
    ],
    ids=["sure alone", "too few all together", "X_val", "no rows held out", "exact", "penalties"],
)
def test_no_turns_where_they_say_nothing_more(n, settings, X_val, asked):
    settings = {"n_components": 1, "max_epochs": 40, "random_state": 0, **settings}
    AutoencoderTransformer(**settings).fit(curve(n), X_val=X_val)
    assert not asked


def test_callbacks_hear_of_one_network_and_change_nothing(asked):
    heard = []

    class Listening(Callback):
        def on_epoch_end(self, net, **kwargs):
            heard.append(1)

    X = curve(60)
    alone = AutoencoderTransformer(1, max_epochs=40, random_state=0).fit(X)
    listened_to = AutoencoderTransformer(1, max_epochs=40, random_state=0, net_params={"callbacks": [Listening()]}).fit(
        X
    )
    assert len(asked) == 2
    assert len(heard) == 40
    np.testing.assert_array_equal(alone.transform(X), listened_to.transform(X))


@pytest.mark.parametrize(("n", "kept"), [(4, False), (8, True)])
def test_five_rows_of_the_callers_own_are_enough(n, kept):
    autoencoder = AutoencoderTransformer(1, max_epochs=60, random_state=0).fit(curve(60), X_val=curve(99)[60 : 60 + n])
    assert (autoencoder.best_epoch_ > 0) == kept


def test_turns_are_not_asked_where_the_network_itself_is_no_better(asked):
    noise = np.random.RandomState(0).standard_normal((80, 10))
    autoencoder = AutoencoderTransformer(3, random_state=0).fit(noise)
    assert autoencoder.best_epoch_ == 0
    assert not asked


def test_a_warm_start_goes_on_with_few_rows(asked):
    X = curve(150)
    autoencoder = AutoencoderTransformer(1, max_epochs=2, warm_start=True, random_state=0).fit(X)
    before, share = len(asked), autoencoder.score(X)
    autoencoder.set_params(max_epochs=40).fit(X)
    assert len(asked) == before
    assert autoencoder.score(X) > share + 0.05
    assert autoencoder.best_epoch_ > 2


def test_turns_change_neither_history_nor_result(monkeypatch):
    def seen(autoencoder):
        names = [{k: v for k, v in row.items() if k != "duration"} for row in autoencoder.history_]
        return autoencoder.transform(X), names, autoencoder.best_epoch_

    X = curve(60)
    codes, history, best = seen(AutoencoderTransformer(1, max_epochs=40, random_state=0).fit(X))
    # The first part is enough now.
    monkeypatch.setattr("skae._training.fit.has_enough_folds", lambda *args: False)
    alone = seen(AutoencoderTransformer(1, max_epochs=40, random_state=0).fit(X))
    np.testing.assert_array_equal(codes, alone[0])
    assert (history, best) == alone[1:]
    assert best > 0


def test_parts_of_all_turns_are_disjoint_and_rows_that_repeat_stay_together():
    X = np.repeat(curve(40), 3, axis=0)
    autoencoder = AutoencoderTransformer(1, max_epochs=1).fit(X)
    rows = Rows(X, autoencoder._result.layout, torch.device("cpu"))
    rows = rows.subset(np.arange(len(X)))
    whole = Part.whole(rows, row_groups(rows))
    parts = [split_rows(whole, 12, torch.Generator().manual_seed(0), turn) for turn in range(cross_validation.N_FOLDS)]
    held_out = np.concatenate([held.indices for _, held in parts])
    assert len(set(held_out)) == len(held_out) == 60
    for train, held in parts:
        assert sorted([*train.indices, *held.indices]) == list(range(120))
        assert not set(train.indices // 3) & set(held.indices // 3)


def test_a_part_alone_is_scaled_as_before(digits):
    autoencoder = AutoencoderTransformer(2, max_epochs=1, random_state=0).fit(digits[:100])
    part = Part(Rows(digits[:100], autoencoder._result.layout, torch.device("cpu")), np.array([3, 50, 7]))
    assert torch.equal(part.alone().rows.take(np.arange(3)), part.rows.take(part.indices))


@pytest.mark.parametrize("error", [DivergenceError("as asked"), torch.OutOfMemoryError("as asked"), MemoryError()])
def test_where_training_fails_in_a_turn_pca_stays(error, monkeypatch):
    run, runs = AutoencoderNet.run, []

    def failing(self, *args, **kwargs):
        runs.append(1)
        if len(runs) == 3:
            raise error
        run(self, *args, **kwargs)

    monkeypatch.setattr(AutoencoderNet, "run", failing)
    assert AutoencoderTransformer(1, max_epochs=40, random_state=0).fit(curve(60)).best_epoch_ == 0
    assert len(runs) == 3


def test_an_interrupt_in_a_turn_keeps_what_was_trained_as_its_own_rows_say(monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("skae._training.fit.cross_validation_losses", interrupted)
    autoencoder = AutoencoderTransformer(1, max_epochs=40, on_interrupt="keep", random_state=0)
    with pytest.warns(UserWarning, match="interrupted after 40 epochs; the best weights so far are kept"):
        autoencoder.fit(curve(60))
    assert autoencoder.n_iter_ == 40
    assert autoencoder.best_epoch_ > 0
    with pytest.warns(UserWarning, match="40 epochs; those of PCA, than which none are surely better"):
        autoencoder.fit(curve(40))
    assert autoencoder.best_epoch_ == 0


class TestCycles:
    def test_few_rows_that_still_improve_get_a_second_cycle(self, monkeypatch):
        # Whichever of these epochs is the best one: processors differ in it.
        monkeypatch.setattr(early_stopping, "IMPROVING", 0.2)
        random = np.random.RandomState(0)
        phase, pace = random.uniform(0, 1, (2, 400, 1))
        X = np.sin(2 * np.pi * ((1 + 3 * pace) * np.linspace(0, 1, 32) + phase))
        autoencoder = AutoencoderTransformer(2, random_state=0).fit(X)
        rates = [row["lr"] for row in autoencoder.history_]
        assert autoencoder.n_iter_ == 75
        assert rates[24] < 1e-3 < 5e-3 < max(rates[25:])
        shorter = AutoencoderTransformer(2, max_epochs=25, random_state=0).fit(X)
        assert [row["train_loss"] for row in autoencoder.history_[:25]] == [
            row["train_loss"] for row in shorter.history_
        ]
        assert autoencoder.score(X) > shorter.score(X) - 0.01

    def test_where_nothing_is_left_to_explain_a_cycle_is_the_last(self):
        random = np.random.RandomState(0)
        flags = np.hstack([np.eye(12)[random.randint(12, size=2000)], random.standard_normal((2000, 1))])
        autoencoder = AutoencoderTransformer(8, random_state=0).fit(flags)
        assert autoencoder.score(flags) > 0.999
        assert autoencoder.best_epoch_ > 20
        assert autoencoder.n_iter_ == 25

    def test_a_cycle_that_overfits_is_the_last(self):
        X = np.random.RandomState(0).standard_normal((60, 10))
        assert AutoencoderTransformer(2, random_state=0).fit(X).n_iter_ == 25

    @pytest.mark.parametrize(
        ("n_rows", "validates", "expected"),
        [
            (100, True, (25, 50)),
            (20_000, True, (25, 50)),
            (60_000, True, (25,)),
            (100, False, (75,)),
            (60_000, False, (25,)),
        ],
    )
    def test_cycles_follow_the_number_of_steps(self, n_rows, validates, expected):
        assert planned_cycles("auto", n_rows, automatic_batch_size(n_rows), validates) == expected
        assert planned_cycles(7, n_rows, 16, validates) == (7,)


class TestPCAIsKept:
    X = np.random.RandomState(0).standard_normal((300, 4)) @ np.random.RandomState(1).standard_normal((4, 8))
    X = X + 0.3 * np.random.RandomState(2).standard_normal(X.shape)

    def test_it_is_said(self, capsys):
        with pytest.warns(PCAKeptWarning, match="max_epochs"):
            autoencoder = AutoencoderTransformer(2, random_state=0, verbose=1).fit(self.X)
        assert autoencoder.is_pca_
        printed = capsys.readouterr().out
        assert "PCA is kept" in printed
        assert "pca_loss" in printed
        assert all(row["pca_loss"] > 0 for row in autoencoder.history_)
        assert "weights: those of PCA" in autoencoder.summary()

    def test_it_is_no_news_where_nothing_is_lost(self, digits):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            AutoencoderTransformer(8, random_state=0).fit(self.X)  # every column of X is kept
            AutoencoderTransformer(2, max_epochs=2, random_state=0).fit(self.X)  # a trial
            trained = AutoencoderTransformer(8, random_state=0).fit(digits)
        assert not trained.is_pca_
        assert f"weights: epoch {trained.best_epoch_}" in trained.summary()


def test_the_best_weights_are_of_one_epoch(monkeypatch):
    """Whenever an interrupt comes while they are copied."""
    kept = BestWeights(5, 0.0)
    net = AutoencoderTransformer(2, **SMALL).fit(IRIS).net_
    net.history.record("valid_loss", 0.5)
    kept.best_, kept.mark_, kept.waited_, kept.best_weights_ = 1.0, 1.0, 0, {"earlier": torch.zeros(1)}
    monkeypatch.setattr(torch.Tensor, "__deepcopy__", lambda self, memo: exec("raise KeyboardInterrupt"))
    with pytest.raises(KeyboardInterrupt):
        kept.on_epoch_end(net)
    assert (kept.best_, list(kept.best_weights_)) == (1.0, ["earlier"])
