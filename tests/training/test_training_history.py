"""The history in checkpoints."""

import math

import numpy as np
import pytest
from sklearn.datasets import load_iris
from skorch.callbacks import Callback

from skae import AutoencoderTransformer, Dense

X = load_iris().data
SMALL = {"architecture": Dense((4,)), "max_epochs": 2, "random_state": 0}


class Odd(Callback):
    """Record values that the state of a checkpoint can and cannot hold, and stop after two epochs."""

    def on_epoch_end(self, net, **kwargs):
        net.history.record("mine", float("nan"))
        net.history.record("double", np.float64(0.5))
        net.history.record("text", "a")
        net.history.record("object", object())
        if len(net.history) == 2:
            raise MemoryError("stands for a machine that stops")


def test_strings_and_numbers_of_callbacks_are_in_the_history_after_resuming(tmp_path, monkeypatch):
    monkeypatch.setattr("skae.training.checkpoints.PATIENCE", 0)
    estimator = AutoencoderTransformer(2, checkpoint_dir=tmp_path, net_params={"callbacks": [Odd()]}, **SMALL)
    with pytest.raises(MemoryError):
        estimator.fit(X)
    estimator.set_params(net_params=None).fit(X)
    first, second = estimator.history_
    assert math.isnan(first["mine"])
    assert (first["double"], first["text"]) == (0.5, "a")
    assert "object" not in first
    assert "double" not in second
