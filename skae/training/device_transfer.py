"""A net between machines: what is pickled lies on the CPU, and goes back to the device its net names."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from skae._parameters import warn

from .device import resolve_device


def on_cpu(state: dict[str, Any]) -> dict[str, Any]:
    """A net's attributes with every array on the CPU; what lies there already is not copied."""
    arrays = arrays_of(state)
    if all(array.device.type == "cpu" for array in arrays):
        return state
    memo: dict[int, Any] = {id(array): like(array, array.detach().cpu()) for array in arrays}
    # Callbacks are the caller's own objects, and not ours to copy.
    apart = {name: value for name, value in state.items() if name.startswith("callbacks")}
    return copy.deepcopy({name: value for name, value in state.items() if name not in apart}, memo) | apart


def arrays_of(state: dict[str, Any]) -> list[Tensor]:
    """Weights, buffers, and what the optimizer keeps of them."""
    modules = [state[name] for name in ("module", "module_", "criterion_")]
    kept = [value for entry in state["optimizer_"].state.values() for value in entry.values()]
    owned = [array for module in modules for array in (*module.parameters(), *module.buffers())]
    return owned + [array for array in kept if isinstance(array, Tensor)]


def like(array: Tensor, value: Tensor) -> Tensor:
    """The value as a weight, where the array is one."""
    return nn.Parameter(value, array.requires_grad) if isinstance(array, nn.Parameter) else value


def usable(device: str) -> str:
    """The device, or with a warning the CPU where this machine does not have it."""
    try:
        return str(resolve_device(device))
    except ValueError:
        warn(
            f"The estimator was on device={device!r}, which this machine does not have: it is on device='cpu' now. To "
            f"train it here, set_params(device='cpu') or 'auto'."
        )
        return "cpu"


def put_on(net: Any, device: str) -> None:
    """Move a net to a device, with what its optimizer keeps."""
    net.device = device
    if any(array.device.type != torch.device(device).type for array in arrays_of(vars(net))):
        for module in (net.module, net.module_, net.criterion_):
            module.to(device)
        # It takes what it keeps to where each weight is now.
        net.optimizer_.load_state_dict(net.optimizer_.state_dict())
