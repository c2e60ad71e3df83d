"""The checked parameters of one training, and the values of "auto" parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from .schedule import automatic_batch_size, automatic_learning_rate, automatic_patience, planned_cycles


@dataclass(frozen=True)
class TrainSpec:
    """The checked parameters of one training; fields have the meaning of the parameters of ``AutoencoderTransformer``.

    ``architecture`` and ``variant`` are objects. ``single_pass`` is one epoch at a constant learning rate. The networks
    of a search are compared on its own folds: with ``in_search``, one is kept instead of PCA without cross-validation,
    if the validation set has at least five groups.
    """

    architecture: Any
    variant: Any
    loss: Any
    n_components: int | float | str | None
    optimizer: str
    lr: float | str
    batch_size: int | str
    max_epochs: int | str
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: int | str
    tol: float
    device: torch.device
    precision: str
    compile: bool
    whiten: bool
    svd_solver: str
    iterated_power: int | str
    n_oversamples: int
    power_iteration_normalizer: str
    net_params: dict[str, Any] | None
    seed: int = 0
    verbose: int = 0
    single_pass: bool = False
    in_search: bool = False

    @property
    def solver(self) -> dict[str, Any]:
        """The parameters of scikit-learn's PCA that determine how it is computed."""
        names = ("svd_solver", "iterated_power", "n_oversamples", "power_iteration_normalizer")
        return {name: getattr(self, name) for name in names}

    @property
    def peak_lr(self) -> float:
        """The learning rate; with a schedule, its peak."""
        if isinstance(self.lr, str):
            return automatic_learning_rate(self.optimizer, planned=not self.single_pass)
        return self.lr

    def batch_size_for(self, n_rows: int) -> int:
        """Rows per batch, for ``n_rows`` training rows."""
        return automatic_batch_size(n_rows) if isinstance(self.batch_size, str) else int(self.batch_size)

    def cycles_for(self, n_rows: int) -> tuple[int, ...]:
        """Epochs of every cycle of the learning rate, for ``n_rows`` training rows."""
        max_epochs = 1 if self.single_pass else self.max_epochs
        return planned_cycles(max_epochs, n_rows, self.batch_size_for(n_rows), self.early_stopping)

    def patience_for(self, cycles: tuple[int, ...]) -> int:
        """Epochs without progress after which training stops."""
        return automatic_patience(max(cycles)) if isinstance(self.n_iter_no_change, str) else self.n_iter_no_change
