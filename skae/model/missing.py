"""Missing values of the training rows: the encoder sees them as 0, the mean, and learns to do without more values."""

from __future__ import annotations

import torch
from torch import Tensor

from .layers import StochasticModule

# Largest share of the values of a sample that training hides from the encoder; the share is uniform from 0.
HIDDEN = 0.4


class MissingValues(StochasticModule):
    """Hides values from the encoder in training, so that the network learns to fill them.

    ``observed_share`` is the share of the values of training rows that are not missing.
    """

    def __init__(self, observed_share: float):
        super().__init__()
        self.observed_share = observed_share

    def forward(self, x: Tensor) -> Tensor:
        """Samples (batch, \\*shape) with a random share of their values missing (NaN)."""
        share = self.uniform(x.new_empty((len(x), *[1] * (x.ndim - 1)))).mul_(HIDDEN)
        return x.masked_fill(self.uniform(x) < share, torch.nan)
