"""Training that resumes where it stopped: the folder of checkpoints, its lock, and the file in it."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from dataclasses import fields
from pathlib import Path
from typing import IO, Any

import joblib
import numpy as np
import torch
from skorch.callbacks import Callback
from torch import Tensor, nn

from skae._processes import current
from skae._version import __version__
from skae.data import SampleLayout
from skae.exceptions import printable
from skae.serialization.container import pack, read, write

from .checkpoint_state import dump_training, restore_training
from .early_stopping import BestWeights
from .fingerprint import RowsFingerprint, describe, weights_fingerprint
from .net import OPTIMIZERS
from .result import FitResult
from .spec import TrainSpec

try:
    import fcntl
except ImportError:  # Windows has no such locks.
    fcntl = None  # type: ignore[assignment]

# In a folder's name, it is replaced by an identifier of the fit, so that every candidate of a search has its own.
PLACE_OF_FIT = "{fit}"
FILE, LOCK = "checkpoint.skae", ".skae-in-use"
# Only the holder of the lock writes temporary files of this name, so others there were left by killed processes.
PREFIX = ".skae-checkpoint-"
TEMPORARY = f"{PREFIX}{'[0-9a-f]' * 16}.tmp"
# A checkpoint is written when the time since the last one is this many times the writing time, which is then 4 %.
PATIENCE = 25
# Estimated cost of the first write: bytes per second, and seconds on top.
WRITING_SPEED, WRITING_TIME = 2e8, 0.01
# Number of differences between fits in a message, and characters of each.
MOST, LONGEST_DIFFERENCE = 5, 300
# Fields of a spec that may differ when training resumes.
UNCHECKED = ("seed", "verbose", "net_params", "in_search")
# Name of the fingerprint of the weights that a warm start continues.
WEIGHTS = "weights before"


class Checkpoints(Callback):
    """Write the state of training after epochs, and restore it before the first.

    As a context manager, it locks ``folder``, in which ``{fit}`` stands for an identifier of the fit, and empties it
    after complete training. Training resumes only if ``identity`` and ``rows`` are those of the checkpoint, else
    ValueError is raised, as for a damaged file or a folder in use. ``stream`` is the caller's RandomState: its state
    is restored if training is incomplete. In data-parallel training, the first process reads and writes the file.
    """

    def __init__(
        self, folder: str, identity: dict[str, str], rows: RowsFingerprint, stream: np.random.RandomState | None = None
    ):
        # Without weights: an interrupt changes them, and the fit that resumes has to find its folder.
        named = {name: value for name, value in identity.items() if name != WEIGHTS}
        named |= rows.at_once if PLACE_OF_FIT in str(folder) else {}
        self.given = folder
        self.folder = Path(str(folder).replace(PLACE_OF_FIT, joblib.hash(sorted(named.items()))[:16]))
        self.path = self.folder / FILE
        self.settings = identity
        self.rows = rows
        # Epochs of the interrupted fit that the history of the warm start has already.
        self.counted = 0
        self.best: BestWeights | None = None
        self.seed: int | None = None
        self.state: Tensor | None = None
        self.duration = self.written = 0.0
        self.stream = stream
        self.stream_state: Any = None if stream is None else stream.get_state()
        self.finished = self.is_locked = False
        self.lock: Any = None

    def __enter__(self) -> Checkpoints:
        self.seed, self.state, self.counted = current().run_first(self._begin)
        return self

    def _begin(self) -> tuple[int | None, Tensor | None, int]:
        """Lock the folder and read its checkpoint: its seed, its state, and its number of epochs in the history."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock()
            if os.path.lexists(self.path):
                self._open()
            return self.seed, self.state, self.counted
        except BaseException as error:
            self.__exit__()
            if isinstance(error, OSError):
                advice = f"checkpoint_dir={self.given!r} has to be a folder that can be written"
                error.strerror = f"{error.strerror}. {advice}"
            raise

    def __exit__(self, *error: Any) -> None:
        if self.stream is not None and not self.finished and self.path.exists():
            self.stream.set_state(self.stream_state)
        if not current().is_first:
            return
        # The result is not lost because a file cannot be removed.
        with contextlib.suppress(OSError):
            if self.finished:
                self.path.unlink(missing_ok=True)
            if self.is_locked:
                (self.folder / LOCK).unlink(missing_ok=True)
        if self.lock is not None:
            self.lock.close()
        if PLACE_OF_FIT in str(self.given):
            # A folder that still holds a checkpoint is not empty and stays.
            with contextlib.suppress(OSError):
                self.folder.rmdir()

    @property
    def identity(self) -> dict[str, str]:
        """Descriptions and fingerprints that have to be equal for training to resume."""
        return self.settings | self.rows.in_full

    def record_interrupt(self, result: FitResult) -> None:
        """Note the weights that an interrupt left, so that a warm start from them counts as this fit."""
        if self.path.exists():
            # If it cannot be written, the next fit is refused as another fit.
            with contextlib.suppress(OSError, ValueError):
                content, state = self._read()
                self._write({**content, "interrupt": [start_fingerprint(result), result.net.epochs_done_]}, state)

    def _lock(self) -> None:
        """Open and lock the lock file; create it again if another process removed it meanwhile."""
        path, n_links = self.folder / LOCK, 0
        while n_links == 0:
            if self.lock is not None:
                self.lock.close()
            # Not os.access, which root always passes.
            self.lock = open_own(path, os.O_RDWR | os.O_CREAT)
            owner = self.lock.read(64)
            if not re.fullmatch(rb"[0-9]*\s*", owner):
                raise ValueError(f"{path} is no lock of a fit. Pass another checkpoint_dir, or move the file away.")
            if fcntl is not None:
                try:
                    fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    raise ValueError(
                        f"checkpoint_dir={self.given!r} is in use by process {owner.decode().strip()}. Pass another "
                        f"folder; in a search, write '{PLACE_OF_FIT}' in its name, and every fit has its own."
                    ) from error
            n_links = os.fstat(self.lock.fileno()).st_nlink
        self.is_locked = True
        for temporary in self.folder.glob(TEMPORARY) if fcntl is not None else ():
            if stat.S_ISREG(temporary.lstat().st_mode):
                temporary.unlink(missing_ok=True)
        self.lock.seek(0)
        self.lock.truncate(0)
        self.lock.write(str(os.getpid()).encode())
        self.lock.flush()

    def _read(self) -> tuple[dict[str, Any], Tensor]:
        with open_own(self.path, os.O_RDONLY) as file:
            stored = read(file)
        return stored.content, stored.arrays()["state"]

    def _write(self, content: dict[str, Any], state: Tensor) -> None:
        write(str(self.path), pack(content, {"state": state}), PREFIX)

    def _open(self) -> None:
        """Read the checkpoint, and compare its fingerprints with those of this fit."""
        try:
            content, state = self._read()
            before, seed = dict(content["identity"]), int(content["seed"])
            weights, epochs = content.get("interrupt", (None, 0))
        except OSError:
            raise
        except Exception as error:  # Any failure is due to the content of the file.
            raise unusable(self.path, error) from error
        if weights is not None and self.settings.get(WEIGHTS) == weights:
            self.counted = epochs
            self.settings = {name: value for name, value in self.settings.items() if name != WEIGHTS}
            self.settings |= {name: before[name] for name in (WEIGHTS,) if name in before}
        now = self.identity
        names = sorted(name for name in {**before, **now} if before.get(name) != now.get(name))
        if names:
            pairs = [f"{name} was {before.get(name)} and is {now.get(name)}" for name in names[:MOST]]
            differences = "; ".join(printable(pair, LONGEST_DIFFERENCE) for pair in pairs)
            raise ValueError(
                f"checkpoint_dir={self.given!r} holds a checkpoint of another fit: {differences}. Pass another folder, "
                f"or delete {self.path.name} there; in a search, write '{PLACE_OF_FIT}' in its name."
            )
        self.seed, self.state = seed, state

    def callbacks(self, best: BestWeights | None) -> list[Callback]:
        """The callbacks of training, the last ones."""
        self.best = best
        return [self]

    def resume(self, net: Any) -> int:
        """Restore the state of the checkpoint, if there is one; returns the number of epochs done."""
        self.written = time.perf_counter()
        # Weights, those of the best epoch and of the start, and two moments of the optimizer.
        self.duration = WRITING_TIME + 5 * sum(p.nbytes for p in net.module_.parameters()) / WRITING_SPEED
        if self.state is None:
            return 0
        state, self.state = self.state, None
        try:
            restore_training(net, self.best, state)
        except Exception as error:
            raise unusable(self.path, error) from error
        return net.epochs_done_

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        if not current().is_first:
            return
        began = time.perf_counter()
        if began - self.written < PATIENCE * self.duration:
            return
        self._write({"identity": self.identity, "seed": net.seed}, dump_training(net, self.best))
        self.written = time.perf_counter()
        self.duration = self.written - began


