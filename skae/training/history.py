"""The history of a training in plain values."""

from __future__ import annotations

from typing import Any


def plain_history(net: Any, start: int = 0) -> list[dict[str, Any]]:
    """One plain dict per epoch of a net, numbered from ``start + 1``."""
    return [
        {"epoch": start + number}
        | {name: row[name] for name in row if name not in ("batches", "epoch") and not name.endswith("_best")}
        for number, row in enumerate(net.history[: net.epochs_done_], start=1)
    ]
