"""Reconstruction losses, averaged over a sample's features.

Each takes the network's output and its target, both (batch, \\*shape). ``per_sample`` asks for (batch,), else the
average over the batch comes at once, which costs fewer passes over memory.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from skae.model import UnitInterval


def averaged(loss: Tensor, per_sample: bool) -> Tensor:
    """The average of elementwise losses (batch, \\*shape), over every sample or over all."""
    return loss.flatten(1).mean(1) if per_sample else loss.mean()


def squared_error(output: Tensor, target: Tensor, per_sample: bool = True) -> Tensor:
    """Mean squared difference."""
    if not per_sample:
        return functional.mse_loss(output, target)
    return averaged(functional.mse_loss(output, target, reduction="none"), per_sample)


def absolute_error(output: Tensor, target: Tensor, per_sample: bool = True) -> Tensor:
    """Mean absolute difference; its minimum is the median, so single wild values pull less."""
    return averaged(functional.l1_loss(output, target, reduction="none"), per_sample)


def huber_error(output: Tensor, target: Tensor, per_sample: bool = True) -> Tensor:
    """Squared for differences up to one deviation, absolute beyond (Huber, 1964)."""
    return averaged(functional.huber_loss(output, target, reduction="none"), per_sample)


def binary_cross_entropy(output: Tensor, target: Tensor, per_sample: bool = True) -> Tensor:
    """Cross entropy of shares in [0, 1]; ``output`` is taken through the curve of ``UnitInterval`` in logarithms."""
    margin = UnitInterval.MARGIN
    loss = -(target * log_share(output, margin) + (1 - target) * log_share(1 - output, margin))
    return averaged(loss, per_sample)


def cross_entropy(output: Tensor, target: Tensor, per_sample: bool = True) -> Tensor:
    """Cross entropy of logits over the first axis against shares of the same shape, averaged over places."""
    loss = functional.cross_entropy(output, target, reduction="none")
    return averaged(loss, per_sample)


def log_share(output: Tensor, margin: float) -> Tensor:
    """log of the curve of ``UnitInterval``, exact where the curve itself would underflow to 0."""
    low = torch.log(torch.full_like(output, margin)) + (output.clamp(max=margin) - margin) / margin
    middle = torch.log(output.clamp(margin, 1 - margin))
    high = torch.log1p(-margin * torch.exp((1 - margin - output.clamp(min=1 - margin)) / margin))
    return torch.where(output < margin, low, torch.where(output > 1 - margin, high, middle))


LOSSES: dict[str, Callable[..., Tensor]] = {
    "mse": squared_error,
    "mae": absolute_error,
    "huber": huber_error,
    "bce": binary_cross_entropy,
    "cross_entropy": cross_entropy,
}
