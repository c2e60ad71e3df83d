"""The optimiser's step, without what its wrapper looks for every time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import optimizer as everywhere
from torch.optim.adam import adam
from torch.optim.adamw import adamw

# torch's own functions behind the classes: a class gathers its lists anew in every step, and asks for hooks.
FUNCTIONS: dict[type, Callable[..., None]] = {torch.optim.AdamW: adamw, torch.optim.Adam: adam}
# What is kept of each parameter, and settings that ask for more.
KEPT = ("exp_avg", "exp_avg_sq", "step")
OTHERWISE = ("amsgrad", "capturable", "differentiable")


def update_of(optimizer: torch.optim.Optimizer) -> Callable[[], Any]:
    """A function that does what ``optimizer.step()`` does.

    Where the optimiser is of another kind, has not made a step yet, or is watched by hooks, it is its own ``step``.
    """
    function = FUNCTIONS.get(type(optimizer))
    if function is None or is_hooked(optimizer) or not all(map(is_plain, optimizer.param_groups)):
        return optimizer.step
    if not all(
        name in optimizer.state[p] for group in optimizer.param_groups for p in group["params"] for name in KEPT
    ):
        return optimizer.step
    # AdamW as torch has it now is an Adam that says so.
    if function is adam and any(group.get("decoupled_weight_decay") for group in optimizer.param_groups):
        return optimizer.step
    groups = [
        (group, group["params"], *([optimizer.state[p][name] for p in group["params"]] for name in KEPT))
        for group in optimizer.param_groups
        if group["params"]
    ]

    def update() -> None:
        if any(parameter.grad is None for _, parameters, *_ in groups for parameter in parameters):
            optimizer.step()
            return
        for group, parameters, averages, squares, steps in groups:
            function(
                parameters,
                [parameter.grad for parameter in parameters],
                averages,
                squares,
                [],
                steps,
                fused=True,
                amsgrad=False,
                beta1=group["betas"][0],
                beta2=group["betas"][1],
                lr=group["lr"],
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                maximize=group["maximize"],
            )

    return torch.no_grad()(update)


def is_plain(group: dict[str, Any]) -> bool:
    """Whether the settings of some parameters ask for nothing beside the fused step."""
    return bool(group["fused"]) and not any(group[name] for name in OTHERWISE)


def is_hooked(optimizer: torch.optim.Optimizer) -> bool:
    """Whether somebody asked to hear of steps."""
    own = optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks
    return bool(own or everywhere._global_optimizer_pre_hooks or everywhere._global_optimizer_post_hooks)
