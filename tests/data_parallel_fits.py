"""Fits that ``test_data_parallel.py`` runs in one process and in several.

``python data_parallel_fits.py FILE CASE...`` runs cases in one of several processes; each writes FILE with its rank.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import socket
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from skorch.callbacks import Callback

from skae import AutoencoderTransformer, Convolutional, Custom, Dense
from skae.exceptions import PCAKeptWarning
from skae.training import checkpoints
from skae.variants import Supervised

RANK = int(os.environ.get("RANK", "0"))
random = np.random.RandomState(0)
# 183 training rows and 20 validation rows: with batches of 16, of 15 and 16 rows.
X = np.tanh(random.standard_normal((203, 2)) @ random.standard_normal((2, 6))) + 0.1 * random.standard_normal((203, 6))
WIDE = np.tanh(random.standard_normal((90, 3)) @ random.standard_normal((3, 1100)))
PICTURES = random.standard_normal((70, 2)) @ random.standard_normal((2, 64))
SMALL = {"architecture": Dense((16,)), "batch_size": 16, "max_epochs": 6, "random_state": 0, "device": "cpu"}


class Statistics(torch.nn.Module):
    """A layer with a statistic of its own batches."""

    def __init__(self):
        super().__init__()
        self.register_buffer("largest", torch.zeros(()))

    def forward(self, x):
        if self.training:
            self.largest.copy_(torch.maximum(self.largest, x.detach().abs().amax()))
        return x


class Encoder(torch.nn.Module):
    """An encoder with a statistic, and with weights that it does not use."""

    def __init__(self):
        super().__init__()
        self.statistics, self.layer, self.unused = Statistics(), torch.nn.Linear(6, 2), torch.nn.Linear(1, 1)

    def forward(self, x):
        return self.layer(self.statistics(x))


def custom():
    """An architecture of custom modules."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Custom(Encoder(), torch.nn.Linear(2, 6))


class Stopping(Callback):
    """Stops after the third epoch, in the first process only."""

    def on_epoch_end(self, net, **kwargs):
        if RANK == 0 and len(net.history) == 3:
            net.stop_ = True


class Failing(Callback):
    """Raises an error in the second process after the second epoch."""

    def on_epoch_end(self, net, **kwargs):
        if RANK == 1 and len(net.history) == 2:
            raise KeyError("a bad row")


class Crashing(Callback):
    """Raises an error after the third epoch, as if the machine stopped: the checkpoint stays."""

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 3:
            raise MemoryError("stands for a machine that stops")


# Without a validation set, the trained weights are kept. SGD, because Adam divides gradients by their size: it moves
# biases before batch normalization, which have no effect and no gradient, by rounding errors.
TRAINED = {**SMALL, "early_stopping": False}
BY_SGD = {**TRAINED, "optimizer": "sgd"}
# Parameters, and arguments of ``fit``.
CASES = {
    "early stopping": (SMALL, (X,)),
    "trained weights": (TRAINED, (X,)),
    "uneven batches": (BY_SGD, (X[:33],)),
    "batch normalization": ({**BY_SGD, "architecture": Dense((16,), normalization="batch")}, (X,)),
    "sparse": ({**TRAINED, "variant": "sparse", "max_epochs": 3}, (X,)),
    "custom": ({**TRAINED, "architecture": custom(), "max_epochs": 3}, (X,)),
    "convolutional": (
        {
            **BY_SGD,
            "architecture": Convolutional((4,), hidden_sizes=(8,), normalization="batch"),
            "sample_shape": (8, 8),
            "axes": "h w",
            "max_epochs": 2,
        },
        (PICTURES,),
    ),
    "supervised": ({**TRAINED, "variant": Supervised()}, (X, (X[:, 0] > 0).astype(int))),
    "wide": ({**BY_SGD, "architecture": "auto", "max_epochs": 2}, (WIDE,)),
    "tokens": ({**TRAINED, "architecture": "sequence", "max_epochs": 1}, ((np.arange(300) ** 2 % 5).reshape(60, 5),)),
    "quantized": ({**SMALL, "variant": "vector_quantized", "max_epochs": 3}, (X,)),
    "denoising": ({**SMALL, "variant": "denoising"}, (X,)),
    "variational": ({**SMALL, "variant": "variational"}, (X,)),
    "missing values": ({**SMALL}, (np.where(random.uniform(size=X.shape) < 0.1, np.nan, X),)),
    "no seed": ({**SMALL, "random_state": None}, (X,)),
    "stops": ({**TRAINED, "net_params": {"callbacks": [Stopping()]}}, (X,)),
    "fails": ({**TRAINED, "net_params": {"callbacks": [Failing()]}}, (X,)),
    "diverges": ({**BY_SGD, "lr": 1e30}, (X,)),
    "other rows": (SMALL, (X[RANK:],)),
}
# n_processes of a fit that stops, and of the one that resumes it; None is all.
RESUMED = {"resumes together": (1, None), "resumes alone": (None, 1)}


