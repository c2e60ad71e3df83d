"""Codes of the training rows for sampling; explained variance and truncation of nested codes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skae.data import zero_missing
from skae.model import Autoencoder

from .batches import Part
from .device import full_precision

# Maximum number of rows on which explained variance is measured.
MEASURED_ROWS = 1000


def cumulative_explained_variance(module: Autoencoder, part: Part, length: int) -> np.ndarray:
    """Explained variance of the first 1, 2, ... coordinates (n_components,), float64, on evenly spaced rows."""

    def squares(x: Tensor) -> tuple[list[float], float]:
        codes = module.encode(x)
        errors = (module.decode(codes[:, : k + 1]).sub_(x).square_() for k in range(codes.shape[1]))
        total = zero_missing(x, x).square().sum(dtype=torch.float64)
        return [float(zero_missing(e, x).sum(dtype=torch.float64)) for e in errors], float(total)

    errors, totals = zip(*map_evenly_spaced(module, part, MEASURED_ROWS, length, squares), strict=True)
    error, total = np.sum(errors, axis=0), sum(totals)
    return 1 - error / total if total > 0 else np.ones_like(error)


def training_codes(module: Autoencoder, part: Part, length: int) -> np.ndarray:
    """Inner codes for sampling (n, n_components), as the bottleneck selects them."""
    bottleneck = module.bottleneck

    def codes(x: Tensor) -> np.ndarray:
        return bottleneck.codes_to_keep(module.features(module.without_missing(x))).cpu().numpy()

    return np.concatenate(map_evenly_spaced(module, part, bottleneck.max_kept, length, codes))


def map_evenly_spaced(
    module: Autoencoder, part: Part, max_rows: int, length: int, function: Callable[[Tensor], Any]
) -> list[Any]:
    """Results of ``function`` for batches of about ``length`` rows, of at most ``max_rows`` evenly spaced rows."""
    n_rows = len(part.indices)
    indices = part.indices[np.linspace(0, n_rows - 1, min(n_rows, max_rows)).astype(np.intp)]
    with full_precision(module.latent_scale.device):
        batches = np.array_split(indices, -(-len(indices) // length))
        return [function(part.rows.take(batch)) for batch in batches]


def truncate_codes(module: Autoencoder, n_components: int) -> Autoencoder:
    """The same module with the first ``n_components`` coordinates of nested codes; weights are shared."""
    bottleneck = module.bottleneck
    if not bottleneck.is_nested or n_components > bottleneck.n_components:
        raise ValueError(f"Codes of {bottleneck.n_components} coordinates cannot be cut to {n_components}.")
    truncated = copy.copy(module)
    truncated._modules = dict(module._modules)
    truncated.bottleneck = copy.copy(bottleneck)
    truncated.bottleneck.code_size = n_components
    return truncated
