"""Callbacks of skorch."""

import tempfile

import numpy as np
from skorch.callbacks import Checkpoint, EarlyStopping, LRScheduler, TrainEndCheckpoint

from skae import AutoencoderTransformer

QUICK = {"max_epochs": 2, "random_state": 0}
X = np.random.RandomState(0).standard_normal((80, 6)) @ np.random.RandomState(1).standard_normal((6, 6))


def test_checkpoints_and_stopping():
    with tempfile.TemporaryDirectory() as folder:
        for callback in (Checkpoint(dirname=folder), TrainEndCheckpoint(dirname=folder), EarlyStopping(patience=1)):
            AutoencoderTransformer(2, net_params={"callbacks": [callback]}, **QUICK).fit(X)


def test_a_schedule_of_the_users_own_replaces_the_planned_one():
    callbacks = [LRScheduler("StepLR", step_size=1, gamma=0.1)]
    autoencoder = AutoencoderTransformer(
        2, lr=0.01, max_epochs=3, random_state=0, net_params={"callbacks": callbacks}
    ).fit(X)
    np.testing.assert_allclose([row["lr"] for row in autoencoder.history_], [1e-2, 1e-3, 1e-4], rtol=1e-6)


def test_disable():
    AutoencoderTransformer(2, net_params={"callbacks": "disable"}, **QUICK).fit(X)
