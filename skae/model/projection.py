"""A fixed projection of wide samples to the coordinates that a network is trained on."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Projection(nn.Module):
    """Coordinates of scaled samples along fixed orthonormal directions, and back; its weights are not trained.

    Coordinates are multiplied by ``gain = sqrt(n_coordinates / n_features)``. The mean over coordinates of squared
    differences is then the mean over features of squared differences between projected samples.
    """

    components: Tensor

    def __init__(self, components: Tensor, shape: tuple[int, ...]):
        """``components`` (n_coordinates, n_features) are orthonormal; ``shape`` is that of a sample."""
        super().__init__()
        self.shape = shape
        self.register_buffer("components", components)

    @property
    def n_coordinates(self) -> int:
        return len(self.components)

    @property
    def gain(self) -> float:
        return math.sqrt(self.n_coordinates / math.prod(self.shape))

    def encode(self, x: Tensor) -> Tensor:
        """Coordinates (batch, n_coordinates) of scaled samples (batch, \\*shape)."""
        return (x.flatten(1) @ self.components.T).mul(self.gain)

    def decode(self, coordinates: Tensor) -> Tensor:
        """Scaled samples (batch, \\*shape) with these coordinates, in the span of the components."""
        return (coordinates.div(self.gain) @ self.components).view(-1, *self.shape)

    def without_features(self, ignored: Tensor) -> Projection:
        """A projection that does not read the ``ignored`` features, bool \\*shape, and decodes them as 0."""
        return Projection(torch.where(ignored.flatten(), 0.0, self.components), self.shape)