def fit(case, **more):
    """A fitted estimator of a case."""
    parameters, arguments = CASES[case]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PCAKeptWarning)
        return AutoencoderTransformer(2, **{**parameters, **more}).fit(*arguments)


def resume(folder, before, after):
    """A fit that stops after the third epoch and is resumed, each in one process or in all (None)."""
    crashing = {"net_params": {"callbacks": [Crashing()]}, "checkpoint_dir": folder}
    if before is None or RANK == 0:
        with contextlib.suppress(MemoryError):
            fit("early stopping", n_processes=before, **crashing)
        # The first process removes the lock, after which it may resume before another one gets here.
        assert RANK > 0 or os.listdir(folder) == ["checkpoint.skae"]
    if after is None or RANK == 0:
        resumed = fit("early stopping", n_processes=after, checkpoint_dir=folder)
        assert RANK > 0 or os.listdir(folder) == []
        return resumed
    return fit("early stopping", n_processes=1)


def outcome(case, folder=None):
    """What a fit learned, or its error."""
    try:
        fitted = resume(folder + case, *RESUMED[case]) if case in RESUMED else fit(case)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
    names = ("train_loss", "valid_loss")
    return {
        "losses": np.array([[epoch[n] for n in names if n in epoch] for epoch in fitted.history_]),
        "weights": {name: value.numpy() for name, value in fitted.net_.module_.state_dict().items()},
        "codes": fitted.transform(CASES.get(case, CASES["early stopping"])[1][0]),
        "best_epoch": fitted.best_epoch_,
    }


def free_port():
    with contextlib.closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


def run_in_processes(arguments, n=2, timeout=120):
    """Run a script in n processes as torchrun does; returns their results of ``subprocess.run``."""
    port = str(free_port())
    processes = [
        subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": str(n),
                "LOCAL_WORLD_SIZE": str(n),
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": port,
            },
        )
        for rank in range(n)
    ]
    try:
        outputs = [process.communicate(timeout=timeout) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [
        subprocess.CompletedProcess(process.args, process.returncode, *output)
        for process, output in zip(processes, outputs, strict=True)
    ]


def outcomes_in_processes(folder, cases, n=2):
    """The outcomes of cases, by process."""
    done = run_in_processes([__file__, folder / "outcomes", *cases], n)
    for process in done:
        assert process.returncode == 0, process.stderr
    return [pickle.loads((folder / f"outcomes{rank}").read_bytes()) for rank in range(n)]


if __name__ == "__main__":
    torch.set_num_threads(1)
    path, *cases = sys.argv[1:]
    checkpoints.PATIENCE = 0  # a checkpoint after every epoch
    found = {case: outcome(case, path) for case in cases}
    Path(f"{path}{RANK}").write_bytes(pickle.dumps(found))
