"""What an optimizer keeps of every parameter, by name: it goes on in another net, whatever groups that one has."""

from __future__ import annotations

import copy
from typing import Any

import torch


def moments_of(net: Any) -> dict[str, dict[str, Any]]:
    """What is kept of each parameter; nothing after ``fit``."""
    state = net.optimizer_.state
    return {name: state[p] for name, p in net.module_.named_parameters() if state.get(p)}


def set_moments(net: Any, moments: dict[str, dict[str, Any]]) -> None:
    """Let the optimizer go on with these; its settings, such as a decay, stay its own."""
    numbers = {id(p): n for n, p in enumerate(p for group in net.optimizer_.param_groups for p in group["params"])}
    named = net.module_.named_parameters()
    states = {numbers[id(p)]: dict(moments[name]) for name, p in named if moments.get(name) and id(p) in numbers}
    if states:
        net.optimizer_.load_state_dict({**net.optimizer_.state_dict(), "state": states})


def go_on(net: Any, before: Any) -> None:
    """Let the optimizer of a net go on where that of another was, if both keep the same; nothing is shared."""
    if kept_by(net.optimizer_) == kept_by(before.optimizer_):
        set_moments(net, copy.deepcopy(moments_of(before)))


def kept_by(optimizer: Any) -> tuple[Any, ...]:
    """What decides which moments an optimizer keeps: its kind, and settings that ask for more of them."""
    return (type(optimizer), *(bool(optimizer.defaults.get(name)) for name in ("amsgrad", "centered", "momentum")))


def state_names(net: Any) -> set[str]:
    """Names of the tensors that the optimizer of a net keeps of each parameter after a step."""
    settings = {name: value for name, value in net.optimizer_.param_groups[0].items() if name != "params"}
    probe = torch.nn.Parameter(torch.zeros(1, dtype=torch.float32, device=net.device))
    optimizer = type(net.optimizer_)([probe])
    optimizer.param_groups[0].update(settings)
    probe.grad = torch.zeros_like(probe)
    optimizer.step()
    return {name for name, value in optimizer.state[probe].items() if isinstance(value, torch.Tensor)}
