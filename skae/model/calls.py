"""Calls of common layers without ``nn.Module.__call__``, which takes longer than the layer for a single row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules import module as torch_module


def linear(layer: Any, x: Tensor) -> Tensor:
    weights = layer._parameters
    return functional.linear(x, weights["weight"], weights["bias"])


def layer_norm(layer: Any, x: Tensor) -> Tensor:
    weights = layer._parameters
    return torch.layer_norm(x, layer.normalized_shape, weights["weight"], weights["bias"], layer.eps)


def silu(layer: Any, x: Tensor) -> Tensor:
    return functional.silu(x, layer.inplace)


def sequential(layer: Any, x: Tensor) -> Tensor:
    for part in layer._modules.values():
        x = call(part, x)
    return x


# Subclasses, and layers whose weights are parametrized, are of other types.
FUNCTIONS: dict[type, Callable[[Any, Tensor], Tensor]] = {
    nn.Sequential: sequential,
    nn.Linear: linear,
    nn.LayerNorm: layer_norm,
    nn.SiLU: silu,
}


def call(module: Any, x: Tensor) -> Tensor:
    """The output of a module for x. Modules with hooks, of other types, and in training, are called as usual."""
    function = FUNCTIONS.get(type(module))
    if (
        function is None
        or not torch.is_inference_mode_enabled()
        or module._forward_hooks
        or module._forward_pre_hooks
        or torch_module._global_forward_hooks
        or torch_module._global_forward_pre_hooks
        or "forward" in vars(module)
    ):
        return module(x)
    return function(module, x)
