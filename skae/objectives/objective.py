"""The sum that training minimises. Losses stand for themselves; only here are they weighed and added."""

from __future__ import annotations

from torch import Tensor, nn

from skae.model import Trace

from .reconstruction import LOSSES


class Objective(nn.Module):
    """The reconstruction loss, averaged over the batch.

    Parameters
    ----------
    loss : str
        A name in LOSSES.
    """

    def __init__(self, loss: str = "mse"):
        super().__init__()
        self.loss = loss

    def forward(self, trace: Trace) -> Tensor:
        """The scalar to minimise."""
        return LOSSES[self.loss](trace.output, trace.target, per_sample=False)

    def per_sample(self, trace: Trace) -> Tensor:
        """The loss of every sample, (batch,)."""
        return LOSSES[self.loss](trace.output, trace.target)
