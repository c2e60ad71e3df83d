"""Layers that the architectures share: activations, normalization, dropout, and rows of the layer table."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

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
Layer = TypeVar("Layer", bound=nn.Module)


@dataclass(frozen=True)
class Step:
    """One row of a layer table; ``shape`` is that of the output, channels first, without the batch axis."""

    name: str
    shape: tuple[int, ...]
    formula: str = ""
    module: nn.Module = field(default_factory=nn.Identity)

    @property
    def n_parameters(self) -> int:
        return sum(p.numel() for p in self.module.parameters())


@dataclass(frozen=True)
class EncoderDecoder:
    """The modules that an architecture builds, and the rows of their layer tables in order."""

    encoder: nn.Module
    decoder: nn.Module
    encoder_steps: tuple[Step, ...] = ()
    decoder_steps: tuple[Step, ...] = ()


def normalization_layers(name: str | None, width: int, n_axes: int) -> list[nn.Module]:
    """The normalization of ``width`` channels and ``n_axes`` spatial axes, as a list of zero or one modules."""
    if name == "batch":
        return [BATCH_NORMS[n_axes](width)]
    if name == "layer":
        return [nn.LayerNorm(width) if n_axes == 0 else nn.GroupNorm(1, width)]
    return []


def set_zero(layer: Layer) -> Layer:
    """Set the weights and the bias of a layer to zero, and return it."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    layer.is_set_to_zero = True  # type: ignore[assignment]
    return layer


def is_zero(layer: nn.Module) -> bool:
    """Whether all weights of a layer are zero; on the meta device, whether ``set_zero`` set them."""
    weight = layer.get_parameter("weight")
    return getattr(layer, "is_set_to_zero", False) if weight.is_meta else not bool(weight.any())


def outputs_zeros(module: nn.Module) -> bool:
    """Whether the last layer of an encoder or decoder is one that ``set_zero`` set, and is still zero."""
    for layer in reversed(list(module.children())):
        if isinstance(layer, nn.Sequential):
            return outputs_zeros(layer)
        if not isinstance(layer, (nn.Flatten, nn.Unflatten)):
            return getattr(layer, "is_set_to_zero", False) and not any(bool(p.any()) for p in layer.parameters())
    return False


class SpectralNorm(nn.Module):
    """A linear layer or convolution whose weight is divided by its largest singular value (Miyato et al., 2018).

    The singular vector is updated by one power iteration per training batch.
    """

    direction: Tensor

    def __init__(self, layer: nn.Module):
        super().__init__()
        self.layer = layer
        with torch.no_grad():
            matrix = layer.get_parameter("weight").flatten(1)
            # Not on the meta device: the first call of svd there imports for half a second.
            vectors = matrix if matrix.is_meta else torch.linalg.svd(matrix, full_matrices=False).Vh
        self.register_buffer("direction", vectors[0].clone())

    def forward(self, x: Tensor) -> Tensor:
        weight = self.layer.get_parameter("weight")
        matrix = weight.flatten(1)
        # The meta device has no autocast to disable.
        with contextlib.nullcontext() if weight.is_meta else torch.autocast(weight.device.type, enabled=False):
            with torch.no_grad():
                out = functional.normalize(matrix @ self.direction, dim=0)
                direction = functional.normalize(matrix.T @ out, dim=0)
                if self.training:
                    self.direction.copy_(direction)
            normalized = weight / (out @ matrix @ direction)
        return functional_call(self.layer, {"weight": normalized}, x)


class StochasticModule(nn.Module):
    """A module that draws random numbers in training, from a generator seeded by ``random_state`` of the estimator.

    Examples
    --------
    >>> import torch
    >>> from skae.variants.penalties import StochasticModule
    >>> class NoisyLength(StochasticModule):
    ...     def forward(self, trace):
    ...         codes = trace.code.mean
    ...         return (codes + 0.1 * self.normal(codes)).square().sum(1)
    >>> NoisyLength().uniform(torch.zeros(3)).shape
    torch.Size([3])
    """

    def __init__(self) -> None:
        super().__init__()
        self.generator: torch.Generator | None = None

    def normal(self, tensor: Tensor) -> Tensor:
        """Standard normal numbers in the shape of ``tensor``."""
        return torch.empty_like(tensor).normal_(generator=self.generator)

    def uniform(self, tensor: Tensor) -> Tensor:
        """Uniform numbers in [0, 1) in the shape of ``tensor``."""
        return torch.empty_like(tensor).uniform_(generator=self.generator)

    def bernoulli(self, tensor: Tensor, p: float) -> Tensor:
        """Ones with probability ``p``, else zeros, in the shape of ``tensor``."""
        return torch.empty_like(tensor).bernoulli_(p, generator=self.generator)

    def __getstate__(self) -> dict[str, Any]:
        # A generator cannot be pickled, and a fitted model draws no numbers.
        return {**self.__dict__, "generator": None}


class SeededDropout(StochasticModule):
    """Dropout (Srivastava et al., 2014) with probability ``p``."""

    def __init__(self, p: float):
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return x * self.bernoulli(x, 1 - self.p).div_(1 - self.p) if self.training else x


def keep_frozen_statistics(module: nn.Module) -> None:
    """Set batch normalization whose weights are frozen to evaluation mode, so that its statistics stay too."""
    for layer in module.modules():
        if isinstance(layer, BATCH_NORMS) and layer.weight is not None and not layer.weight.requires_grad:
            layer.eval()


def set_generator(module: nn.Module, generator: torch.Generator | None) -> None:
    """Set the generator of every stochastic module in ``module``."""
    for submodule in module.modules():
        if isinstance(submodule, StochasticModule):
            submodule.generator = generator
