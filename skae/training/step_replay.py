"""Step replay: training steps of small networks, recorded once and then repeated operation by operation.

Most of the time of such a step goes into module calls and autograd's bookkeeping, not arithmetic. Every step runs the
same list of torch operations, so the list is recorded and run again: the same bits in half to two thirds of the time
(benchmarks/README.md). All private parts of torch that this needs are in this file.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.modules import module as everywhere
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from skae.model import Autoencoder, Deterministic, Identity, LinearPath
from skae.model.layers import ACTIVATIONS
from skae.objectives import Objective

# False turns step replay off.
ENABLED = True
# Modules that draw nothing, keep nothing from step to step, and run the same operations for all values.
REPLAYABLE = {
    Autoencoder,
    Deterministic,
    Identity,
    LinearPath,
    Objective,
    nn.Flatten,
    nn.LayerNorm,
    nn.Linear,
    nn.ModuleList,
    nn.Sequential,
    nn.Unflatten,
    *ACTIVATIONS.values(),
}
# Where torch keeps what modules and weights call, and what all modules do.
HOOKS = tuple(
    f"{of}_{when}_hooks" for of in ("", "_global") for when in ("forward", "forward_pre", "backward", "backward_pre")
)
HOOKS_OF_WEIGHTS = ("_backward_hooks", "_post_accumulate_grad_hooks")
# Recording takes as long as some ten steps: it is not begun for a few.
STEPS_BEFORE = 10
# Beyond so many weights, or numbers of a batch, arithmetic takes all of the time, and a recording takes the memory.
MOST_WEIGHTS, MOST_NUMBERS = 2**22, 2**20

aten = torch.ops.aten
SAME = (aten.detach.default, aten.alias.default)
VIEWS = (aten.t.default, aten.view.default)
# The same operations by torch's own names, which cost a microsecond less a call.
QUICKER: dict[Any, Callable[..., Any]] = {
    aten.add.Tensor: torch.add,
    aten.addmm.default: torch.addmm,
    aten.mm.default: torch.mm,
    aten.native_layer_norm.default: torch.native_layer_norm,
    aten.relu.default: torch.relu,
    aten.sum.dim_IntList: torch.sum,
    aten.t.default: torch.t,
}


def step_replay_for(net: Any) -> StepReplay | None:
    """The step replay of a net on the CPU in float32; None if its steps may differ from each other."""
    if (
        not ENABLED
        or net.is_custom
        or net.compiled
        or torch.device(net.device).type != "cpu"
        or torch.is_anomaly_enabled()
    ):
        return None
    if net.autocast_dtype_ is not torch.float32 or not is_replayable(net.module_, net.criterion_):
        return None
    return StepReplay(lambda batch: net.criterion_(net.module_(batch)), net.parameters_)


def is_replayable(module: nn.Module, objective: Objective) -> bool:
    """Whether every training step on batches of one shape runs the same list of operations, without hooks."""
    parts = [*module.modules(), *objective.modules()]
    return (
        not objective.terms
        and sum(parameter.numel() for parameter in module.parameters()) <= MOST_WEIGHTS
        and all(type(part) in REPLAYABLE and "forward" not in vars(part) for part in parts)
        and all(parameter.requires_grad for parameter in module.parameters())
        and not any(getattr(owner, name) for owner in (everywhere, *parts) for name in HOOKS if hasattr(owner, name))
        and not any(getattr(p, name, None) for p in module.parameters() for name in HOOKS_OF_WEIGHTS)
    )


class StepReplay:
    """Losses of batches and their gradients, from recordings that were compared with autograd bit by bit.

    Parameters
    ----------
    loss_of : callable
        Takes a batch to the scalar to minimize.
    parameters : sequence of Parameter
        Their ``grad`` is set.
    """

    def __init__(self, loss_of: Callable[[Tensor], Tensor], parameters: Sequence[nn.Parameter]):
        self.loss_of = loss_of
        self.parameters = parameters
        self.seen: dict[torch.Size, int] = {}
        # By the shape of batches; None if the step cannot be replayed.
        self.recordings: dict[torch.Size, Callable[[Tensor], tuple[Tensor, ...]] | None] = {}
        self.checked: set[torch.Size] = set()

    def __call__(self, batch: Tensor) -> Tensor:
        """The loss of a batch, detached."""
        shape = batch.shape
        if shape in self.checked:
            with torch.no_grad():
                loss, *gradients = self.recordings[shape](batch)  # type: ignore[misc]
        else:
            loss, *gradients = self._by_autograd(batch)
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient
        return loss

    def _by_autograd(self, batch: Tensor) -> tuple[Any, ...]:
        """A step by autograd; recorded once a shape has come often, and compared with the recording at the next."""
        shape = batch.shape
        self.seen[shape] = self.seen.get(shape, 0) + 1
        if self.seen[shape] == STEPS_BEFORE and batch.numel() <= MOST_NUMBERS:
            with Recorder(batch, self.parameters) as recorder:
                results = self._differentiated(batch)
            self.recordings[shape] = recorder.recording(*results)
            return results
        results = self._differentiated(batch)
        recording = self.recordings.pop(shape, None)
        if recording is not None:
            with torch.no_grad():
                again = recording(batch)
            if all(torch.equal(a, b) for a, b in zip(results, again, strict=True)):
                self.recordings[shape] = recording
                self.checked.add(shape)
        return results

    def _differentiated(self, batch: Tensor) -> tuple[Any, ...]:
        loss = self.loss_of(batch)
        return loss.detach(), *torch.autograd.grad(loss, self.parameters, allow_unused=True)


class Recorder(TorchDispatchMode):
    """Record the operations of torch that are run inside.

    Parameters
    ----------
    batch : Tensor
        What the recording is a function of.
    parameters : sequence of Parameter
        Changed in place between repetitions; views of them are made once. Gradients are written to where they have
        them now, if the operation that gives them can.
    """

    def __init__(self, batch: Tensor, parameters: Sequence[Tensor]):
        super().__init__()
        self.graph = fx.Graph()
        self.fixed: dict[fx.Node, Tensor] = {}
        self.transposed: dict[fx.Node, fx.Node] = {}
        # By the identity of a tensor, which holds as long as the tensor is kept.
        self.nodes: dict[int, fx.Node] = {}
        self.kept: list[Tensor] = []
        self.complete = True
        self._is(batch, self.graph.placeholder("batch"))
        for parameter in parameters:
            self._is_fixed(parameter)
        self.places = [None if p.grad is None else self._fixed(p.grad) for p in parameters]

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        self.complete &= not func._schema.is_mutable
        given, named = tree_map(self._node, args), tree_map(self._node, kwargs)
        if func in SAME:
            self._is(result, given[0])
        elif func is aten.ones_like.default or (func in VIEWS and given[0] in self.fixed):
            self._is_fixed(result)
        elif func is aten.t.default and given[0] in self.transposed:
            self._is(result, self.transposed[given[0]])
        else:
            node = self._called(func, given, named)
            if func is aten.t.default:
                self.transposed[node] = given[0]
            self._are(result, node)
        return result

    def _called(self, func: Any, given: Any, named: Any) -> fx.Node:
        """The operation in the graph, by the quickest way to call it."""
        if func is not aten.view.default:
            return self.graph.call_function(QUICKER.get(func, func), given, named)
        viewed, shape = given
        if viewed.target is torch.sum and viewed.args[1:] == ([0], True) and len(shape) == 1:
            # Summed over rows, and the axis that was kept taken away.
            return self.graph.call_function(torch.sum, (viewed.args[0], [0]))
        return self.graph.call_method("view", (viewed, shape))

    def recording(self, *results: Tensor | None) -> Callable[[Tensor], tuple[Tensor, ...]] | None:
        """A function of a batch that repeats what was run, up to the loss and the gradients; None if that cannot be."""
        nodes = [self.nodes[id(result)] for result in results if id(result) in self.nodes]
        if not self.complete or len(nodes) < len(results):
            return None
        loss, *gradients = nodes
        for node, place in zip(gradients, self.places, strict=True):
            if place is not None and node.target in (torch.mm, torch.sum):
                node.kwargs = {**node.kwargs, "out": place}
        self.graph.output((loss, *gradients))
        self.graph.eliminate_dead_code()
        code = self.graph.python_code("self")
        namespace = dict(code.globals)
        # Not a GraphModule, whose source torch keeps for ever.
        exec(code.src, namespace)
        function, fixed = namespace["forward"], list(self.fixed.values())
        return partial(repeated, function, fixed)

    def _node(self, value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        self.complete &= id(value) in self.nodes
        return self.nodes.get(id(value))

    def _is(self, tensor: Tensor, node: fx.Node) -> None:
        self.nodes[id(tensor)] = node
        self.kept.append(tensor)

    def _is_fixed(self, tensor: Tensor) -> None:
        self._is(tensor, self._fixed(tensor))

    def _fixed(self, tensor: Tensor) -> fx.Node:
        """A tensor that is handed to every repetition."""
        node = self.graph.placeholder(f"fixed_{len(self.fixed)}")
        self.fixed[node] = tensor
        return node

    def _are(self, result: Any, node: fx.Node) -> None:
        if isinstance(result, Tensor):
            self._is(result, node)
        elif isinstance(result, (tuple, list)):
            for place, part in enumerate(result):
                if isinstance(part, Tensor):
                    self._is(part, self.graph.call_function(operator.getitem, (node, place)))
        else:
            # A number has left torch, and later operations may depend on it.
            self.complete = False


def repeated(function: Callable[..., Any], fixed: Sequence[Tensor], batch: Tensor) -> tuple[Tensor, ...]:
    """What a recorded function gives for a batch."""
    return function(None, batch, *fixed)
