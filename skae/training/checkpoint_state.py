"""The state of training as named arrays, and back: they are compared with those of the network before they are used."""

from __future__ import annotations

import json
import math
from typing import Any

import torch
from skorch.history import History
from torch import Tensor

from skae.exceptions import shown
from skae.serialization.container import with_prefix, without_prefix

from .device import BorrowedStream
from .early_stopping import BestWeights
from .optimizer_state import probe_state

# Last the number of epochs, so that an interrupt before it is restored finds no epoch done.
COUNTERS = {"net": ("step_count_", "cycle_", "stop_", "epochs_done_"), "best": ("waited_", "best_epoch_")}
BEST_LOSSES = ("best_", "mark_")
# Means of squares that optimizers of torch keep.
SQUARES = ("exp_avg_sq", "max_exp_avg_sq", "square_avg")


def training_state(net: Any, best: BestWeights | None) -> dict[str, Tensor]:
    """All that decides the next step: weights, the optimizer's moments, random states, counters and history."""
    arrays = with_prefix("module.", net.module_.state_dict())
    for index, moments in net.optimizer_.state_dict()["state"].items():
        arrays |= {f"optimizer.{index}.{name}": value for name, value in moments.items() if isinstance(value, Tensor)}
    arrays |= with_prefix("random.", random_states(net))
    arrays |= {f"counter.{name}": torch.tensor(int(getattr(net, name))) for name in COUNTERS["net"]}
    arrays["lr"] = torch.tensor([group["lr"] for group in net.optimizer_.param_groups], dtype=torch.float64)
    arrays["history"] = encode_history(net.history.to_list())
    if best is not None:
        arrays |= {f"counter.{name}": torch.tensor(getattr(best, name)) for name in COUNTERS["best"]}
        arrays |= {f"loss.{name}": torch.tensor(getattr(best, name), dtype=torch.float64) for name in BEST_LOSSES}
        arrays |= with_prefix("best.", best.best_weights_) | with_prefix("start.", best.start_weights_)
        if best.start_ is not None:
            arrays["losses.start"] = torch.from_numpy(best.start_)
        if best.before_ is not None:
            epoch, weights, losses = best.before_
            arrays |= with_prefix("before.", weights)
            arrays |= {"losses.before": torch.from_numpy(losses), "counter.before": torch.tensor(epoch)}
    return arrays


def restore_training(net: Any, best: BestWeights | None, arrays: dict[str, Tensor]) -> None:
    """Restore that state in a net of the same form, whose training has just begun.

    Raises
    ------
    ValueError, KeyError
        If the arrays are not those of a training of this net, before anything is changed.
    """
    check_state(arrays, expected_state(net, best, arrays), limits(net, arrays), net.is_custom)
    history = decode_history(arrays["history"], int(arrays["counter.epochs_done_"]), best is not None)
    net.module_.load_state_dict(without_prefix("module.", arrays))
    state = net.optimizer_.state_dict()
    for name, value in without_prefix("optimizer.", arrays).items():
        index, _, name = name.partition(".")
        state["state"].setdefault(int(index), {})[name] = value
    net.optimizer_.load_state_dict(state)
    for group, lr in zip(net.optimizer_.param_groups, arrays["lr"].tolist(), strict=True):
        group["lr"] = lr
    set_random_states(net, without_prefix("random.", arrays))
    net.history_ = History([{**row, "batches": [{}]} for row in history])
    if best is not None:
        for name in (*COUNTERS["best"], *BEST_LOSSES):
            setattr(best, name, arrays[f"{'loss' if name in BEST_LOSSES else 'counter'}.{name}"].item())
        best.best_weights_, best.start_weights_ = without_prefix("best.", arrays), without_prefix("start.", arrays)
        best.start_ = arrays["losses.start"].numpy() if "losses.start" in arrays else None
        if "counter.before" in arrays:
            weights = without_prefix("before.", arrays)
            best.before_ = int(arrays["counter.before"]), weights, arrays["losses.before"].numpy()
    for name in COUNTERS["net"]:
        setattr(net, name, type(getattr(net, name))(arrays[f"counter.{name}"]))


