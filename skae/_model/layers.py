"""The small parts that dense and convolutional stacks share: activations, normalization, dropout, table rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "silu": nn.SiLU,
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "elu": nn.ELU,
    "leaky_relu": nn.LeakyReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "identity": nn.Identity,
}
NORMALIZATIONS = ("batch", "layer", None)
# By the number of spatial axes.
BATCH_NORMS: tuple[type[nn.Module], ...] = (nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


@dataclass(frozen=True)
class Step:
    """One row of a layer table: shapes are channels first, without the batch axis."""

    name: str
    shape: tuple[int, ...]
    formula: str = ""
    module: nn.Module = field(default_factory=nn.Identity)

    @property
    def n_parameters(self) -> int:
        return sum(p.numel() for p in self.module.parameters())


@dataclass(frozen=True)
class EncoderDecoder:
    """What an architecture builds: the two modules, and the rows of their layer table in order."""

    encoder: nn.Module
    decoder: nn.Module
    encoder_steps: tuple[Step, ...] = ()
    decoder_steps: tuple[Step, ...] = ()


def normalization_layers(name: str | None, width: int, n_axes: int) -> list[nn.Module]:
    """The normalization over ``width`` channels and ``n_axes`` spatial axes, as a list of none or one."""
    if name == "batch":
        return [BATCH_NORMS[n_axes](width)]
    if name == "layer":
        return [nn.LayerNorm(width) if n_axes == 0 else nn.GroupNorm(1, width)]
    return []


def set_zero(layer: Any) -> Any:
    """The layer with weights and bias at zero, so that the path it ends starts as nothing."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class SpectralNorm(nn.Module):
    """A layer whose weight is divided by its largest singular value (Miyato et al., 2018).

    One step of power iteration a training batch keeps track of it.
    """

    direction: Tensor

    def __init__(self, layer: Any):
        super().__init__()
        self.layer = layer
        with torch.no_grad():
            direction = torch.linalg.svd(layer.weight.flatten(1), full_matrices=False).Vh[0].clone()
        self.register_buffer("direction", direction)

    def forward(self, x: Tensor) -> Tensor:
        matrix = self.layer.weight.flatten(1)
        with torch.no_grad():
            out = functional.normalize(matrix @ self.direction, dim=0)
            direction = functional.normalize(matrix.T @ out, dim=0)
            if self.training:
                self.direction.copy_(direction)
        weight = self.layer.weight / (out @ matrix @ direction)
        return functional_call(self.layer, {"weight": weight}, x)


class StochasticModule(nn.Module):
    """A part that draws random numbers in training, from a generator of its own, set by ``set_generator``."""

    def __init__(self) -> None:
        super().__init__()
        self.generator: torch.Generator | None = None

    def normal(self, like: Tensor) -> Tensor:
        """Standard normal numbers in the shape of ``like``."""
        return torch.empty_like(like).normal_(generator=self.generator)

    def uniform(self, like: Tensor) -> Tensor:
        """Numbers from [0, 1) in the shape of ``like``."""
        return torch.empty_like(like).uniform_(generator=self.generator)

    def chosen(self, like: Tensor, share: float) -> Tensor:
        """Ones with probability ``share``, else zeros, in the shape of ``like``."""
        return torch.empty_like(like).bernoulli_(share, generator=self.generator)

    def __getstate__(self):
        # A generator cannot be pickled, and a fitted model draws nothing.
        return {**self.__dict__, "generator": None}


class SeededDropout(StochasticModule):
    """Dropout (Srivastava et al., 2014)."""

    def __init__(self, p: float):
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return x * self.chosen(x, 1 - self.p).div_(1 - self.p) if self.training else x


def set_generator(module: Any, generator: torch.Generator | None) -> None:
    """Let every part of ``module`` that draws random numbers draw them from ``generator``."""
    for part in module.modules():
        if isinstance(part, StochasticModule):
            part.generator = generator
