"""When trained weights replace PCA initialization."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from skorch.callbacks import Callback

from skae import AutoencoderTransformer, Dense, DivergenceError
from skae.data import Rows
from skae.exceptions import PCAKeptWarning
from skae.training import AutoencoderNet, BestWeights, Part, cross_validation, early_stopping, row_groups, split_rows
from skae.training.cross_validation import cross_validation_losses, is_decided, losses_at_best_epochs
from skae.training.early_stopping import significantly_lower, standard_errors_lower
from skae.training.schedule import automatic_batch_size, planned_cycles

IRIS = load_iris().data
SMALL = {"architecture": Dense((4,)), "max_epochs": 2, "random_state": 0}


def curve(n):
    """Rows along a curve, which a trained network explains far better than PCA."""
    angle = np.random.RandomState(0).uniform(0, 5, n)
    return np.stack([np.cos(angle), np.sin(angle), angle / 3], axis=1)


def pca_explained_variance(autoencoder, X):
    rows = autoencoder._result.layout.scaling.transform(torch.from_numpy(X)).numpy()
    pca = PCA(autoencoder.n_components_).fit(rows)
    return 1 - ((rows - pca.inverse_transform(pca.transform(rows))) ** 2).sum() / (rows**2).sum()


@pytest.fixture
def cross_validations(monkeypatch):
    """The losses of every cross-validation."""
    results = []

    def record(*args):
        results.append(cross_validation_losses(*args))
        return results[-1]

    monkeypatch.setattr("skae.training.fit.cross_validation_losses", record)
    return results


def is_better(losses, start, n_rows, others=None):
    best = BestWeights(25, 1e-4)
    best.cross_validate, best.best_epoch_ = lambda epoch: others, 1
    return best._is_better(losses, start, n_rows)


def test_clear_gain_is_significant_from_twenty_rows_on():
    start = np.arange(1.0, 26.0)
    assert is_better(start - 0.5, start, 25)
    assert is_better(start[:20] - 0.5, start[:20], 20)
    assert not is_better(start[:19] - 0.5, start[:19], 19)
    assert not is_better(start, start, 25)
    assert not is_better(start + 0.5, start, 25)


def test_a_suggestive_gain_is_enough_in_a_search():
    start = np.arange(1.0, 26.0)
    gain = np.where(np.arange(25) % 3 == 0, 0.5, -0.14)
    best = BestWeights(25, 1e-4)
    assert 1.28 < standard_errors_lower(start - gain, start) < 2.0
    assert not best._is_better(start - gain, start, 25)
    best.is_lenient = True
    assert best._is_better(start - gain, start, 25)
    assert not best._is_better(start + gain, start, 25)
    assert not best._is_better(start[:4] - 0.5, start[:4], 25)
    best.cross_validate, best.best_epoch_ = lambda epoch: (start - gain - 0.1, start, 25), 1
    assert best._is_better(start[:4] - 0.5, start[:4], 4)


def test_clear_gain_of_five_groups_is_significant():
    start = np.arange(1.0, 6.0)
    gain = np.array([0.5, 0.4, 0.6, 0.5, 0.3])
    assert is_better(start - gain, start, 20)
    assert not is_better(start - gain, start, 19)
    assert not is_better(start[:4] - gain[:4], start[:4], 400)
    assert is_better(start[:1] - gain[:1], start[:1], 4, others=(start - gain, start, 20))
    assert not is_better(start[:1] - gain[:1], start[:1], 4, others=(start - gain, start, 19))
    assert not is_better(start[:1] + gain[:1], start[:1], 4, others=(start - gain, start, 20))
    # The mean of many rows is one observation, and these groups differ too much.
    gain = np.array([3.0, -0.5, 0.2, -0.1, 0.1])
    assert gain.mean() > 0
    assert not is_better(start - gain, start, 400)


def test_noise_is_seldom_a_significant_gain():
    random = np.random.RandomState(0)
    taken = [significantly_lower(*random.standard_normal((2, 20)) + 5) for _ in range(4000)]
    assert 0.015 < np.mean(taken) < 0.035


def test_best_epoch_of_a_row_is_chosen_by_the_other_rows():
    losses = np.array([[1.0, 5.0, 5.0], [4.0, 2.0, 5.0], [5.0, 5.0, 5.0]])
    # Without the first row the second epoch is best, without the second the first, without the third the first.
    np.testing.assert_array_equal(losses_at_best_epochs(losses, 1), [4.0, 5.0, 5.0])


def test_single_group_is_compared_at_the_given_epoch():
    losses = np.array([[1.0], [4.0], [5.0]])
    np.testing.assert_array_equal(losses_at_best_epochs(losses, 2), [4.0])
    np.testing.assert_array_equal(losses_at_best_epochs(losses, 9), [5.0])


def test_best_of_many_epochs_of_noise_is_not_significant():
    random = np.random.RandomState(0)
    means = [losses_at_best_epochs(random.standard_normal((25, 12)), 1).mean() for _ in range(500)]
    assert abs(np.mean(means)) < 0.06
    assert np.mean([random.standard_normal((25, 12)).mean(1).min() for _ in range(500)]) < -0.5


def test_few_validation_rows_start_cross_validation(cross_validations, monkeypatch):
    X = curve(60)
    autoencoder = AutoencoderTransformer(1, max_epochs=60, random_state=0).fit(X)
    ((losses, by_pca, n_rows),) = cross_validations
    # The result is clear after four of five folds.
    assert losses.shape == by_pca.shape == (24,)
    assert n_rows == 24
    assert losses.mean() < by_pca.mean() / 2
    assert autoencoder.score(X) > pca_explained_variance(autoencoder, X) + 0.05
    assert autoencoder.best_epoch_ > 0
    monkeypatch.setattr(early_stopping, "FEWEST_ROWS", 31)
    assert autoencoder.set_params(max_epochs=5).fit(X).best_epoch_ == 0
    assert autoencoder.score(X) == pytest.approx(pca_explained_variance(autoencoder, X), abs=1e-5)


def test_cross_validation_ends_when_the_result_is_clear():
    random = np.random.RandomState(0)
    by_pca = 1 + 0.1 * random.standard_normal(24)
    better, unclear, worse = (
        by_pca - 0.5 * random.uniform(0.5, 1.0, 24),
        by_pca - 0.02 * random.standard_normal(24),
        by_pca + 0.1,
    )
    unclear -= unclear.mean() - by_pca.mean() + 1e-3
    assert is_decided(better, by_pca, 24, 1)
    assert not is_decided(better[:12], by_pca[:12], 12, 2)  # too few rows
    assert not is_decided(unclear, by_pca, 24, 4)
    assert [is_decided(worse, by_pca, 24, n_folds) for n_folds in (1, 2)] == [False, True]


def test_no_epoch_follows_the_first_if_pca_has_no_error(digits):
    low_rank = digits[:300] @ np.linalg.qr(np.random.RandomState(0).standard_normal((64, 64)))[0][:, :3]
    X = np.hstack([low_rank, low_rank[:, ::-1]])
    autoencoder = AutoencoderTransformer(3, random_state=0).fit(X)
    assert autoencoder.n_iter_ == 1
    assert autoencoder.is_pca_
    assert autoencoder.score(X) == pytest.approx(1)
    assert AutoencoderTransformer(2, max_epochs=3, random_state=0).fit(X).n_iter_ == 3


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
def test_no_cross_validation_where_it_adds_no_rows(n, settings, X_val, cross_validations):
    settings = {"n_components": 1, "max_epochs": 15, "random_state": 0, **settings}
    AutoencoderTransformer(**settings).fit(curve(n), X_val=X_val)
    assert not cross_validations


def test_callbacks_see_one_network_during_cross_validation(cross_validations):
    calls = []

    class Listening(Callback):
        def on_epoch_end(self, net, **kwargs):
            calls.append(1)

    X = curve(60)
    alone = AutoencoderTransformer(1, max_epochs=15, random_state=0).fit(X)
    listened_to = AutoencoderTransformer(1, max_epochs=15, random_state=0, net_params={"callbacks": [Listening()]}).fit(
        X
    )
    assert len(cross_validations) == 2
    assert len(calls) == 15
    np.testing.assert_array_equal(alone.transform(X), listened_to.transform(X))


@pytest.mark.parametrize(("n", "is_trained"), [(4, False), (8, True)])
def test_x_val_of_five_rows_is_enough_to_replace_pca(n, is_trained):
    autoencoder = AutoencoderTransformer(1, max_epochs=60, random_state=0).fit(curve(60), X_val=curve(99)[60 : 60 + n])
    assert (autoencoder.best_epoch_ > 0) == is_trained


def test_no_cross_validation_if_the_network_is_no_better_than_pca(cross_validations):
    noise = np.random.RandomState(0).standard_normal((80, 10))
    autoencoder = AutoencoderTransformer(3, random_state=0).fit(noise)
    assert autoencoder.best_epoch_ == 0
    assert not cross_validations


def test_warm_start_continues_with_few_rows(cross_validations):
    X = curve(150)
    autoencoder = AutoencoderTransformer(1, max_epochs=2, warm_start=True, random_state=0).fit(X)
    before, share = len(cross_validations), autoencoder.score(X)
    autoencoder.set_params(max_epochs=40).fit(X)
    assert len(cross_validations) == before
    assert autoencoder.score(X) > share + 0.05
    assert autoencoder.best_epoch_ > 2


def test_cross_validation_changes_neither_history_nor_result(monkeypatch):
    def seen(autoencoder):
        names = [{k: v for k, v in row.items() if k != "duration"} for row in autoencoder.history_]
        return autoencoder.transform(X), names, autoencoder.best_epoch_

    X = curve(60)
    codes, history, best = seen(AutoencoderTransformer(1, max_epochs=25, random_state=0).fit(X))
    # The first fold is enough now.
    monkeypatch.setattr("skae.training.fit.has_enough_folds", lambda *args: False)
    alone = seen(AutoencoderTransformer(1, max_epochs=25, random_state=0).fit(X))
    np.testing.assert_array_equal(codes, alone[0])
    assert (history, best) == alone[1:]
    assert best > 0


def test_folds_are_disjoint_and_keep_repeated_rows_together():
    X = np.repeat(curve(40), 3, axis=0)
    autoencoder = AutoencoderTransformer(1, max_epochs=1).fit(X)
    rows = Rows(X, autoencoder._result.layout, torch.device("cpu"))
    rows = rows.subset(np.arange(len(X)))
    whole = Part.whole(rows, row_groups(rows))
    parts = [split_rows(whole, 12, torch.Generator().manual_seed(0), fold) for fold in range(cross_validation.N_FOLDS)]
    validation = np.concatenate([part.indices for _, part in parts])
    assert len(set(validation)) == len(validation) == 60
    for train, held in parts:
        assert sorted([*train.indices, *held.indices]) == list(range(120))
        assert not set(train.indices // 3) & set(held.indices // 3)


def test_subset_of_rows_keeps_the_scaling(digits):
    autoencoder = AutoencoderTransformer(2, max_epochs=1, random_state=0).fit(digits[:100])
    part = Part(Rows(digits[:100], autoencoder._result.layout, torch.device("cpu")), np.array([3, 50, 7]))
    assert torch.equal(part.extract().rows.take(np.arange(3)), part.rows.take(part.indices))


@pytest.mark.parametrize(
    "error", [DivergenceError("as cross_validations"), torch.OutOfMemoryError("as cross_validations"), MemoryError()]
)
def test_failed_fold_falls_back_to_pca(error, monkeypatch):
    run, runs = AutoencoderNet.run, []

    def failing(self, *args, **kwargs):
        runs.append(1)
        if len(runs) == 3:
            raise error
        run(self, *args, **kwargs)

    monkeypatch.setattr(AutoencoderNet, "run", failing)
    assert AutoencoderTransformer(1, max_epochs=15, random_state=0).fit(curve(60)).best_epoch_ == 0
    assert len(runs) == 3


def test_after_an_interrupt_in_a_fold_the_validation_set_decides(monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("skae.training.fit.cross_validation_losses", interrupted)
    autoencoder = AutoencoderTransformer(1, max_epochs=40, on_interrupt="keep", random_state=0)
    with pytest.warns(UserWarning, match="interrupted after 40 epochs; the best weights so far are kept"):
        autoencoder.fit(curve(60))
    assert autoencoder.n_iter_ == 40
    assert autoencoder.best_epoch_ > 0
    with pytest.warns(UserWarning, match="40 epochs; the weights of PCA are kept"):
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

    def test_no_second_cycle_if_nothing_is_left_to_explain(self):
        random = np.random.RandomState(0)
        flags = np.hstack([np.eye(12)[random.randint(12, size=2000)], random.standard_normal((2000, 1))])
        autoencoder = AutoencoderTransformer(8, random_state=0).fit(flags)
        assert autoencoder.score(flags) > 0.999
        assert autoencoder.best_epoch_ > 20
        assert autoencoder.n_iter_ == 25

    def test_no_second_cycle_after_overfitting(self):
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

    def test_falling_back_to_pca_warns(self, capsys):
        with pytest.warns(PCAKeptWarning, match="max_epochs"):
            autoencoder = AutoencoderTransformer(2, random_state=0, verbose=2).fit(self.X)
        assert autoencoder.is_pca_
        printed = capsys.readouterr().out
        assert "PCA is kept" in printed
        assert "pca_loss" in printed
        assert all(row["pca_loss"] > 0 for row in autoencoder.history_)
        assert "weights: those of PCA" in autoencoder.summary()

    def test_the_warning_names_groups_if_there_are_some(self):
        with pytest.warns(PCAKeptWarning, match="More groups .*needs five"):
            AutoencoderTransformer(2, random_state=0).fit(self.X, groups=np.arange(300) // 60)

    def test_no_warning_where_pca_loses_nothing(self, digits):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            AutoencoderTransformer(8, max_epochs=10, random_state=0).fit(self.X)  # every column of X is kept
            AutoencoderTransformer(2, max_epochs=2, random_state=0).fit(self.X)  # a trial
            trained = AutoencoderTransformer(8, max_epochs=15, random_state=0).fit(digits[:600])
        assert not trained.is_pca_
        assert f"weights: epoch {trained.best_epoch_}" in trained.summary()


def test_interrupt_while_weights_are_copied_keeps_the_weights_of_one_epoch(monkeypatch):
    """For an interrupt at any time while they are copied."""
    best = BestWeights(5, 0.0)
    net = AutoencoderTransformer(2, **SMALL).fit(IRIS).net_
    net.history.record("valid_loss", 0.5)
    best.best_, best.mark_, best.waited_, best.best_weights_ = 1.0, 1.0, 0, {"earlier": torch.zeros(1)}
    monkeypatch.setattr(torch.Tensor, "__deepcopy__", lambda self, memo: exec("raise KeyboardInterrupt"))
    with pytest.raises(KeyboardInterrupt):
        best.on_epoch_end(net)
    assert (best.best_, list(best.best_weights_)) == (1.0, ["earlier"])


def test_fits_with_other_seeds_decide_alike_on_few_rows():
    random = np.random.RandomState(0)
    X = np.tanh(random.uniform(-1, 1, (100, 2)) @ random.standard_normal((2, 20))) @ random.standard_normal((20, 74))
    X += 0.3 * random.standard_normal(X.shape)
    settings = {"architecture": Dense((32,)), "max_epochs": 40}
    kept = {AutoencoderTransformer(2, random_state=seed, **settings).fit(X).is_pca_ for seed in range(3)}
    assert kept == {False}
