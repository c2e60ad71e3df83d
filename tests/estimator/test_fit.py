"""What fit records, validates and passes on to skorch."""

import re

import numpy as np
import pytest
from sklearn.base import clone
from skorch import NeuralNet
from skorch.callbacks import Callback

from skae import AutoencoderTransformer, Dense
from skae.training.schedule import automatic_patience

QUICK = {"max_epochs": 2, "random_state": 0}
X = np.random.RandomState(0).standard_normal((80, 6)) @ np.random.RandomState(1).standard_normal((6, 6))


@pytest.fixture(scope="module")
def fitted():
    return AutoencoderTransformer(2, **QUICK).fit(X)


def test_history_records_losses_and_learning_rate(fitted):
    assert len(fitted.history_) == fitted.n_iter_ == 2
    for number, row in enumerate(fitted.history_, start=1):
        assert row["epoch"] == number
        assert set(row) == {"epoch", "train_loss", "valid_loss", "pca_loss", "lr", "duration"}
        assert all(type(value) in (int, float) for value in row.values())


def test_without_early_stopping_there_is_no_validation_set():
    autoencoder = AutoencoderTransformer(2, early_stopping=False, **QUICK).fit(X)
    assert "valid_loss" not in autoencoder.history_[0]


def test_x_val_is_the_validation_set():
    easy, hard = X[:40], X[40:] * 10
    autoencoder = AutoencoderTransformer(2, scaling=None, **QUICK)
    low = clone(autoencoder).fit(easy, X_val=easy).history_[0]["valid_loss"]
    high = clone(autoencoder).fit(easy, X_val=hard).history_[0]["valid_loss"]
    assert high > 10 * low


def test_training_stops_when_the_validation_loss_stops_improving():
    autoencoder = AutoencoderTransformer(2, max_epochs=500, n_iter_no_change=2, tol=0.5, random_state=0).fit(X)
    assert autoencoder.n_iter_ < 20


def test_patience_grows_with_max_epochs():
    assert [automatic_patience(n) for n in (5, 25, 45, 300)] == [25, 25, 27, 180]
    noise = np.random.RandomState(0).standard_normal((40, 3))
    autoencoder = AutoencoderTransformer(1, max_epochs=200, random_state=0).fit(noise)
    assert 120 <= autoencoder.n_iter_ < 200


def test_best_weights_are_kept(digits):
    # At this learning rate the loss jumps about, so the last epoch is hardly the best.
    autoencoder = AutoencoderTransformer(
        4, architecture=Dense(linear_path=False), max_epochs=12, lr=0.05, random_state=0
    ).fit(digits, X_val=digits[:300])
    losses = [row["valid_loss"] for row in autoencoder.history_]
    kept = -autoencoder.score_samples(digits[:300]).mean()
    assert kept == pytest.approx(min(losses), rel=1e-3)


def test_skorch_callbacks_and_settings_pass_through():
    calls = []

    class Counting(Callback):
        def on_batch_end(self, net, **kwargs):
            calls.append("batch")

        def on_epoch_end(self, net, **kwargs):
            calls.append("epoch")

    net_params = {"callbacks": [Counting()], "optimizer__weight_decay": 0.125}
    autoencoder = AutoencoderTransformer(2, batch_size=20, net_params=net_params, **QUICK).fit(X)
    assert calls.count("epoch") == 2
    assert calls.count("batch") == 2 * (4 + 1)
    assert autoencoder.net_.optimizer_.param_groups[-1]["weight_decay"] == 0.125
    assert isinstance(autoencoder.net_, NeuralNet)


def test_batch_normalization_never_gets_batches_of_one_row():
    architecture = Dense((8,), normalization="batch")
    for n in (2, 3, 17, 33):
        AutoencoderTransformer(
            2, architecture=architecture, batch_size=16, early_stopping=False, max_epochs=1, random_state=0
        ).fit(X[:n])


def test_verbose_2_prints_every_epoch(capsys):
    AutoencoderTransformer(2, verbose=2, **QUICK).fit(X)
    printed = capsys.readouterr().out
    stages = "Reading X", "Choosing training and validation rows", "Building the network and its PCA initialization"
    for stage in stages:
        assert re.search(rf"^{stage} \.\.\. \d+\.\d s$", printed, re.MULTILINE)
    assert "train_loss" in printed
    AutoencoderTransformer(2, **QUICK).fit(X)
    assert capsys.readouterr().out == ""
