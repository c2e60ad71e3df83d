"""Fingerprints of rows, weights and settings of a fit, the same in every process."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from skae.data import SampleLayout, Stream, iterate_slices, slice_length

# Rows at each end that are fingerprinted if reading all would take too long.
SOME_ROWS = 500
MAX_DEPTH = 8


class RowsFingerprint:
    """Fingerprints of the rows of a fit, checked X by name: of some of them at once, of all of them on demand."""

    def __init__(self, samples: dict[str, Any], layout: SampleLayout):
        self.samples = samples
        self.layout = layout

    @property
    def at_once(self) -> dict[str, str]:
        """Shapes, and fingerprints of the scaling and some rows."""
        return self._describe("rows", {name: tuple(some_rows(X)) for name, X in self.samples.items()})

    @cached_property
    def in_full(self) -> dict[str, str]:
        """Shapes, and fingerprints of the scaling and all rows."""
        return self._describe("values", {name: (X,) for name, X in self.samples.items()})

    def _describe(self, what: str, chosen: dict[str, tuple[Any, ...]]) -> dict[str, str]:
        scaling, length = self.layout.scaling, slice_length(self.layout.n_features)
        found = {f"shape of {name}": str(tuple(X.shape)) for name, X in self.samples.items()}
        for name, arrays in chosen.items():
            rows = (part for array in arrays for part in iterate_slices(array, length))
            ends = (scaling.mean, scaling.scale, scaling.low, scaling.high)
            found[f"{what} of {name}"] = fingerprint(ends, rows)
        return found


def some_rows(X: Any) -> Iterable[Any]:
    """Rows at both ends; of a stream, rows of its sample."""
    X = X.sample if isinstance(X, Stream) else X
    return X[0:SOME_ROWS], X[max(0, len(X) - SOME_ROWS) : len(X)]


def fingerprint(*arrays: Iterable[Tensor]) -> str:
    """Fingerprint of the types and bytes of arrays."""
    digest = hashlib.sha256()
    for array in (array for part in arrays for array in part):
        digest.update(str(array.dtype).encode())
        digest.update(array.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]


def weights_fingerprint(module: nn.Module) -> str:
    """Fingerprint of the weights of a module."""
    uninitialized = (UninitializedParameter, UninitializedBuffer)
    return fingerprint(value for value in module.state_dict().values() if not isinstance(value, uninitialized))


def describe(value: Any, depth: int = 0) -> str:
    """Describe a parameter by text that is the same in every process: no addresses, and all parameters of an object.

    Unlike ``joblib.hash``, it accepts local functions, and messages can name the parameter that differs.
    """

    def inner(part: Any) -> str:
        return describe(part, depth + 1)

    if depth > MAX_DEPTH:  # an object that refers to itself
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
    words = re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))
    return words if words == repr(value) else f"{words}{inner(getattr(value, '__dict__', {}))}"
