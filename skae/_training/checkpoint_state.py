"""The state of training as JSON and arrays, and back: what is put back is compared with the network first."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from skorch.history import History
from torch import Tensor

from skae.exceptions import shown

from .early_stopping import BestWeights
from .optimizer_state import state_names
from .records import columns_of, history_of, random_states, set_random_states

# Of a best loss that a checkpoint holds through ``repr``, since JSON has no infinity.
BEST_LOSSES, BEST_COUNTS = ("best_", "mark_"), ("waited_", "best_epoch_")
# What optimizers of torch keep: a count, and means of squares.
STEP, SQUARES = "step", ("exp_avg_sq", "max_exp_avg_sq", "square_avg")


def state_of(net: Any, best: BestWeights | None) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What decides the next step: counters and history; weights, the optimizer's moments, and random streams."""
    state = net.optimizer_.state_dict()
    arrays = under_prefix("module", net.module_.state_dict())
    for index, values in state["state"].items():
        # torch counts steps in tensors too; what is None is not kept yet.
        kept = {name: value for name, value in values.items() if isinstance(value, Tensor)}
        arrays |= under_prefix(f"optimizer.{index}", kept)
    arrays |= under_prefix("random", random_states(net))
    history, columns = columns_of(net.history.to_list())
    arrays |= under_prefix("history", columns)
    content = {
        "epochs": net.epochs_done_,
        "steps": net.step_count_,
        "cycle": net.cycle_,
        "stop": bool(net.stop_),
        "lrs": [group["lr"] for group in net.optimizer_.param_groups],
        "history": history,
    }
    if best is not None:
        content |= {name: repr(float(getattr(best, name))) for name in BEST_LOSSES}
        content |= {name: getattr(best, name) for name in BEST_COUNTS}
        arrays |= under_prefix("best", best.best_weights_) | under_prefix("start", best.start_weights_)
        if best.start_ is not None:
            arrays["start_losses"] = torch.from_numpy(best.start_)
        if best.before_ is not None:
            content["before_epoch"], weights, losses = best.before_
            arrays |= under_prefix("before", weights) | {"before_losses": torch.from_numpy(losses)}
    return content, {name: copy.copy(value) for name, value in arrays.items()}


def put_back(net: Any, best: BestWeights | None, content: dict[str, Any], arrays: dict[str, Tensor]) -> None:
    """Bring a net of the same form, whose training has just begun, to that state.

    Raises
    ------
    ValueError
        If content or arrays are not what ``state_of`` gives of such a net, before anything is changed.
    """
    check_counters(net, best, content)
    check_arrays(net, best, content, arrays)
    net.module_.load_state_dict(without_prefix("module", arrays))
    state = net.optimizer_.state_dict()
    for name, value in without_prefix("optimizer", arrays).items():
        index, _, name = name.partition(".")
        state["state"].setdefault(int(index), {})[name] = value
    net.optimizer_.load_state_dict(state)
    for group, lr in zip(net.optimizer_.param_groups, content["lrs"], strict=True):
        group["lr"] = lr
    set_random_states(net, without_prefix("random", arrays))
    rows = history_of(content["history"], without_prefix("history", arrays))
    if best is not None:
        for name in BEST_LOSSES:
            setattr(best, name, float(content[name]))
        best.waited_, best.best_epoch_ = content["waited_"], content["best_epoch_"]
        best.best_weights_, best.start_weights_ = without_prefix("best", arrays), without_prefix("start", arrays)
        best.start_ = arrays["start_losses"].numpy() if "start_losses" in arrays else None
        if content["cycle"] > 0:
            best.before_ = (content["before_epoch"], without_prefix("before", arrays), arrays["before_losses"].numpy())
    net.history_ = History([{**row, "batches": [{}]} for row in rows])
    net.stop_, net.step_count_, net.cycle_ = content["stop"], content["steps"], content["cycle"]
    # Last, so that an interrupt before finds no epoch done.
    net.epochs_done_ = content["epochs"]


def check_counters(net: Any, best: BestWeights | None, content: dict[str, Any]) -> None:
    """Raise ValueError unless counters, learning rates and the history are those of a training of this net."""
    epochs = count_of(content, "epochs", 1, net.max_epochs)
    count_of(content, "steps", 0, net.max_epochs * net.n_batches_)
    if count_of(content, "cycle", 0, len(net.cycles) - 1) > 0 and best is not None:
        count_of(content, "before_epoch", 1, epochs)
    if type(content["stop"]) is not bool:
        raise ValueError(f"'stop' is {shown(content['stop'])}")
    lrs, groups = content["lrs"], net.optimizer_.param_groups
    if type(lrs) is not list or len(lrs) != len(groups) or not all(is_number(lr) and lr >= 0 for lr in lrs):
        raise ValueError(f"'lrs' are {shown(lrs)}")
    history = content["history"]
    if type(history["epochs"]) is not int or history["epochs"] != epochs:
        raise ValueError(f"'history' is of {shown(history['epochs'])} epochs")
    for epoch, words in history["words"].items():
        if int(epoch) not in range(epochs) or not all(isinstance(word, str) for word in words.values()):
            raise ValueError(f"'history' holds {shown(words)} of epoch {shown(epoch)}")
    if best is not None:
        for name in BEST_COUNTS:
            count_of(content, name, 0, epochs)
        if not all(type(content[name]) is str and math.isfinite(float(content[name])) for name in BEST_LOSSES):
            raise ValueError("the best loss is no finite number")


