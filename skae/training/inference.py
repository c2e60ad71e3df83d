"""Inference: forward passes over rows with a fitted result, which is not changed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skae.data import Rows, apply_padded, inference_length, map_batches

from .device import full_precision
from .result import FitResult


def encode(result: FitResult, X: Any) -> np.ndarray:
    """Codes (n, n_components), float32, of checked samples."""
    codes = np.empty((len(X), result.n_components), dtype=np.float32)
    return fill(codes, result, X, lambda x: compute(result, result.net.module_.encode, x))


def reconstruct(result: FitResult, X: Any) -> np.ndarray:
    """Reconstructions (n, \\*caller_shape) of checked samples."""
    layout = result.layout
    samples = np.empty((len(X), *layout.caller_shape), dtype=layout.dtype)
    return fill(samples, result, X, lambda x: layout.to_caller(autoencode(result, x)))


def squared_errors(result: FitResult, X: Any) -> np.ndarray:
    """Mean squared reconstruction error per sample (n,), float32, in s(X)."""
    errors = np.empty(len(X), dtype=np.float32)
    return fill(errors, result, X, lambda x: (x - autoencode(result, x)).square_().flatten(1).mean(1))


def sums_of_squares(result: FitResult, X: Any) -> tuple[float, float]:
    """Sum of squared reconstruction errors, and of squares, in s(X)."""

    def sums(x: Tensor) -> tuple[Tensor, Tensor]:
        errors = (x - autoencode(result, x)).square_()
        return errors.sum(dtype=torch.float64), x.square().sum(dtype=torch.float64)

    error = total = 0.0
    device = torch.device(result.net.device)
    with full_precision(device):
        for _, _, (part_error, part_total) in Rows(X, result.layout, device).map(sums):
            error += float(part_error)
            total += float(part_total)
    return error, total


def decode(result: FitResult, Z: np.ndarray) -> np.ndarray:
    """Samples (n, \\*caller_shape) from checked codes, in the units of the X that was fitted."""
    layout, net = result.layout, result.net
    samples = np.empty((len(Z), *layout.caller_shape), dtype=layout.dtype)

    def decoded(start: int, stop: int) -> np.ndarray:
        codes = torch.from_numpy(Z[start:stop].astype(np.float32)).to(net.device)
        return layout.to_caller(compute(result, net.module_.decode, codes))

    with full_precision(torch.device(net.device)):
        for start, stop, part in map_batches(decoded, len(Z), inference_length(layout.n_features)):
            samples[start:stop] = part
    return samples


def fill(out: np.ndarray, result: FitResult, X: Any, function: Callable[[Tensor], Any]) -> np.ndarray:
    """Write ``function`` of scaled samples into ``out`` (n, ...), in large batches."""
    device = torch.device(result.net.device)
    with full_precision(device):
        for start, stop, part in Rows(X, result.layout, device).map(function):
            out[start:stop] = part.cpu().numpy() if isinstance(part, Tensor) else part
    return out


def autoencode(result: FitResult, x: Tensor) -> Tensor:
    """Reconstructions of scaled samples."""
    module = result.net.module_
    return compute(result, lambda rows: module.decode(module.encode(rows)), x)


def compute(result: FitResult, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """``function`` of a batch, to the same bits for every batch size."""
    return apply_padded(function, x, math.prod(result.layout.network_shape))
