"""Fused updates: optimizer steps without the overhead of the optimizer's wrapper.

Private functions of torch for this are used in this module only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import optimizer as torch_optimizer
from torch.optim.adam import adam
from torch.optim.adamw import adamw

# False turns fused updates off.
ENABLED = True
# The functions that the optimizers call; the classes build lists of tensors and look for hooks in every step.
FUNCTIONS: dict[type, Callable[..., None]] = {torch.optim.AdamW: adamw, torch.optim.Adam: adam}
MOMENTS = ("exp_avg", "exp_avg_sq")
UNSUPPORTED = ("amsgrad", "capturable", "differentiable")
# Tensors whose size is a multiple of this have the same bits after an update alone and joined, on all processors.
VECTOR_SIZE = 16


def fused_update_for(optimizer: torch.optim.Optimizer, is_small: bool = False) -> Callable[[], Any]:
    """A function that does what ``optimizer.step()`` does, to the same bits; ``optimizer.step`` if it is unsupported.

    With ``is_small``, the weights of a group are one tensor until ``separate`` is called, which saves time per tensor.
    """
    return Update(optimizer, is_small) if ENABLED and is_supported(optimizer) else optimizer.step


def is_supported(optimizer: torch.optim.Optimizer) -> bool:
    """Whether a step of the optimizer is one call of its function per group, and all weights have moments."""
    groups = optimizer.param_groups
    if type(optimizer) not in FUNCTIONS or any(not g["fused"] or any(g[name] for name in UNSUPPORTED) for g in groups):
        return False
    if optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks:
        return False
    if torch_optimizer._global_optimizer_pre_hooks or torch_optimizer._global_optimizer_post_hooks:
        return False
    # Adam with decoupled weight decay is AdamW.
    if type(optimizer) is torch.optim.Adam and any(g.get("decoupled_weight_decay") for g in groups):
        return False
    return all(name in optimizer.state[p] for g in groups for p in g["params"] for name in (*MOMENTS, "step"))


class Update:
    """The step of an optimizer, as calls of its function; ``join`` says whether weights are joined."""

    def __init__(self, optimizer: torch.optim.Optimizer, join: bool):
        self.optimizer = optimizer
        self.groups = [Group(optimizer, settings, join) for settings in optimizer.param_groups if settings["params"]]

    @torch.no_grad()
    def __call__(self) -> None:
        if any(parameter.grad is None for group in self.groups for parameter in group.parameters):
            self.optimizer.step()
            return
        for group in self.groups:
            group.update()

    def separate(self) -> None:
        """Give joined weights and their moments their own memory again."""
        for group in self.groups:
            for parameter in group.joined:
                parameter.data, parameter.grad = parameter.data.clone(), None
                state = self.optimizer.state[parameter]
                state.update({name: value.clone() for name, value in state.items()})


class Group:
    """The weights of a parameter group with these ``settings``, their gradients and their state."""

    def __init__(self, optimizer: torch.optim.Optimizer, settings: dict[str, Any], join: bool):
        state = optimizer.state
        self.function, self.settings = FUNCTIONS[type(optimizer)], settings
        self.parameters: list[nn.Parameter] = settings["params"]
        joined = [p for p in self.parameters if join and p.numel() % VECTOR_SIZE == 0]
        # Joined weights share one count of steps.
        self.joined = joined if len({float(state[p]["step"]) for p in joined}) == 1 else []
        self.separate = [p for p in self.parameters if all(p is not other for other in self.joined)]
        self.weights: list[Tensor] = list(self.separate)
        self.state = {name: [state[p][name] for p in self.separate] for name in (*MOMENTS, "step")}
        if self.joined:
            self._join(state)

    def _join(self, state: Any) -> None:
        weights, weight_views = join_tensors(self.joined)
        self.gradients, self.gradient_views = join_tensors([p.grad for p in self.joined])
        moments = {name: join_tensors([state[p][name] for p in self.joined]) for name in MOMENTS}
        steps = torch.stack([state[p]["step"] for p in self.joined])
        for index, parameter in enumerate(self.joined):
            parameter.data, parameter.grad = weight_views[index], self.gradient_views[index]
            state[parameter] = {name: views[index] for name, (_, views) in moments.items()} | {"step": steps[index]}
        self.weights.append(weights)
        for name, (joined, _) in moments.items():
            self.state[name].append(joined)
        # The function increments the first count only.
        self.state["step"].append(steps[0])
        self.other_steps = steps[1:]

    def update(self) -> None:
        """Update the weights with their current gradients."""
        gradients = [parameter.grad for parameter in self.separate]
        if self.joined:
            for parameter, view in zip(self.joined, self.gradient_views, strict=True):
                if parameter.grad is not view:
                    parameter.grad = view.copy_(parameter.grad)
            gradients.append(self.gradients)
            self.other_steps.add_(1)
        settings = self.settings
        self.function(
            self.weights,
            gradients,
            self.state["exp_avg"],
            self.state["exp_avg_sq"],
            [],
            self.state["step"],
            fused=True,
            amsgrad=False,
            beta1=settings["betas"][0],
            beta2=settings["betas"][1],
            lr=settings["lr"],
            weight_decay=settings["weight_decay"],
            eps=settings["eps"],
            maximize=settings["maximize"],
        )


def join_tensors(tensors: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Concatenate tensors; returns the result, and views of it with their shapes."""
    joined = torch.cat([tensor.detach().flatten() for tensor in tensors])
    parts = joined.split([tensor.numel() for tensor in tensors])
    return joined, [part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]
