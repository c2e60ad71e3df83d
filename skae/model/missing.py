"""Missing values of the training rows: the encoder sees them as 0, the mean, and learns to do without more values."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .layers import StochasticModule

# Largest share of the values of a sample that training hides from the encoder; the share is uniform from 0.
HIDDEN = 0.4
# Share of the samples that lose the values that are missing in another sample.
PATTERNS = 0.5


class MissingValues(StochasticModule):
    """Hides values from the encoder in training, so that the network learns to fill them.

    ``observed_share`` is the share of the values of training rows that are not missing. ``columns`` (n_features,) is
    the column of each feature of a table with categories; the features of a column are hidden together. ``limits`` are
    the smallest and the largest known value of each feature of the training rows, (\\*shape) each, in s(X).
    """

    low: Tensor
    high: Tensor

    def __init__(self, observed_share: float, limits: tuple[Tensor, Tensor], columns: np.ndarray | None = None):
        super().__init__()
        self.observed_share = observed_share
        for name, values in zip(("low", "high"), limits, strict=True):
            self.register_buffer(name, values)
        self.columns = None if columns is None else torch.from_numpy(columns)

    @property
    def limits(self) -> tuple[Tensor, Tensor]:
        """The smallest and the largest value of each feature."""
        return self.low, self.high

    def forward(self, x: Tensor) -> Tensor:
        """Samples (batch, \\*shape) of which more values are missing (NaN).

        Half of the samples lose a random share of their values, the others those that are missing in another sample
        of the batch, such as a block.
        """
        by_pattern = self.uniform(x.new_empty((len(x), *[1] * (x.ndim - 1)))) < PATTERNS
        pattern = x.isnan().roll(1, 0)
        share = self.uniform(x.new_empty((len(x), *[1] * (x.ndim - 1)))).mul_(HIDDEN)
        if self.columns is None:
            return x.masked_fill(torch.where(by_pattern, pattern, self.uniform(x) < share), torch.nan)
        is_hidden = self.uniform(x.new_empty((len(x), int(self.columns[-1]) + 1))) < share
        return x.masked_fill(torch.where(by_pattern, pattern, is_hidden[:, self.columns.to(x.device)]), torch.nan)
