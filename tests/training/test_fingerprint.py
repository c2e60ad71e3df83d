"""Fingerprints of settings are the same in every process."""

import functools
import os
import subprocess
import sys
from pathlib import Path

from torch import nn

from skae import Custom
from skae._training import described
from skae.variants import Denoising


class Plain:
    """Has a setting, and no words for it."""

    def __init__(self, width):
        self.width = width


def made_by(kind):
    """A function that differs from others by what it closes over."""
    return lambda: kind()


GO_ON = """
import sys
from skorch.callbacks import Callback
from sklearn.datasets import load_iris
from test_fingerprint import halved, widened
from skae import AutoencoderTransformer, Custom
from skae._training import checkpoints

class Stop(Callback):
    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 1 and sys.argv[2] == "stop":
            sys.exit(3)

checkpoints.PATIENCE = 0
custom = Custom(halved, widened)
autoencoder = AutoencoderTransformer(
    2, checkpoint_dir=sys.argv[1], net_params={"callbacks": [Stop()]}, architecture=custom, max_epochs=2, random_state=0
)
autoencoder.fit(load_iris().data)
"""


def halved():
    return nn.Linear(4, 2)


def widened():
    return nn.Linear(2, 4)


def test_another_process_goes_on_with_the_same_functions(tmp_path):
    for argument, status in (("stop", 3), ("go on", 0)):
        command = [sys.executable, "-c", GO_ON, str(tmp_path), argument]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stderr
        assert (tmp_path / "checkpoint.skae").exists() == (status == 3)


def test_settings_are_told_in_full_and_without_addresses():
    variant = Denoising("gaussian", 0.3, variant=Custom(halved, functools.partial(nn.Linear, 2)))
    told = described({"variant": variant, "betas": (0.9, [object()])})
    assert " at 0x" not in told
    assert "'amount': 0.3" in told
    assert "test_fingerprint.halved" in told
    assert "partialtuple(torch.nn.modules.linear.Linear" in told
    assert "tuple(2), {})" in told
    made = [described(made_by(kind)) for kind in (nn.Tanh, nn.ReLU, nn.Tanh)]
    assert made[0] == made[2] != made[1]
    held = [described(Plain(width)) for width in (2, 3, 2)]
    assert held[0] == held[2] != held[1]