class NoCheckpoints(contextlib.nullcontext):
    """Replaces Checkpoints if there is no folder."""

    seed = None
    resume = None
    finished = False
    counted = 0

    def __enter__(self) -> NoCheckpoints:
        return self

    def callbacks(self, best: BestWeights | None) -> list[Callback]:
        return []

    def record_interrupt(self, result: FitResult) -> None:
        """Do nothing."""


def checkpoints_for(
    folder: Any,
    spec: TrainSpec,
    samples: dict[str, Any],
    layout: SampleLayout,
    groups: np.ndarray | None,
    random_state: Any,
    start: FitResult | None,
    labels: Any = None,
) -> Checkpoints | NoCheckpoints:
    """Checkpoints in ``folder`` of the training of a spec on checked ``samples`` by name, and y of ``labels``."""
    if folder is None:
        return NoCheckpoints()
    settings = {f.name: getattr(spec, f.name) for f in fields(spec) if f.name not in UNCHECKED}
    settings |= {name: value for name, value in (spec.net_params or {}).items() if name != "callbacks"}
    # Of several GPUs, each process uses another one.
    settings["device"] = spec.device.type
    identity = {name: describe(value) for name, value in settings.items()}
    if groups is not None:
        identity["groups"] = joblib.hash(groups)
    if labels is not None:
        identity["y"] = joblib.hash((labels.y, labels.classes, labels.y_val))
    stream = random_state if isinstance(random_state, np.random.RandomState) else None
    identity["random_state"] = repr(random_state) if stream is None else joblib.hash(stream.get_state())
    identity["defaults of optimizer"] = describe(OPTIMIZERS[spec.optimizer][1])
    identity |= {"skae": __version__, "torch": torch.__version__, "numpy": np.__version__}
    if spec.architecture.is_custom:
        modules = (getattr(spec.architecture, name, None) for name in ("encoder", "decoder"))
        identity["modules"] = " ".join(weights_fingerprint(m) for m in modules if isinstance(m, nn.Module))
    if start is not None:
        identity[WEIGHTS] = start_fingerprint(start)
    return Checkpoints(folder, identity, RowsFingerprint(samples, layout), stream)


def start_fingerprint(start: FitResult) -> str:
    """Fingerprint of the weights that a warm start continues."""
    return f"{weights_fingerprint(start.net.module_)} after {start.n_epochs} epochs"


def open_own(path: Path, flags: int) -> IO[bytes]:
    """Open a regular file of the caller; ValueError for links, hard links, other kinds of files and other owners."""
    advice = "Pass another checkpoint_dir, or move it away."
    if os.path.islink(path):
        raise ValueError(f"{path} is a link. {advice}")
    # O_NONBLOCK: opening a pipe does not wait for its writer.
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags, 0o666)
    status = os.fstat(handle)
    of_other_user = os.name == "posix" and status.st_uid != os.geteuid()
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1 or of_other_user:
        os.close(handle)
        raise ValueError(f"{path} is not a regular file of yours alone. {advice}")
    return open(handle, "r+b" if flags & os.O_RDWR else "rb")


def unusable(path: Path, error: Exception) -> ValueError:
    """The error for a checkpoint that training cannot resume from."""
    reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
    reason = printable(reason, LONGEST_DIFFERENCE).rstrip(".")
    return ValueError(f"Training cannot resume from {path}: {reason}. Delete it to start over.")
