"""Ordered codes once they are trained: what each coordinate adds, and codes cut short."""

from __future__ import annotations

import copy

import numpy as np
import torch

from skae.model import Autoencoder, Nested

from .batches import Part
from .device import full_precision

# Rows on which the shares are measured, at most.
MEASURED_ROWS = 2000


def explained_shares(module: Autoencoder, part: Part) -> np.ndarray:
    """Share of the variance that the first k coordinates explain, for every k: (n_components,) float64.

    Measured on at most MEASURED_ROWS rows of ``part``, evenly drawn.
    """
    indices = part.indices[np.linspace(0, len(part) - 1, min(len(part), MEASURED_ROWS)).astype(np.intp)]
    error = np.zeros(module.bottleneck.n_components)
    total = 0.0
    module.eval()
    with full_precision(module.latent_scale.device):
        for few in np.array_split(indices, -(-len(indices) // 500)):
            x = part.rows.take(few)
            codes = module.encode(x)
            total += float(x.square().sum(dtype=torch.float64))
            for k in range(1, len(error) + 1):
                error[k - 1] += float((module.decode(codes[:, :k]) - x).square_().sum(dtype=torch.float64))
    return 1 - error / total if total > 0 else np.ones_like(error)


def shortened(module: Autoencoder, n_components: int) -> Autoencoder:
    """The same module, its weights shared, with codes of ``n_components`` coordinates.

    Raises
    ------
    ValueError
        If its codes are not ordered, or have fewer coordinates.
    """
    bottleneck = module.bottleneck
    if not isinstance(bottleneck, Nested) or n_components > bottleneck.n_components:
        raise ValueError(f"Codes of {bottleneck.n_components} coordinates cannot be cut to {n_components}.")
    cut = copy.copy(module)
    cut._modules = dict(module._modules)
    cut.bottleneck = copy.copy(bottleneck)
    cut.bottleneck.kept = n_components
    return cut
