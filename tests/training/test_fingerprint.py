"""Fingerprints of settings are the same in every process."""

import functools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from skorch.callbacks import Callback
from torch import nn

from skae import AutoencoderTransformer, Custom
from skae.training.fingerprint import describe
from skae.variants import Denoising


class Plain:
    """Has a parameter and no repr."""

    def __init__(self, width):
        self.width = width


def made_by(kind):
    """A function that differs from others by its closure."""
    return lambda: kind()


def halved():
    return nn.Linear(4, 2)


def widened():
    return nn.Linear(2, 4)


class Stopping(Callback):
    """Raises after the first epoch, in one process only."""

    active = True

    def on_epoch_end(self, net, **kwargs):
        if self.active:
            raise MemoryError


def fit_with_checkpoints(folder):
    autoencoder = AutoencoderTransformer(2, architecture=Custom(halved, widened), max_epochs=2, random_state=0)
    autoencoder.set_params(checkpoint_dir=folder, net_params={"callbacks": [Stopping()]})
    autoencoder.fit(np.random.RandomState(0).standard_normal((60, 4)))


def test_fit_with_custom_functions_resumes_in_another_process(tmp_path, monkeypatch):
    monkeypatch.setattr("skae.training.checkpoints.PATIENCE", 0)
    with pytest.raises(MemoryError):
        fit_with_checkpoints(str(tmp_path))
    assert (tmp_path / "checkpoint.skae").exists()
    code = (
        "import sys, test_fingerprint\n"
        "test_fingerprint.Stopping.active = False\n"
        "test_fingerprint.fit_with_checkpoints(sys.argv[1])\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "checkpoint.skae").exists()


def test_fingerprints_hold_all_settings_and_no_addresses():
    variant = Denoising("gaussian", 0.3, variant=Custom(halved, functools.partial(nn.Linear, 2)))
    told = describe({"variant": variant, "betas": (0.9, [object()])})
    assert " at 0x" not in told
    assert "'amount': 0.3" in told
    assert "test_fingerprint.halved" in told
    assert "partialtuple(torch.nn.modules.linear.Linear" in told
    assert "tuple(2), {})" in told
    made = [describe(made_by(kind)) for kind in (nn.Tanh, nn.ReLU, nn.Tanh)]
    assert made[0] == made[2] != made[1]
    held = [describe(Plain(width)) for width in (2, 3, 2)]
    assert held[0] == held[2] != held[1]
