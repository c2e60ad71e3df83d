"""Corruptions: what denoising training does to scaled samples before the encoder sees them."""

from __future__ import annotations

import torch
from torch import Tensor

from .layers import StochasticModule


class Corruption(StochasticModule):
    """Changes a share of every sample's numbers, or all of them by some noise.

    Parameters
    ----------
    amount : float
        The share of numbers changed, or the noise's deviation in deviations of the scaled data.
    """

    def __init__(self, amount: float):
        super().__init__()
        self.amount = amount

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(self.chosen(x, self.amount).bool(), self.replacement(x), x)

    def replacement(self, x: Tensor) -> Tensor:
        """What stands in for the numbers changed, in the shape of ``x``."""
        raise NotImplementedError


class GaussianNoise(Corruption):
    """Adds normal noise (Vincent et al., 2010)."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.add(x, self.normal(x), alpha=self.amount)


class Masking(Corruption):
    """Puts the training mean, 0 in scaled samples, in place of numbers (Vincent et al., 2010)."""

    def replacement(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)


class SaltAndPepper(Corruption):
    """Puts the batch's smallest or largest number in place of numbers (Vincent et al., 2010)."""

    def replacement(self, x: Tensor) -> Tensor:
        return torch.where(self.chosen(x, 0.5).bool(), x.amin(), x.amax())


class Swap(Corruption):
    """Puts the same column of another row in place of numbers: fit for tables of mixed units (Jahrer, 2017)."""

    def replacement(self, x: Tensor) -> Tensor:
        other = (self.uniform(x) * len(x)).long().clamp_(max=len(x) - 1)
        return x.gather(0, other)


CORRUPTIONS: dict[str, type[Corruption]] = {
    "gaussian": GaussianNoise,
    "masking": Masking,
    "salt_and_pepper": SaltAndPepper,
    "swap": Swap,
}
