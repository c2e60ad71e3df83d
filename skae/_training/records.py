"""What is told of a training: its history in plain values, and what checkpoints hold, the same in every process."""

from __future__ import annotations

import contextlib
import functools
import math
import re
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from .device import BorrowedStream

DEEPEST = 8
KINDS: dict[str, type] = {"bool": bool, "int": int, "float": float}  # a bool is an int too


@contextlib.contextmanager
def reported(stage: str, verbose: int) -> Iterator[None]:
    """Print what is done before the first epoch, and the seconds that it took, where ``verbose`` is above 0."""
    began = time.perf_counter()
    if verbose:
        print(f"{stage} ... ", end="", flush=True)
    try:
        yield
    finally:
        if verbose:
            print(f"{time.perf_counter() - began:.1f} s", flush=True)


def plain_history(net: Any, start: int = 0) -> list[dict[str, Any]]:
    """One plain dict an epoch of a net, numbered from ``start + 1``."""
    return [
        {"epoch": start + number}
        | {name: row[name] for name in row if name not in ("batches", "epoch") and not name.endswith("_best")}
        for number, row in enumerate(net.history[: net.epochs_done_], start=1)
    ]


def random_states(net: Any) -> dict[str, Tensor]:
    """The states of all streams that the training of a net draws from."""
    states = {"shuffling": net.generator_.get_state(), "noise": net.noise_.get_state()}
    if isinstance(net.stream_, BorrowedStream):
        states |= {f"borrowed {index}": state for index, state in enumerate(net.stream_.own)}
    return states


def set_random_states(net: Any, states: dict[str, Tensor]) -> None:
    """Let the training of a net draw on from these states."""
    net.generator_.set_state(states["shuffling"])
    net.noise_.set_state(states["noise"])
    if isinstance(net.stream_, BorrowedStream):
        net.stream_.own = tuple(states[f"borrowed {index}"] for index in range(len(net.stream_.own)))


def columns_of(history: list[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A history as JSON and arrays: its numbers a column each, NaN where an epoch has none, its words epoch by epoch.

    What is neither, as some callbacks record it, is left out, and so are numbers that are not finite.
    """
    kinds: dict[str, str] = {}
    columns: dict[str, Tensor] = {}
    words: dict[str, dict[str, str]] = {}
    for epoch, row in enumerate(history):
        for name, value in row.items():
            if isinstance(value, str):
                words.setdefault(str(epoch), {})[name] = value
            elif isinstance(value, (int, float)) and math.isfinite(value):
                kind = next(kind for kind, of in KINDS.items() if isinstance(value, of))
                if name not in columns:
                    columns[name] = torch.full((len(history),), math.nan, dtype=torch.float64)
                kinds[name] = kind if kinds.get(name, kind) == kind else "float"
                columns[name][epoch] = value
    return {"epochs": len(history), "kinds": kinds, "words": words}, columns


def history_of(content: dict[str, Any], columns: dict[str, Tensor]) -> list[dict[str, Any]]:
    """The history that ``columns_of`` took apart."""
    rows: list[dict[str, Any]] = [{} for _ in range(content["epochs"])]
    for name, kind in content["kinds"].items():
        for row, value in zip(rows, columns[name].tolist(), strict=True):
            if not math.isnan(value):
                row[name] = KINDS[kind](value)
    for epoch, said in content["words"].items():
        rows[int(epoch)] |= said
    return rows


def described(value: Any, depth: int = 0) -> str:
    """A parameter in words that are the same in every process: no addresses, and every setting of an object."""

    def inner(part: Any) -> str:
        return described(part, depth + 1)

    if depth > DEEPEST:  # what refers to itself
        return "..."
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__}({', '.join(map(inner, value))})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{inner(key)}: {inner(part)}' for key, part in value.items())}}}"
    if isinstance(value, functools.partial):
        return f"partial{inner((value.func, value.args, value.keywords))}"
    if hasattr(value, "__qualname__"):
        bound = [cell.cell_contents for cell in getattr(value, "__closure__", None) or ()]
        given = [getattr(value, "__defaults__", None), getattr(value, "__kwdefaults__", None), *bound]
        return f"{value.__module__}.{value.__qualname__}" + (inner(given) if any(p is not None for p in given) else "")
    if hasattr(value, "get_params"):
        return f"{type(value).__name__}{inner(dict(sorted(value.get_params(deep=False).items())))}"
    told = re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))
    return told if told == repr(value) else f"{told}{inner(getattr(value, '__dict__', {}))}"
