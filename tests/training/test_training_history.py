"""The history in checkpoints."""

import numpy as np
from sklearn.datasets import load_iris
from skorch.callbacks import Callback

from skae import AutoencoderTransformer, Dense
from skae.training.checkpoint_state import decode_history, encode_history

X = load_iris().data
SMALL = {"architecture": Dense((4,)), "max_epochs": 2, "random_state": 0}


class Odd(Callback):
    def on_epoch_end(self, net, **kwargs):
        net.history.record("mine", float("nan"))
        net.history.record("other", np.float32(1))


def test_checkpoints_skip_history_values_that_json_cannot_hold(tmp_path, monkeypatch):
    monkeypatch.setattr("skae.training.checkpoints.PATIENCE", 0)
    AutoencoderTransformer(2, checkpoint_dir=tmp_path, net_params={"callbacks": [Odd()]}, **SMALL).fit(X)


def test_long_histories_are_written_to_checkpoints_and_read_back():
    odd = [{"train_loss": 0.5, "said": "a"}, {"train_loss": 0.1, "valid_loss_best": True, "x": 2, "y": object()}]
    history = [*odd, {"train_loss": 0.3, "x": 0.25, "z": float("inf")}]
    history += [{"train_loss": 1 / n, "epoch": n} for n in range(4, 100_000)]
    decoded = decode_history(encode_history(history), len(history), is_validated=False)
    assert decoded[:3] == [odd[0], {"train_loss": 0.1, "valid_loss_best": True, "x": 2}, {"train_loss": 0.3, "x": 0.25}]
    assert decoded[3:] == history[3:]
    assert isinstance(decoded[1]["valid_loss_best"], bool)
    assert isinstance(decoded[1]["x"], int)
