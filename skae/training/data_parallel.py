"""Data-parallel training steps: gradients and batch normalization of batches that several processes share.

Gradients are summed once per step, as one tensor. Unlike the wrapper DistributedDataParallel, this weights shares of
different length by their rows, and does not wrap the module, so that step replay and callbacks see the same as alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from skorch.callbacks import Checkpoint, TrainEndCheckpoint
from skorch.callbacks import logging as skorch_logging
from torch import Tensor, nn

from skae._processes import Processes, SumOverProcesses, current
from skae.model.layers import BATCH_NORMS


def process_seed(seed: int) -> int:
    """The seed of noise in this process: ``seed`` in the first one, so one process draws what it draws alone."""
    rank = current().rank
    return seed if rank == 0 else int(np.random.SeedSequence([seed, rank]).generate_state(1)[0])


def average_gradients(parameters: Sequence[nn.Parameter], n_rows: int, is_mean: bool) -> None:
    """Replace gradients of this process by averages over the rows of all processes.

    Gradients are sums over ``n_rows`` of this process; with ``is_mean``, means. Custom modules may use other weights in
    other processes: gradients that are None in all processes stay None, and others count as 0.
    """
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    # The last entries: which gradients there are, and the number of rows.
    entries = torch.tensor([*(float(p.grad is not None) for p in parameters), n_rows], dtype=torch.float32)
    flat = torch.cat([*(g.flatten() for g in gradients), entries.to(gradients[0].device, non_blocking=True)])
    if is_mean:
        flat[: -len(entries)] *= n_rows
    current().sum(flat)
    is_used = None
    for index, part in enumerate(
        flat.div_(flat[-1].clone()).split([*(g.numel() for g in gradients), len(entries)])[:-1]
    ):
        parameter = parameters[index]
        if parameter.grad is not None:
            parameter.grad.copy_(part.view_as(parameter))
            continue
        if is_used is None:
            is_used = flat[-len(entries) :].tolist()
        parameter.grad = part.view_as(parameter).clone() if is_used[index] > 0 else None


@contextlib.contextmanager
def synchronized_batch_norms(module: nn.Module, processes: Processes) -> Iterator[None]:
    """Batch normalization uses the statistics of the batches of all processes."""
    layers = [m for m in module.modules() if isinstance(m, BATCH_NORMS)] if processes.size > 1 else []
    # As a decorator, it would import torch's compiler with the package, for a second.
    forward = torch.compiler.disable(normalize) if layers else normalize
    for layer in layers:
        layer.forward = partial(forward, layer)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def normalize(layer: Any, x: Tensor) -> Tensor:
    """The output of a layer of batch normalization. SyncBatchNorm of torch needs a GPU."""
    if not layer.training:
        return type(layer).forward(layer, x)
    axes, shape = [0, *range(2, x.ndim)], (1, -1, *[1] * (x.ndim - 2))
    # Squares of values far from 0 would lose digits.
    shift = torch.zeros_like(x[0]) if layer.running_mean is None else layer.running_mean.clone().view(shape)
    shifted = x.float() - shift
    count = shifted.new_full((1,), shifted[:, 0].numel())
    sums = SumOverProcesses.apply(torch.cat([shifted.sum(axes), shifted.square().sum(axes), count]))
    n = sums[-1].detach()
    mean, square = (sums[:-1] / n).chunk(2)
    variance = (square - mean.square()).clamp(min=0)
    if layer.running_mean is not None:
        with torch.no_grad():
            layer.num_batches_tracked.add_(1)
            share = 1 / float(layer.num_batches_tracked) if layer.momentum is None else layer.momentum
            layer.running_mean.lerp_(mean + shift.flatten(), share)
            layer.running_var.lerp_(variance * n / (n - 1), share)
    normalized = (shifted - mean.view(shape)) * (variance.view(shape) + layer.eps).rsqrt()
    if layer.affine:
        normalized = normalized * layer.weight.view(shape) + layer.bias.view(shape)
    return normalized.to(x.dtype)


def writes_files(entry: Any) -> bool:
    """Whether a callback of skorch, or (name, callback), writes files or prints: only the first process needs it."""
    callback = entry[1] if isinstance(entry, tuple) else entry
    kind = callback if isinstance(callback, type) else type(callback)
    is_logger = any(base.__module__ == skorch_logging.__name__ for base in kind.__mro__)
    return is_logger or issubclass(kind, (Checkpoint, TrainEndCheckpoint))
