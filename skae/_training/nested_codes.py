"""Codes once they are trained: those kept, what each coordinate of ordered ones adds, and codes cut short."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skae._model import Autoencoder

from .batches import Part
from .device import full_precision

# Rows on which the shares are measured, and codes kept to fit densities to, at most.
MEASURED_ROWS, KEPT_CODES = 1000, 5000


def cumulative_explained_variance(module: Autoencoder, part: Part, length: int) -> np.ndarray:
    """Share of the variance that the first k coordinates explain, for every k: (n_components,) float64.

    Measured on at most MEASURED_ROWS rows of ``part``, evenly drawn, in batches of ``length``.
    """

    def squares(x: Tensor) -> tuple[list[float], float]:
        codes = module.encode(x)
        errors = (module.decode(codes[:, : k + 1]).sub_(x).square_() for k in range(codes.shape[1]))
        return [float(e.sum(dtype=torch.float64)) for e in errors], float(x.square().sum(dtype=torch.float64))

    found = read_evenly(module, part, MEASURED_ROWS, length, squares)
    error, total = np.sum([errors for errors, _ in found], axis=0), sum(total for _, total in found)
    return 1 - error / total if total > 0 else np.ones_like(error)


def training_codes(module: Autoencoder, part: Part, length: int) -> np.ndarray:
    """Inner codes (n, n_components) of at most KEPT_CODES rows; of quantized codes what was to be rounded."""
    quantized = module.bottleneck.prior == "books"

    def codes(x: Tensor) -> np.ndarray:
        features = module.features(x)
        return (features if quantized else module.bottleneck.deterministic_code(features)).cpu().numpy()

    return np.concatenate(read_evenly(module, part, KEPT_CODES, length, codes))


def read_evenly(
    module: Autoencoder, part: Part, most: int, length: int, function: Callable[[Tensor], Any]
) -> list[Any]:
    """What ``function`` makes of batches of ``length`` of at most ``most`` rows in all, evenly drawn."""
    indices = part.indices[np.linspace(0, len(part) - 1, min(len(part), most)).astype(np.intp)]
    with full_precision(module.latent_scale.device):
        batches = np.array_split(indices, -(-len(indices) // length))
        return [function(part.rows.take(batch)) for batch in batches]


def shortened(module: Autoencoder, n_components: int) -> Autoencoder:
    """The same module, its weights shared, with codes of ``n_components`` coordinates.

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
