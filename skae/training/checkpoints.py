"""Training that goes on where it stopped: everything that decides its next step, in one file, written in one step."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import os
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from skorch.callbacks import Callback
from skorch.history import History
from torch import Tensor

from skae.exceptions import ModelFileError
from skae.files import packed, read, write

from .identity import RowsIdentity
from .records import columns_of, history_of, random_states, set_random_states
from .selection import BestWeights

try:
    import fcntl
except ImportError:  # Windows has no such locks.
    fcntl = None  # type: ignore[assignment]

# In a folder's name it stands for the fit, so that every candidate of a search has its own.
PLACE_OF_FIT = "{fit}"
FILE, LOCK = "checkpoint.skae", ".skae-in-use"
LEFT = re.compile(r"\.skae-[0-9a-f]{16}\.tmp")
# A checkpoint is written when the time since the last one is this many times what writing took: at most 4 % of it.
PATIENCE = 25
# What writing is taken to cost before it was done: a second for so many bytes, and so many seconds.
WRITING_SPEED, WRITING_TIME = 2e8, 0.01
# Under this name stands what a warm start goes on from.
WEIGHTS = "weights before"


class Checkpoints(Callback):
    """Writes the state of training after epochs, and puts it back before the first.

    Used as a context, it holds the folder for itself, and empties it where training came to its end.

    Parameters
    ----------
    folder : str
        Made where missing; ``{fit}`` in it stands for a name made from parameters and data.
    identity : dict
        Parameters, by name, in words; all have to be the same for training to go on.
    rows : RowsIdentity
        What training sees; read in full only where a checkpoint is written, or is there.
    stream : RandomState, default=None
        What ``fit`` draws its seed from; it is put back where training did not come to its end.

    Raises
    ------
    OSError
        If the folder cannot be made or written.
    ValueError
        If it holds the checkpoint of another fit, or one that is damaged, or another process uses it.
    """

    def __init__(
        self, folder: str, identity: dict[str, str], rows: RowsIdentity, stream: np.random.RandomState | None = None
    ):
        # Not by weights: an interrupt leaves others, and the fit that goes on has to find its folder.
        told = {what: words for what, words in identity.items() if what != WEIGHTS}
        told |= rows.at_once if PLACE_OF_FIT in str(folder) else {}
        name = hashlib.sha256(repr(sorted(told.items())).encode()).hexdigest()[:16]
        self.given = folder
        self.folder = Path(str(folder).replace(PLACE_OF_FIT, name))
        self.path = self.folder / FILE
        # How many parts of the folder's name come before the fit's own.
        parts = Path(str(folder)).parts
        self.place = next((i for i, part in enumerate(parts) if PLACE_OF_FIT in part), len(parts))
        self.of_parameters = identity
        self.rows = rows
        # Epochs of an interrupted fit that the estimator that goes on with it has counted already.
        self.counted = 0
        self.best: BestWeights | None = None
        self.seed: int | None = None
        self.stored: Any = None
        self.took = self.written = 0.0
        self.stream = stream
        self.stream_state: Any = None if stream is None else stream.get_state()
        self.finished = self.held = False
        self.lock: Any = None

    def __enter__(self) -> Checkpoints:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            # Not os.access, which root always passes.
            self.lock = open(self.folder / LOCK, "a+")
            self._hold()
            if self.path.exists():
                self._open()
            return self
        except BaseException as error:
            self.__exit__()
            if isinstance(error, OSError):
                told = f"checkpoint_dir={self.given!r} has to be a folder that can be written"
                error.strerror = f"{error.strerror}. {told}"
            raise

    def __exit__(self, *error: Any) -> None:
        if self.stream is not None and not self.finished and self.path.exists():
            self.stream.set_state(self.stream_state)
        # What was trained is taken by now, and is not lost because a file of it stays.
        with contextlib.suppress(OSError):
            if self.finished:
                self.path.unlink(missing_ok=True)
            if self.held:
                (self.folder / LOCK).unlink(missing_ok=True)
        if self.lock is not None:
            self.lock.close()
        if PLACE_OF_FIT in str(self.given):
            # Those that hold a checkpoint still, or another fit's folder, are not empty and stay.
            with contextlib.suppress(OSError):
                for folder in [self.folder, *self.folder.parents][: len(self.folder.parts) - self.place]:
                    folder.rmdir()

    @property
    def identity(self) -> dict[str, str]:
        """What has to be the same for training to go on."""
        return self.of_parameters | self.rows.in_full

    def interrupted(self, weights: str, epochs: int) -> None:
        """Know ``weights``, which an interrupt left to the estimator after ``epochs``, for those of this fit."""
        if self.path.exists():
            # Where it cannot be written, going on is refused, as of any other estimator.
            with contextlib.suppress(OSError, ModelFileError):
                stored = read(str(self.path))
                content = {**stored.content, "left": {"weights": weights, "epochs": epochs}}
                write(str(self.path), packed(content, stored.arrays()))

    def _hold(self) -> None:
        self.lock.seek(0)
        owner = self.lock.read().strip()
        if fcntl is not None:
            try:
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise ValueError(
                    f"checkpoint_dir={self.given!r} is in use by process {owner}. Pass another folder; in a search, "
                    f"write '{PLACE_OF_FIT}' in its name, and every fit has its own."
                ) from error
        if os.fstat(self.lock.fileno()).st_nlink == 0:
            # The fit that held it has ended in between, and took the name away.
            self.lock.close()
            self.lock = open(self.folder / LOCK, "a+")  # noqa: SIM115
            return self._hold()
        self.held = True
        for left in self.folder.iterdir():  # of a process that was killed while it wrote
            if LEFT.fullmatch(left.name):
                left.unlink(missing_ok=True)
        self.lock.truncate(0)
        self.lock.write(str(os.getpid()))
        self.lock.flush()

    def _open(self) -> None:
        """Read the checkpoint there is, and compare what it is of."""
        try:
            self.stored = read(str(self.path))
        except ModelFileError as error:
            raise ValueError(f"{self.path} cannot be gone on from: {error}. Delete it to start anew.") from error
        if self.stored.content.get("kind") != "checkpoint":
            raise ValueError(f"{self.path} is no checkpoint. Pass another folder, or move the file away.")
        before, left = self.stored.content["identity"], self.stored.content.get("left")
        if left and self.of_parameters.get(WEIGHTS) == left["weights"]:
            self.counted = int(left["epochs"])
            others = {name: told for name, told in self.of_parameters.items() if name != WEIGHTS}
            self.of_parameters = others | {name: before[name] for name in (WEIGHTS,) if name in before}
        now = self.identity
        names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
        if names:
            told = "; ".join(f"{n} was {before.get(n)} and is {now.get(n)}" for n in sorted(names))
            raise ValueError(
                f"checkpoint_dir={self.given!r} holds a checkpoint of another fit: {told}. Pass another folder, or "
                f"delete {self.path.name} there; in a search, write '{PLACE_OF_FIT}' in its name."
            )
        self.seed = int(self.stored.content["seed"])

    def callbacks(self, best: BestWeights | None) -> list[Callback]:
        """What has to hear of epochs, last of all."""
        self.best = best
        return [self]

    def resume(self, net: Any) -> int:
        """Put back what was stored, if anything; returns the number of epochs done."""
        self.written = time.perf_counter()
        # Weights, those of the best epoch and of the start, and two moments of the optimiser.
        self.took = WRITING_TIME + 5 * sum(p.nbytes for p in net.module_.parameters()) / WRITING_SPEED
        self.took += self.rows.seconds
        if self.stored is None:
            return 0
        content, arrays = self.stored.content, self.stored.arrays()
        self.stored = None
        try:
            put_back(net, content, arrays)
        except (RuntimeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{self.path} does not fit this network: {error}. Delete it to start anew.") from error
        if self.best is not None:
            for name in ("best_", "mark_"):
                setattr(self.best, name, float(content[name]))
            self.best.waited_, self.best.best_epoch_ = content["waited_"], content["best_epoch_"]
            self.best.best_weights_ = under("best", arrays)
            self.best.start_weights_ = under("start", arrays)
            self.best.start_ = arrays["start_losses"].numpy() if "start_losses" in arrays else None
        return net.epochs_done_

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        began = time.perf_counter()
        if began - self.written < PATIENCE * self.took:
            return
        content, arrays = state_of(net)
        content |= {"kind": "checkpoint", "identity": self.identity, "seed": net.seed}
        if self.best is not None:
            # Through repr, since JSON has no infinity.
            content |= {name: repr(float(getattr(self.best, name))) for name in ("best_", "mark_")}
            content |= {"waited_": self.best.waited_, "best_epoch_": self.best.best_epoch_}
            for prefix, weights in (("best", self.best.best_weights_), ("start", self.best.start_weights_)):
                arrays |= {f"{prefix}.{name}": value for name, value in weights.items()}
            if self.best.start_ is not None:
                arrays["start_losses"] = torch.from_numpy(self.best.start_)
        write(str(self.path), packed(content, {name: a.detach().cpu().contiguous() for name, a in arrays.items()}))
        self.written = time.perf_counter()
        self.took = self.written - began


class NoCheckpoints(contextlib.nullcontext):
    """What stands in where nothing is kept."""

    seed = None
    resume = None
    finished = False
    counted = 0

    def __enter__(self) -> NoCheckpoints:
        return self

    def callbacks(self, best: BestWeights | None) -> list[Callback]:
        return []

    def interrupted(self, weights: str, epochs: int) -> None:
        """Nothing is kept, so nothing is known again."""


def state_of(net: Any) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What decides the next step: counters and history; weights, the optimiser's moments, and random streams."""
    state = net.optimizer_.state_dict()
    arrays = {f"module.{name}": value for name, value in net.module_.state_dict().items()}
    numbers: dict[str, dict[str, float]] = {}
    for index, values in state["state"].items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                arrays[f"optimizer.{index}.{name}"] = value
            elif value is not None:
                numbers.setdefault(str(index), {})[name] = value
    arrays |= {f"random.{name}": value for name, value in random_states(net).items()}
    history, columns = columns_of(net.history.to_list())
    arrays |= {f"history.{name}": column for name, column in columns.items()}
    return {
        "epochs": net.epochs_done_,
        "steps": net.step_count_,
        "stop": bool(net.stop_),
        "lrs": [group["lr"] for group in net.optimizer_.param_groups],
        "optimizer": numbers,
        "history": history,
    }, {name: copy.copy(value) for name, value in arrays.items()}


def put_back(net: Any, content: dict[str, Any], arrays: dict[str, Tensor]) -> None:
    """Bring a net of the same form to that state."""
    net.module_.load_state_dict(under("module", arrays))
    state = net.optimizer_.state_dict()
    state["state"] = {int(index): dict(values) for index, values in content["optimizer"].items()}
    for name, value in under("optimizer", arrays).items():
        index, _, name = name.partition(".")
        state["state"].setdefault(int(index), {})[name] = value
    net.optimizer_.load_state_dict(state)
    for group, lr in zip(net.optimizer_.param_groups, content["lrs"], strict=True):
        group["lr"] = lr
    set_random_states(net, under("random", arrays))
    net.history_ = History(
        [{**row, "batches": [{}]} for row in history_of(content["history"], under("history", arrays))]
    )
    net.epochs_done_, net.step_count_ = content["epochs"], content["steps"]
    net.stop_ = content["stop"]


def under(prefix: str, arrays: dict[str, Tensor]) -> dict[str, Tensor]:
    """The arrays whose names begin with ``prefix`` and a dot, without it."""
    return {name[len(prefix) + 1 :]: value for name, value in arrays.items() if name.startswith(f"{prefix}.")}
