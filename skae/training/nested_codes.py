"""Codes after training: those kept for sampling, and the explained variance and the cutting of nested codes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skae.model import Autoencoder

from .batches import Part
from .device import full_precision

# Largest number of rows on which explained variance is measured.
MEASURED_ROWS = 1000


def cumulative_explained_variance(module: Autoencoder, part: Part, length: int) -> np.ndarray:
    """Explained variance of the first k coordinates, for every k: (n_components,) float64.

    Measured on at most MEASURED_ROWS evenly spaced rows of ``part``, in batches of ``length``.
    """

    def squares(x: Tensor) -> tuple[list[float], float]:
        codes = module.encode(x)
        errors = (module.decode(codes[:, : k + 1]).sub_(x).square_() for k in range(codes.shape[1]))
        return [float(e.sum(dtype=torch.float64)) for e in errors], float(x.square().sum(dtype=torch.float64))

    found = read_evenly(module, part, MEASURED_ROWS, length, squares)
    error, total = np.sum([errors for errors, _ in found], axis=0), sum(total for _, total in found)
    return 1 - error / total if total > 0 else np.ones_like(error)


def training_codes(module: Autoencoder, part: Part, length: int) -> np.ndarray:
    """Inner codes to keep for sampling, (n, n_components), as the bottleneck chooses them."""
    bottleneck = module.bottleneck

    def codes(x: Tensor) -> np.ndarray:
        return bottleneck.codes_to_keep(module.features(x)).cpu().numpy()

    return np.concatenate(read_evenly(module, part, bottleneck.max_kept, length, codes))


def read_evenly(
    module: Autoencoder, part: Part, max_rows: int, length: int, function: Callable[[Tensor], Any]
) -> list[Any]:
    """Results of ``function`` on batches of ``length`` of at most ``max_rows`` evenly spaced rows."""
    indices = part.indices[np.linspace(0, len(part) - 1, min(len(part), max_rows)).astype(np.intp)]
    with full_precision(module.latent_scale.device):
        batches = np.array_split(indices, -(-len(indices) // length))
        return [function(part.rows.take(batch)) for batch in batches]


def truncate_codes(module: Autoencoder, n_components: int) -> Autoencoder:
    """The same module with codes cut to ``n_components`` coordinates; the weights are shared.

    Raises
    ------
    ValueError
        If its codes are not nested, or have fewer coordinates.
    """
    bottleneck = module.bottleneck
    if not bottleneck.is_nested or n_components > bottleneck.n_components:
        raise ValueError(f"Codes of {bottleneck.n_components} coordinates cannot be cut to {n_components}.")
    cut = copy.copy(module)
    cut._modules = dict(module._modules)
    cut.bottleneck = copy.copy(bottleneck)
    cut.bottleneck.code_size = n_components
    return cut
