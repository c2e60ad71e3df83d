"""Calls of common layers without ``nn.Module.__call__``, which takes longer than the layer for a single row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules import module as torch_module


def linear(layer: Any, x: Tensor) -> Tensor:
    weights = layer._parameters  # ``layer.weight`` takes ten times as long
    if "weight" not in weights or "bias" not in weights:  # replaced by other attributes
        return layer(x)
    return functional.linear(x, weights["weight"], weights["bias"])


def layer_norm(layer: Any, x: Tensor) -> Tensor:
    weights = layer._parameters
    if "weight" not in weights or "bias" not in weights:
        return layer(x)
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
    """The output of a module for x. With hooks, of other types, or outside of inference mode, it is called as usual."""
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


def has_hooks(module: nn.Module) -> bool:
    """Whether hooks see the forward passes of the module or of one of its parts."""
    of_all = torch_module._global_forward_hooks or torch_module._global_forward_pre_hooks
    return bool(of_all) or any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())