def expected_state(net: Any, best: BestWeights | None, arrays: dict[str, Tensor]) -> dict[str, Tensor]:
    """Arrays of the names, types and shapes that the state of this net has; all that it may lack follows ``arrays``."""
    expected = training_state(net, best)
    if best is not None and int(arrays["counter.cycle_"]) > 0:
        losses = torch.empty(len(best.validation_), dtype=torch.float64)
        expected |= with_prefix("before.", best.best_weights_)
        expected |= {"losses.before": losses, "counter.before": torch.tensor(0)}
    # A parameter without a gradient so far has no moments.
    begun = {name.split(".")[1] for name in arrays if name.startswith("optimizer.")}
    parameters = [p for group in net.optimizer_.param_groups for p in group["params"]]
    for name, value in probe_state(net).items() if begun else ():
        for index, parameter in enumerate(parameters):
            if str(index) in begun:
                expected[f"optimizer.{index}.{name}"] = parameter if value.ndim else value
    return expected


def limits(net: Any, arrays: dict[str, Tensor]) -> dict[str, tuple[float, float]]:
    """The least and the largest possible value of arrays, by their names or those of moments."""
    epochs, steps = int(arrays["counter.epochs_done_"]), int(arrays["counter.step_count_"])
    return {
        "counter.epochs_done_": (1, net.max_epochs),
        "counter.step_count_": (0, net.max_epochs * net.n_batches_),
        "counter.cycle_": (0, len(net.cycles) - 1),
        "counter.stop_": (0, 1),
        "counter.waited_": (0, epochs),
        "counter.best_epoch_": (0, epochs),
        "counter.before": (1, epochs),
        "lr": (0, math.inf),
        "step": (1, steps),
        **dict.fromkeys(SQUARES, (0, math.inf)),
    }


def check_state(
    arrays: dict[str, Tensor], expected: dict[str, Tensor], limits: dict[str, tuple[float, float]], is_custom: bool
) -> None:
    """Raise ValueError unless names, types and shapes are the expected ones, and numbers finite and within limits."""
    missing = sorted(set(expected) - set(arrays))
    if missing:
        raise ValueError(f"it lacks the array {shown(missing[0])}")
    for name, array in arrays.items():
        like = expected.get(name)
        if like is None or array.dtype != like.dtype or (array.shape != like.shape and name != "history"):
            raise ValueError(f"its array {shown(name)} is {array.dtype} of shape {tuple(array.shape)}")
        may_be_any = is_custom or name.startswith("losses.")
        if array.is_floating_point() and not may_be_any and not bool(array.isfinite().all()):
            raise ValueError(f"its array {shown(name)} holds numbers that are not finite")
        limit = limits.get(name.rpartition(".")[2] if name.startswith("optimizer.") else name)
        if limit is not None and not bool(((array >= limit[0]) & (array <= limit[1])).all()):
            raise ValueError(f"its array {shown(name)} holds numbers outside the range {list(limit)}")


def random_states(net: Any) -> dict[str, Tensor]:
    """The states of all random streams of a training."""
    states = {"shuffling": net.generator_.get_state(), "noise": net.noise_.get_state()}
    if isinstance(net.stream_, BorrowedStream):
        states |= {f"borrowed {index}": state for index, state in enumerate(net.stream_.own)}
    return states


def set_random_states(net: Any, states: dict[str, Tensor]) -> None:
    """Set the states of all random streams of a training."""
    net.generator_.set_state(states["shuffling"])
    net.noise_.set_state(states["noise"])
    if isinstance(net.stream_, BorrowedStream):
        net.stream_.own = tuple(states[f"borrowed {index}"] for index in range(len(net.stream_.own)))


def encode_history(history: list[dict[str, Any]]) -> Tensor:
    """A history as bytes of JSON, (n_bytes,) uint8: strings and finite numbers only.

    Not in the JSON of the file, whose length is limited.
    """
    rows = [
        {n: v for n, v in row.items() if isinstance(v, str) or (isinstance(v, (int, float)) and math.isfinite(v))}
        for row in history
    ]
    return torch.frombuffer(bytearray(json.dumps(rows).encode()), dtype=torch.uint8)


def decode_history(array: Tensor, n_epochs: int, is_validated: bool) -> list[dict[str, Any]]:
    """The history in bytes of JSON; ValueError unless it has the finite losses of every epoch."""
    rows = json.loads(array.numpy().tobytes())
    names = ("train_loss", "valid_loss") if is_validated else ("train_loss",)
    if not isinstance(rows, list) or len(rows) != n_epochs or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"its history is not of {n_epochs} epochs")
    for value in (value for row in rows for value in row.values()):
        if not isinstance(value, str) and not (isinstance(value, (int, float)) and math.isfinite(value)):
            raise ValueError(f"its history holds {shown(value)}")
    if not all(type(row.get(name)) is float for row in rows for name in names):
        raise ValueError(f"its history lacks a loss of {' or '.join(names)}")
    return rows