def check_arrays(net: Any, best: BestWeights | None, content: dict[str, Any], arrays: dict[str, Tensor]) -> None:
    """Raise ValueError unless arrays have the names, types and shapes of those of this net, and are finite."""
    weights, columns = net.module_.state_dict(), content["history"]["kinds"]
    expected = under_prefix("module", weights) | under_prefix("random", random_states(net))
    if best is not None:
        expected |= under_prefix("best", weights) | under_prefix("start", weights)
        if best.start_ is not None:
            expected["start_losses"] = torch.from_numpy(best.start_)
        if content["cycle"] > 0:
            losses = torch.empty(len(best.held_out_), dtype=torch.float64)
            expected |= under_prefix("before", weights) | {"before_losses": losses}
    empty = torch.empty(content["epochs"], dtype=torch.float64)
    expected |= {f"history.{name}": empty for name in columns}
    moments = {name: array for name, array in arrays.items() if name.startswith("optimizer.")}
    check_moments(net, content["steps"], moments)
    for name, array in arrays.items():
        like = array if name in moments else expected.get(name)
        if like is None or array.dtype != like.dtype or array.shape != like.shape:
            raise ValueError(f"its array {shown(name)} is {array.dtype} of shape {tuple(array.shape)}")
        may_be_any = net.is_custom or name.partition(".")[0] in ("history", "start_losses", "before_losses")
        if array.is_floating_point() and not may_be_any and not bool(array.isfinite().all()):
            raise ValueError(f"its array {shown(name)} holds numbers that are not finite")
    missing = sorted(set(expected) - set(arrays))
    if missing:
        raise ValueError(f"it lacks the array {shown(missing[0])}")
    for name in ("train_loss", *(("valid_loss",) if best is not None else ())):
        if columns.get(name) != "float" or not bool(arrays[f"history.{name}"].isfinite().all()):
            raise ValueError(f"'history' lacks the {name} of an epoch")
    if any(bool(arrays[f"history.{name}"].isinf().any()) for name in columns):
        raise ValueError("'history' holds numbers that are not finite")


def check_moments(net: Any, steps: int, moments: dict[str, Tensor]) -> None:
    """Raise ValueError unless each parameter has what its optimizer keeps after 1 to ``steps`` steps, or nothing."""
    names, found = state_names(net), without_prefix("optimizer", moments)
    for index, parameter in enumerate(p for group in net.optimizer_.param_groups for p in group["params"]):
        kept = {name: found.pop(f"{index}.{name}") for name in names if f"{index}.{name}" in found}
        if kept and set(kept) != names:
            raise ValueError(f"the optimizer lacks {shown(sorted(names - set(kept)))} of parameter {index}")
        for name, array in kept.items():
            shape = torch.Size() if name == STEP else parameter.shape
            if not array.is_floating_point() or array.shape != shape:
                raise ValueError(f"{name} of parameter {index} is {array.dtype} of shape {tuple(array.shape)}")
            if name == STEP and not 1 <= float(array) <= steps:
                raise ValueError(f"step of parameter {index} is {float(array)}, where 1 to {steps} are possible")
            if name in SQUARES and not bool((array >= 0).all()):
                raise ValueError(f"{name} of parameter {index} holds numbers below 0")
    if found:
        raise ValueError(f"the optimizer does not keep {shown(sorted(found)[0])}")


def count_of(content: dict[str, Any], name: str, low: int, high: int) -> int:
    """A whole number of ``content``, from ``low`` to ``high``."""
    value = content[name]
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{name!r} is {shown(value)}, where {low} to {high} are possible")
    return value


def is_number(value: Any) -> bool:
    """Whether it is a finite number that a float holds."""
    return type(value) in (int, float) and abs(value) <= 1e300 and math.isfinite(value)


def under_prefix(prefix: str, arrays: dict[str, Tensor]) -> dict[str, Tensor]:
    """The arrays by names that begin with ``prefix`` and a dot."""
    return {f"{prefix}.{name}": value for name, value in arrays.items()}


def without_prefix(prefix: str, arrays: dict[str, Tensor]) -> dict[str, Tensor]:
    """The arrays whose names begin with ``prefix`` and a dot, without it."""
    return {name[len(prefix) + 1 :]: value for name, value in arrays.items() if name.startswith(f"{prefix}.")}
