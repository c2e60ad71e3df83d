"""The result of one training. It is frozen: an estimator is refitted by replacing its result in one assignment."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from skae.data import SampleLayout, Target
from skae.model import LayerRow, Sampler

from .nested_codes import truncate_codes
from .net import AutoencoderNet
from .spec import TrainSpec


@dataclass(frozen=True, eq=False)
class FitResult:
    """Everything that a fit learned.

    ``n_epochs`` are the epochs run, ``best_epoch`` the epoch of the weights, 0 for PCA. ``codes`` are those of some
    training rows for ``sample``, as the bottleneck keeps them: nested codes are not truncated. ``target`` is what the
    head of a supervised variant predicts, and ``samplers`` are densities fitted to ``codes`` so far, by name.
    ``padded_lengths`` are those of ``inference.padded_length`` so far, by number of threads.
    """

    spec: TrainSpec
    layout: SampleLayout
    schema: Any
    net: AutoencoderNet
    layers: list[LayerRow]
    n_components: int
    history: list[dict[str, Any]]
    n_epochs: int
    best_epoch: int
    codes: np.ndarray | None = None
    explained_variance_ratio: np.ndarray | None = None
    target: Target | None = None
    samplers: dict[str, Sampler] = field(default_factory=dict, repr=False)
    padded_lengths: dict[int, int] = field(default_factory=dict, repr=False)

    def shortened(self, n_components: int) -> FitResult:
        """The result with the first ``n_components`` coordinates of nested codes; weights are shared."""
        net = copy.copy(self.net)
        net.module_ = truncate_codes(self.net.module_, n_components)
        ratio = self.explained_variance_ratio
        return replace(
            self,
            net=net,
            n_components=n_components,
            explained_variance_ratio=None if ratio is None else ratio[:n_components],
            samplers={},
            padded_lengths={},
        )

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "samplers": {}, "padded_lengths": {}}
