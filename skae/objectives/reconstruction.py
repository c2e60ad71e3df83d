"""Reconstruction losses, averaged over a sample's features.

Each takes the network's output and its target, both (batch, \\*shape). It returns one loss per sample, (batch,), or
without ``per_sample`` their mean, which is faster. ``weight``, of that shape, multiplies the loss of every value. A
custom loss takes output and target only, and returns (batch,).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from skae.model import UnitInterval


def average(loss: Tensor, per_sample: bool, weight: Tensor | None = None) -> Tensor:
    """Average elementwise losses (batch, \\*shape), multiplied by ``weight``, over every sample or over all."""
    loss = loss if weight is None else loss * weight
    return loss.flatten(1).mean(1) if per_sample else loss.mean()


def squared_error(output: Tensor, target: Tensor, per_sample: bool = True, weight: Tensor | None = None) -> Tensor:
    """Mean squared difference."""
    if not per_sample and weight is None:
        return functional.mse_loss(output, target)
    return average(functional.mse_loss(output, target, reduction="none"), per_sample, weight)


def absolute_error(output: Tensor, target: Tensor, per_sample: bool = True, weight: Tensor | None = None) -> Tensor:
    """Mean absolute difference; its minimizer is the median, so outliers have less influence."""
    return average(functional.l1_loss(output, target, reduction="none"), per_sample, weight)


def huber_error(output: Tensor, target: Tensor, per_sample: bool = True, weight: Tensor | None = None) -> Tensor:
    """Squared for differences up to 1, one standard deviation of scaled data, and linear above (Huber, 1964)."""
    return average(functional.huber_loss(output, target, reduction="none"), per_sample, weight)


def binary_cross_entropy(
    output: Tensor, target: Tensor, per_sample: bool = True, weight: Tensor | None = None
) -> Tensor:
    """Cross entropy of targets in [0, 1] and the curve of ``UnitInterval`` at ``output``."""
    margin = UnitInterval.MARGIN
    loss = -(target * log_unit_interval(output, margin) + (1 - target) * log_unit_interval(1 - output, margin))
    return average(loss, per_sample, weight)


def cross_entropy(output: Tensor, target: Tensor, per_sample: bool = True, weight: Tensor | None = None) -> Tensor:
    """Cross entropy of logits over the first axis and probabilities of the same shape, averaged over positions.

    Tokens are never missing, so there is no weight.
    """
    return average(functional.cross_entropy(output, target, reduction="none"), per_sample)


def log_unit_interval(output: Tensor, margin: float) -> Tensor:
    """Logarithm of the curve of ``UnitInterval``, exact where the curve itself would underflow to 0."""
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


def check_loss(loss: Callable[..., Tensor], output: Tensor, target: Tensor) -> None:
    """Raise ValueError unless a callable loss returns a finite, differentiable number per sample."""
    name = getattr(loss, "__name__", type(loss).__name__)
    expected = f"loss={name} must map (output, target), both tensors of shape {tuple(output.shape)}, to {len(output)}"
    output = output.detach().requires_grad_()
    try:
        losses = loss(output, target)
    except Exception as error:
        raise ValueError(f"{expected} numbers, one for each sample. It failed: {error}") from error
    if not isinstance(losses, Tensor) or losses.shape != output.shape[:1]:
        is_tensor = isinstance(losses, Tensor)
        got = f"shape {tuple(losses.shape)}" if is_tensor else f"{losses!r} of type {type(losses).__name__}"
        raise ValueError(
            f"{expected} numbers, one for each sample. Got {got} instead. Average over the other axes, as in "
            f"(output - target).abs().flatten(1).mean(1)."
        )
    if not losses.requires_grad:
        raise ValueError(f"{expected} differentiable numbers. Compute them from output with torch alone.")
    (gradient,) = torch.autograd.grad(losses.sum(), output, allow_unused=True)
    if gradient is None:
        raise ValueError(f"{expected} numbers that depend on output. They do not.")
    if not bool(losses.isfinite().all()) or not bool(gradient.isfinite().all()):
        raise ValueError(f"{expected} finite numbers with finite gradients. Got {losses.tolist()} instead.")
