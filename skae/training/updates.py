"""The optimiser's step, without what its wrapper looks for every time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.optim.adam import adam
from torch.optim.adamw import adamw

# torch's own functions behind the classes: a class gathers its lists anew in every step, and asks for hooks.
FUNCTIONS: dict[type, Callable[..., None]] = {torch.optim.AdamW: adamw, torch.optim.Adam: adam}


def update_of(optimizer: torch.optim.Optimizer) -> Callable[[], Any]:
    """A function that does what ``optimizer.step()`` does, for an optimiser that made a step and has no hooks."""
    function = FUNCTIONS.get(type(optimizer))
    if function is None or any(
        not group["fused"] or group["amsgrad"] or group["capturable"] or group["differentiable"]
        for group in optimizer.param_groups
    ):
        return optimizer.step
    groups = [
        (group, group["params"], *([optimizer.state[p][name] for p in group["params"]] for name in KEPT))
        for group in optimizer.param_groups
        if group["params"]
    ]

    def update() -> None:
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


KEPT = ("exp_avg", "exp_avg_sq", "step")
