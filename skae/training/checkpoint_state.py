"""The state of a training as the bytes of ``torch.save``; ``torch.load(weights_only=True)`` runs no code of a file."""

from __future__ import annotations

import io
from typing import Any

import torch
from skorch.history import History
from torch import Tensor

from skae._processes import current

from .data_parallel import process_seed
from .device import BorrowedStream
from .early_stopping import BestWeights

# Last the number of epochs, so that an interrupt before it is restored finds no epoch done.
COUNTERS = ("step_count_", "cycle_", "stop_", "epochs_done_")


def dump_training(net: Any, best: BestWeights | None) -> Tensor:
    """All that decides the next step (n_bytes,), uint8: weights, moments, random states, counters and history."""
    state = {
        "module": net.module_.state_dict(),
        "optimizer": net.optimizer_.state_dict(),
        "shuffling": net.generator_.get_state(),
        "noise": net.noise_.get_state(),
        "borrowed": net.stream_.own if isinstance(net.stream_, BorrowedStream) else (),
        "history": [
            # The strings and numbers as types of Python.
            {n: float(v) if isinstance(v, float) else v for n, v in row.items() if isinstance(v, (int, float, str))}
            for row in net.history.to_list()
        ],
        "counters": {name: getattr(net, name) for name in COUNTERS},
        "best": None if best is None else best_state(best),
    }
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return torch.frombuffer(buffer.getbuffer(), dtype=torch.uint8)


def restore_training(net: Any, best: BestWeights | None, data: Tensor) -> None:
    """Restore that state in a net of the same parameters, whose training has just begun."""
    state = torch.load(io.BytesIO(data.numpy().tobytes()), map_location="cpu", weights_only=True)
    net.module_.load_state_dict(state["module"])
    net.optimizer_.load_state_dict(state["optimizer"])
    net.generator_.set_state(state["shuffling"])
    if current().is_first:
        net.noise_.set_state(state["noise"])
        if isinstance(net.stream_, BorrowedStream):
            net.stream_.own = state["borrowed"]
    else:
        # The checkpoint has the noise of the first process, and the number of processes may differ.
        seed = process_seed(net.seed + state["counters"]["step_count_"])
        net.noise_.manual_seed(seed)
        if isinstance(net.stream_, BorrowedStream):
            net.stream_ = BorrowedStream(seed, torch.device(net.device))
    net.history_ = History([{**row, "batches": [{}]} for row in state["history"]])
    if best is not None:
        set_best_state(best, state["best"])
    for name, value in state["counters"].items():
        setattr(net, name, value)


def best_state(best: BestWeights) -> dict[str, Any]:
    """The state of the callback that keeps the best weights; ``weights_only`` takes tensors, but no arrays of numpy."""
    epoch, weights, losses = best.before_ or (0, {}, None)
    return {
        "numbers": (float(best.best_), float(best.mark_), best.waited_, best.best_epoch_),
        "weights": (best.best_weights_, best.start_weights_),
        "start": None if best.start_ is None else torch.from_numpy(best.start_),
        "before": None if losses is None else (epoch, weights, torch.from_numpy(losses)),
    }


def set_best_state(best: BestWeights, state: dict[str, Any]) -> None:
    """Restore the state of that callback."""
    best.best_, best.mark_, best.waited_, best.best_epoch_ = state["numbers"]
    best.best_weights_, best.start_weights_ = state["weights"]
    best.start_ = None if state["start"] is None else state["start"].numpy()
    if state["before"] is not None:
        epoch, weights, losses = state["before"]
        best.before_ = epoch, weights, losses.numpy()
