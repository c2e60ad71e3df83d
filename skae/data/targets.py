"""What a supervised head predicts: classes or numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Target:
    """The classes of y, or mean and scale of its numbers on the training rows.

    y is an array (n,) of int64, indices of classes, -1 where missing; or (n, n_outputs) of float64, NaN where missing.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,) or None
        Sorted labels; None for numbers.
    mean, scale : ndarray of shape (n_outputs,), float64, or None
        None for classes.
    """

    classes: np.ndarray | None
    mean: np.ndarray | None = None
    scale: np.ndarray | None = None

    @classmethod
    def of(cls, y: np.ndarray, classes: np.ndarray | None) -> Target:
        """The target of the training rows.

        Raises
        ------
        ValueError
            If the y of these rows is missing, or has one value only.
        """
        if classes is None:
            n_values = [len(np.unique(column[~np.isnan(column)])) for column in y.T]
        else:
            n_values = [len(np.unique(y[y >= 0]))]
        if min(n_values) < 2:
            raise ValueError(
                f"y has {min(n_values)} different values in the {len(y)} training rows, so there is nothing to "
                f"predict. Pass rows of at least two classes, or with different numbers; or variant='plain'."
            )
        return cls(classes) if classes is not None else cls(None, np.nanmean(y, 0), np.nanstd(y, 0))

    @property
    def n_outputs(self) -> int:
        """Number of outputs of the head."""
        return len(self.classes if self.classes is not None else self.mean)  # type: ignore[arg-type]

    def to_tensor(self, y: np.ndarray, device: torch.device) -> Tensor:
        """y as the loss takes it: indices of classes, or standardized numbers in float32."""
        if self.classes is None:
            y = ((y - self.mean) / self.scale).astype(np.float32)
        return torch.from_numpy(y).to(device)
