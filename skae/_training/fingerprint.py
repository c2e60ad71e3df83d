"""What tells rows, weights and random states of one fit from those of another."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from skae._data import SampleLayout, iterate_slices, slice_length

# Rows from either end that stand for all where all would take too long.
SOME_ROWS = 500
# Bytes a second.
HASHING_SPEED = 5e8


class RowsFingerprint:
    """What tells the rows of a fit: some of them at once, all of them when they are asked for.

    Parameters
    ----------
    parts : dict
        Checked X by name.
    layout : SampleLayout
    """

    def __init__(self, parts: dict[str, Any], layout: SampleLayout):
        self.parts = parts
        self.layout = layout

    @property
    def seconds(self) -> float:
        """About how long it takes to read all."""
        return sum(8 * len(X) * self.layout.n_features for X in self.parts.values()) / HASHING_SPEED

    @property
    def at_once(self) -> dict[str, str]:
        """Shapes, the scaling, and some rows."""
        return self._told("rows", lambda X: (X[0:SOME_ROWS], X[max(0, len(X) - SOME_ROWS) : len(X)]))

    @cached_property
    def in_full(self) -> dict[str, str]:
        """Shapes, the scaling, and all rows, by their bytes."""
        return self._told("values", lambda X: (X,))

    def _told(self, what: str, chosen: Callable[[Any], tuple[Any, ...]]) -> dict[str, str]:
        shapes = {f"shape of {name}": str(tuple(X.shape)) for name, X in self.parts.items()}
        return shapes | {f"{what} of {name}": self._digest(*chosen(X)) for name, X in self.parts.items()}

    def _digest(self, *arrays: Any) -> str:
        digest = hashlib.sha256()
        scaling = self.layout.scaling
        for value in (scaling.mean, scaling.scale, scaling.low, scaling.high):
            digest.update(bytes_of(value))
        for array in arrays:
            for rows in iterate_slices(array, slice_length(self.layout.n_features)):
                digest.update(str(rows.dtype).encode())
                digest.update(bytes_of(rows))
        return digest.hexdigest()[:16]


def bytes_of(array: Tensor) -> Any:
    """The memory of an array, on the CPU."""
    return array.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data


def weights_fingerprint(module: nn.Module) -> str:
    """What tells these weights from others."""
    digest = hashlib.sha256()
    for value in module.state_dict().values():
        if not isinstance(value, (UninitializedParameter, UninitializedBuffer)):
            digest.update(bytes_of(value))
    return digest.hexdigest()[:16]


def labels_fingerprint(labels: np.ndarray) -> str:
    """What tells these group labels from others."""
    return hashlib.sha256(np.ascontiguousarray(labels, dtype=np.int64).data).hexdigest()[:16]


def random_state_fingerprint(random_state: Any) -> str:
    """What tells this ``random_state`` from others."""
    if isinstance(random_state, np.random.RandomState):
        return hashlib.sha256(repr(random_state.get_state()).encode()).hexdigest()[:16]
    return repr(random_state)
