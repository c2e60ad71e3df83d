"""Callbacks of skorch."""

import tempfile

import numpy as np
from skorch.callbacks import Checkpoint, EarlyStopping, LRScheduler, TrainEndCheckpoint

from skae import AutoencoderTransformer

QUICK = {"max_epochs": 2, "random_state": 0}
X = np.random.RandomState(0).standard_normal((80, 6)) @ np.random.RandomState(1).standard_normal((6, 6))


def test_checkpoints_and_early_stopping_of_skorch_work():
    with tempfile.TemporaryDirectory() as folder:
        for callback in (Checkpoint(dirname=folder), TrainEndCheckpoint(dirname=folder), EarlyStopping(patience=1)):
            AutoencoderTransformer(2, net_params={"callbacks": [callback]}, **QUICK).fit(X)


def test_lr_scheduler_of_the_user_replaces_the_default_schedule():
    callbacks = [LRScheduler("StepLR", step_size=1, gamma=0.1)]
    autoencoder = AutoencoderTransformer(
        2, lr=0.01, max_epochs=3, random_state=0, net_params={"callbacks": callbacks}
    ).fit(X)
    np.testing.assert_allclose([row["lr"] for row in autoencoder.history_], [1e-2, 1e-3, 1e-4], rtol=1e-6)


def test_callbacks_can_be_disabled():
    AutoencoderTransformer(2, net_params={"callbacks": "disable"}, **QUICK).fit(X)
