"""Codes once they are trained: those kept, what each coordinate of ordered ones adds, and codes cut short."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from skae.data import inference_length
from skae.model import Autoencoder, Nested

from .batches import Part
from .device import full_precision

# Rows on which the shares are measured, and codes kept to fit densities to, at most.
MEASURED_ROWS, KEPT_CODES = 2000, 5000


def explained_shares(module: Autoencoder, part: Part) -> np.ndarray:
    """Share of the variance that the first k coordinates explain, for every k: (n_components,) float64.

    Measured on at most MEASURED_ROWS rows of ``part``, evenly drawn.
    """
    error = np.zeros(module.bottleneck.n_components)
    total = 0.0
    with full_precision(module.latent_scale.device):
        for x in evenly(part, MEASURED_ROWS):
            codes = module.encode(x)
            total += float(x.square().sum(dtype=torch.float64))
            for k in range(1, len(error) + 1):
                error[k - 1] += float((module.decode(codes[:, :k]) - x).square_().sum(dtype=torch.float64))
    return 1 - error / total if total > 0 else np.ones_like(error)


def training_codes(module: Autoencoder, part: Part) -> np.ndarray:
    """Inner codes (n, n_components) of at most KEPT_CODES rows; of quantised codes what was to be rounded."""
    quantised = module.bottleneck.prior == "books"
    codes = []
    with full_precision(module.latent_scale.device):
        for x in evenly(part, KEPT_CODES):
            features = module.features(x)
            codes.append((features if quantised else module.bottleneck.at_rest(features)).cpu().numpy())
    return np.concatenate(codes)


def evenly(part: Part, most: int) -> Iterator[Tensor]:
    """Batches of at most ``most`` rows in all, evenly drawn."""
    indices = part.indices[np.linspace(0, len(part) - 1, min(len(part), most)).astype(np.intp)]
    length = inference_length(part.rows.layout.n_features)
    return (part.rows.take(few) for few in np.array_split(indices, -(-len(indices) // length)))


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
