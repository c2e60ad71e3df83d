"""The moments of every parameter, by name: another net continues them, whatever parameter groups it has."""

from __future__ import annotations

import copy
from typing import Any

import torch


def moments_of(net: Any) -> dict[str, dict[str, Any]]:
    """Moments of each parameter, by name; empty after ``fit``."""
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
    """Continue the state of another net's optimizer, if both keep the same moments; nothing is shared."""
    if kept_by(net.optimizer_) == kept_by(before.optimizer_):
        set_moments(net, copy.deepcopy(moments_of(before)))


def kept_by(optimizer: Any) -> tuple[Any, ...]:
    """The type of an optimizer, and the settings that decide which moments it keeps."""
    return (type(optimizer), *(bool(optimizer.defaults.get(name)) for name in ("amsgrad", "centered", "momentum")))


def probe_state(net: Any) -> dict[str, torch.Tensor]:
    """The tensors that the optimizer of a net keeps of a parameter of shape (1,) after a step, by name."""
    settings = {name: value for name, value in net.optimizer_.param_groups[0].items() if name != "params"}
    probe = torch.nn.Parameter(torch.zeros(1, dtype=torch.float32, device=net.device))
    optimizer = type(net.optimizer_)([probe])
    optimizer.param_groups[0].update(settings)
    probe.grad = torch.zeros_like(probe)
    optimizer.step()
    return {name: value for name, value in optimizer.state[probe].items() if isinstance(value, torch.Tensor)}
