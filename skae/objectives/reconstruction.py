"""Reconstruction losses: per sample, averaged over the sample's features.

Each takes the network's output and its target, both (batch, \\*shape), and returns (batch,).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from skae.model import UnitInterval


def squared_error(output: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference."""
    return functional.mse_loss(output, target, reduction="none").flatten(1).mean(1)


def absolute_error(output: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference; its minimum is the median, so single wild values pull less."""
    return functional.l1_loss(output, target, reduction="none").flatten(1).mean(1)


def huber_error(output: Tensor, target: Tensor) -> Tensor:
    """Squared for differences up to one deviation, absolute beyond (Huber, 1964)."""
    return functional.huber_loss(output, target, reduction="none").flatten(1).mean(1)


def binary_cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    """Cross entropy of shares in [0, 1]; ``output`` is taken through the curve of ``UnitInterval`` in logarithms."""
    margin = UnitInterval.MARGIN
    loss = -(target * log_share(output, margin) + (1 - target) * log_share(1 - output, margin))
    return loss.flatten(1).mean(1)


def log_share(output: Tensor, margin: float) -> Tensor:
    """log of the curve of ``UnitInterval``, exact where the curve itself would underflow to 0."""
    low = torch.log(torch.full_like(output, margin)) + (output.clamp(max=margin) - margin) / margin
    middle = torch.log(output.clamp(margin, 1 - margin))
    high = torch.log1p(-margin * torch.exp((1 - margin - output.clamp(min=1 - margin)) / margin))
    return torch.where(output < margin, low, torch.where(output > 1 - margin, high, middle))


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": squared_error,
    "mae": absolute_error,
    "huber": huber_error,
    "bce": binary_cross_entropy,
}
