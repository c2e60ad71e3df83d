"""The stages before the first epoch, printed, and the history of a training in plain values."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from skae._processes import current


@contextlib.contextmanager
def report_stage(stage: str, verbose: int) -> Iterator[None]:
    """Print the stage and the seconds that it takes, where ``verbose`` is above 0, in the first process."""
    began, verbose = time.perf_counter(), verbose if current().is_first else 0
    if verbose:
        print(f"{stage} ... ", end="", flush=True)
    try:
        yield
    finally:
        if verbose:
            print(f"{time.perf_counter() - began:.1f} s", flush=True)


def plain_history(net: Any, start: int = 0) -> list[dict[str, Any]]:
    """One plain dict per epoch of a net, numbered from ``start + 1``."""
    return [
        {"epoch": start + number}
        | {name: row[name] for name in row if name not in ("batches", "epoch") and not name.endswith("_best")}
        for number, row in enumerate(net.history[: net.epochs_done_], start=1)
    ]
