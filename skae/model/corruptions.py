"""Corruptions of scaled samples in denoising training."""

from __future__ import annotations

import torch
from torch import Tensor

from .layers import StochasticModule


class Corruption(StochasticModule):
    """Replaces a random share, ``amount``, of every sample's features by ``replacement``."""

    def __init__(self, amount: float):
        super().__init__()
        self.amount = amount

    def forward(self, x: Tensor) -> Tensor:
        """Corrupted samples in the shape of ``x`` (batch, \\*shape)."""
        return torch.where(self.bernoulli(x, self.amount).bool(), self.replacement(x), x)

    def replacement(self, x: Tensor) -> Tensor:
        """Values for the replaced features, in the shape of ``x``."""
        raise NotImplementedError


class GaussianNoise(Corruption):
    """Adds normal noise; ``amount`` is its standard deviation, relative to the scaled data (Vincent et al., 2010)."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.add(x, self.normal(x), alpha=self.amount)


class Masking(Corruption):
    """Replaces features by the training mean, 0 in scaled samples (Vincent et al., 2010)."""

    def replacement(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)


class SaltAndPepper(Corruption):
    """Replaces features by the batch's minimum or maximum (Vincent et al., 2010)."""

    def replacement(self, x: Tensor) -> Tensor:
        return torch.where(self.bernoulli(x, 0.5).bool(), x.amin(), x.amax())


class Swap(Corruption):
    """Replaces features by those of another row of the batch, for tables of mixed units (Jahrer, 2017)."""

    def replacement(self, x: Tensor) -> Tensor:
        rows = (self.uniform(x) * len(x)).long().clamp_(max=len(x) - 1)
        return x.gather(0, rows)


CORRUPTIONS: dict[str, type[Corruption]] = {
    "gaussian": GaussianNoise,
    "masking": Masking,
    "salt_and_pepper": SaltAndPepper,
    "swap": Swap,
}
