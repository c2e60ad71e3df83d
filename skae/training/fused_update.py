"""Fused updates: the optimizer's step without the checks of its wrapper.

All private parts of torch that this needs are in this file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import optimizer as everywhere
from torch.optim.adam import adam
from torch.optim.adamw import adamw

# False turns fused updates off.
ENABLED = True
# torch's own functions behind the classes: a class builds its lists in every step and looks for hooks.
FUNCTIONS: dict[type, Callable[..., None]] = {torch.optim.AdamW: adamw, torch.optim.Adam: adam}
# What is kept of each parameter, and settings that ask for more.
KEPT = ("exp_avg", "exp_avg_sq")
OTHERWISE = ("amsgrad", "capturable", "differentiable")
# Numbers that fill the registers of every processor: what is of such a size is computed alike, alone and joined.
WHOLE = 16


def fused_update_for(optimizer: torch.optim.Optimizer, small: bool = False) -> Callable[[], Any]:
    """A function that does what ``optimizer.step()`` does, to the same bits.

    Where the optimizer is of another kind, has not made a step yet, or is watched by hooks, it is its own ``step``.
    ``small`` says that the weights are few: then each tensor costs more than its numbers, so those of a group are
    joined until ``separate``.
    """
    function = FUNCTIONS.get(type(optimizer))
    if not ENABLED or function is None or is_hooked(optimizer) or not all(map(is_plain, optimizer.param_groups)):
        return optimizer.step
    if not all(
        name in optimizer.state[p]
        for group in optimizer.param_groups
        for p in group["params"]
        for name in (*KEPT, "step")
    ):
        return optimizer.step
    # AdamW as torch has it now is an Adam that says so.
    if function is adam and any(group.get("decoupled_weight_decay") for group in optimizer.param_groups):
        return optimizer.step
    return Update(optimizer, function, join=small)


class Update:
    """The step of an optimizer that has made one already, by its function.

    Parameters
    ----------
    optimizer : Optimizer
    function : callable
        What its step comes to.
    join : bool
        Whether weights are joined where that changes no bit.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, function: Callable[..., None], join: bool):
        self.optimizer = optimizer
        self.function = function
        self.groups = [Group(optimizer, settings, join) for settings in optimizer.param_groups if settings["params"]]

    @torch.no_grad()
    def __call__(self) -> None:
        if any(parameter.grad is None for group in self.groups for parameter in group.parameters):
            self.optimizer.step()
            return
        for group in self.groups:
            group.update(self.function)

    def separate(self) -> None:
        """Give every weight, and what is kept of it, a memory of its own again."""
        for group in self.groups:
            for parameter in group.joined:
                parameter.data, parameter.grad = parameter.data.clone(), None
                state = self.optimizer.state[parameter]
                state.update({name: value.clone() for name, value in state.items()})


class Group:
    """The weights of one group of an optimizer, their gradients and what is kept of them, as its function takes them.

    Parameters
    ----------
    optimizer : Optimizer
        Has made a step.
    settings : dict
        Of the group, as the optimizer has them.
    join : bool
        Whether weights that fill whole registers become parts of one tensor.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, settings: dict[str, Any], join: bool):
        state = optimizer.state
        self.settings = settings
        self.parameters: list[nn.Parameter] = settings["params"]
        fitting = [p for p in self.parameters if join and p.numel() % WHOLE == 0]
        # What counts otherwise is not counted together.
        self.joined = fitting if len({float(state[p]["step"]) for p in fitting}) == 1 else []
        self.apart = [p for p in self.parameters if all(p is not other for other in self.joined)]
        self.weights: list[Tensor] = list(self.apart)
        self.kept = {name: [state[p][name] for p in self.apart] for name in (*KEPT, "step")}
        if self.joined:
            self._join(state)

    def _join(self, state: Any) -> None:
        weights, of_weights = side_by_side(self.joined)
        self.gradients, self.places = side_by_side([p.grad for p in self.joined])
        kept = {name: side_by_side([state[p][name] for p in self.joined]) for name in KEPT}
        steps = torch.stack([state[p]["step"] for p in self.joined])
        for number, parameter in enumerate(self.joined):
            parameter.data, parameter.grad = of_weights[number], self.places[number]
            state[parameter] = {name: parts[number] for name, (_, parts) in kept.items()} | {"step": steps[number]}
        self.weights.append(weights)
        for name, (whole, _) in kept.items():
            self.kept[name].append(whole)
        # The function counts the first, and the others follow.
        self.kept["step"].append(steps[0])
        self.other_steps = steps[1:]

    def update(self, function: Callable[..., None]) -> None:
        """Change the weights by the gradients that they have now."""
        gradients = [parameter.grad for parameter in self.apart]
        if self.joined:
            for parameter, place in zip(self.joined, self.places, strict=True):
                if parameter.grad is not place:
                    parameter.grad = place.copy_(parameter.grad)
            gradients.append(self.gradients)
            self.other_steps.add_(1)
        settings = self.settings
        function(
            self.weights,
            gradients,
            self.kept["exp_avg"],
            self.kept["exp_avg_sq"],
            [],
            self.kept["step"],
            fused=True,
            amsgrad=False,
            beta1=settings["betas"][0],
            beta2=settings["betas"][1],
            lr=settings["lr"],
            weight_decay=settings["weight_decay"],
            eps=settings["eps"],
            maximize=settings["maximize"],
        )


def side_by_side(tensors: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """One tensor with the numbers of all, and its parts in the shape of each."""
    whole = torch.cat([tensor.detach().flatten() for tensor in tensors])
    parts = whole.split([tensor.numel() for tensor in tensors])
    return whole, [part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]


def is_plain(group: dict[str, Any]) -> bool:
    """Whether the settings of a parameter group are those of the fused step alone."""
    return bool(group["fused"]) and not any(group[name] for name in OTHERWISE)


def is_hooked(optimizer: torch.optim.Optimizer) -> bool:
    """Whether hooks of the step are registered."""
    own = optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks
    return bool(own or everywhere._global_optimizer_pre_hooks or everywhere._global_optimizer_post_hooks)
