"""y of a supervised fit: from the caller's array to the rows that are trained on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skae._inputs.targets import read_target
from skae.data import Target
from skae.training import FitResult, TrainData
from skae.variants.wrappers import is_supervised, supervised_part


@dataclass(frozen=True)
class Labels:
    """y of a supervised variant, as ``read_target`` returns it.

    Attributes
    ----------
    y : ndarray of shape (n_samples,), int64, or (n_samples, n_outputs), float64
    classes : ndarray of shape (n_classes,) or None
    target : Target or None
        The target of the fit that training continues.
    y_val : ndarray or None
        y of X_val.
    """

    y: np.ndarray
    classes: np.ndarray | None
    target: Target | None = None
    y_val: np.ndarray | None = None

    @classmethod
    def read(cls, variant: Any, y: Any, n_samples: int, start: FitResult | None) -> Labels | None:
        """Check y of a fit, or of one that continues ``start``; None if the variant is not supervised."""
        if not is_supervised(variant):
            return None
        known = None if start is None else start.target
        return cls(*read_target(y, n_samples, known, kind=supervised_part(variant).target), known)

    def with_validation(self, y_val: Any, n_samples: int) -> Labels:
        """The same with y of X_val."""
        known = self.target or Target(self.classes, *[np.ones(self.y.shape[1:])] * 2)
        return replace(self, y_val=read_target(y_val, n_samples, known, "y_val")[0])

    def add_to(self, data: TrainData) -> TrainData:
        """Give the rows their y; numbers are standardized by the training rows."""
        train, validation = data.train, data.validation
        target = self.target or Target.of(self.y[train.indices], self.classes)
        train.rows.y = target.to_tensor(self.y, train.rows.device)
        if validation is not None and self.y_val is not None:
            validation.rows.y = target.to_tensor(self.y_val, train.rows.device)
        return replace(data, target=target)
