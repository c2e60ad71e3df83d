"""The state of a net outside its weights: moments of the optimizer by parameter name, and the device of its tensors."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from skae._parameters import warn

from .device import resolve_device


def get_moments(net: Any) -> dict[str, dict[str, Any]]:
    """Moments of each parameter, by name: another net can continue them, whatever its parameter groups."""
    state = net.optimizer_.state
    return {name: state[p] for name, p in net.module_.named_parameters() if state.get(p)}


def set_moments(net: Any, moments: dict[str, dict[str, Any]]) -> None:
    """Set the moments of an optimizer; its settings, such as the weight decay, stay its own."""
    numbers = {id(p): n for n, p in enumerate(p for group in net.optimizer_.param_groups for p in group["params"])}
    named = net.module_.named_parameters()
    states = {numbers[id(p)]: dict(moments[name]) for name, p in named if moments.get(name) and id(p) in numbers}
    if states:
        net.optimizer_.load_state_dict({**net.optimizer_.state_dict(), "state": states})


def continue_optimizer(net: Any, before: Any) -> None:
    """Continue with copies of the moments of another net's optimizer, if both optimizers have the same moments."""
    if moment_settings(net.optimizer_) == moment_settings(before.optimizer_):
        set_moments(net, copy.deepcopy(get_moments(before)))


def moment_settings(optimizer: Any) -> tuple[Any, ...]:
    """The type of an optimizer, and the settings that decide which moments it has."""
    return (type(optimizer), *(bool(optimizer.defaults.get(name)) for name in ("amsgrad", "centered", "momentum")))


def state_on_cpu(state: dict[str, Any]) -> dict[str, Any]:
    """The attributes of a net for pickling, with every tensor on the CPU; tensors there already are not copied."""
    tensors = net_tensors(state)
    if all(tensor.device.type == "cpu" for tensor in tensors):
        return state
    memo: dict[int, Any] = {id(tensor): on_cpu(tensor) for tensor in tensors}
    # Callbacks are objects of the caller and are not copied.
    callbacks = {name: value for name, value in state.items() if name.startswith("callbacks")}
    return copy.deepcopy({name: value for name, value in state.items() if name not in callbacks}, memo) | callbacks


def net_tensors(state: dict[str, Any]) -> list[Tensor]:
    """Weights, buffers and moments in the attributes of a net."""
    modules = [state[name] for name in ("module", "module_", "criterion_")]
    moments = [value for entry in state["optimizer_"].state.values() for value in entry.values()]
    weights = [tensor for module in modules for tensor in (*module.parameters(), *module.buffers())]
    return weights + [value for value in moments if isinstance(value, Tensor)]


def on_cpu(tensor: Tensor) -> Tensor:
    """A copy on the CPU; a parameter stays one."""
    copied = tensor.detach().cpu()
    return nn.Parameter(copied, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else copied


def available_device(device: str) -> str:
    """The device, or with a warning the CPU where this machine does not have it."""
    try:
        return str(resolve_device(device))
    except ValueError:
        warn(
            f"The estimator was on device={device!r}, which this machine does not have: it is on device='cpu' now. To "
            f"train it here, set_params(device='cpu') or 'auto'."
        )
        return "cpu"


def move_net(net: Any, device: str) -> None:
    """Move a net and the moments of its optimizer to a device."""
    net.device = device
    if any(tensor.device.type != torch.device(device).type for tensor in net_tensors(vars(net))):
        for module in (net.module, net.module_, net.criterion_):
            module.to(device)
        # Loading moves the moments to the device of each weight.
        net.optimizer_.load_state_dict(net.optimizer_.state_dict())
