"""Step replay: the operations of a training step of a small network are recorded once, and then replayed.

Most of the time of such a step is overhead of modules and autograd. Replay gives the same bits in half to two thirds of
the time (benchmarks/README.md). Private functions of torch for this are used in this module only.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.modules import module as torch_module
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from skae.model import Autoencoder, CodeMap, Deterministic, Identity, LinearPath, NestedDropout
from skae.model.layers import ACTIVATIONS
from skae.objectives import Objective

# False turns step replay off.
ENABLED = True
# Modules without state, which run the same operations for all values. Random numbers are drawn by RANDOM operations.
REPLAYABLE = {
    Autoencoder,
    CodeMap,
    Deterministic,
    Identity,
    LinearPath,
    NestedDropout,
    Objective,
    nn.Flatten,
    nn.LayerNorm,
    nn.Linear,
    nn.ModuleList,
    nn.Sequential,
    nn.Unflatten,
    *ACTIVATIONS.values(),
}
# Attributes of modules, of torch for all modules, and of weights.
HOOKS = tuple(
    f"{of}_{when}_hooks" for of in ("", "_global") for when in ("forward", "forward_pre", "backward", "backward_pre")
)
WEIGHT_HOOKS = ("_backward_hooks", "_post_accumulate_grad_hooks")
# Recording takes as long as about ten steps, so it begins at this step.
FIRST_RECORDED = 10
# With more weights, or larger batches, the overhead is negligible and recordings take much memory.
MAX_WEIGHTS, MAX_BATCH_NUMEL = 2**22, 2**20

aten = torch.ops.aten
SAME = (aten.detach.default, aten.alias.default)
VIEWS = (aten.t.default, aten.view.default)
# In place, on new tensors.
RANDOM = (aten.uniform_.default,)
# Functions of torch for the same operations, which take a microsecond less per call.
FASTER: dict[Any, Callable[..., Any]] = {
    aten.add.Tensor: torch.add,
    aten.addmm.default: torch.addmm,
    aten.cat.default: torch.cat,
    aten.mm.default: torch.mm,
    aten.mul.Tensor: torch.mul,
    aten.native_layer_norm.default: torch.native_layer_norm,
    aten.relu.default: torch.relu,
    aten.sub.Tensor: torch.sub,
    aten.sum.dim_IntList: torch.sum,
    aten.t.default: torch.t,
}


def step_replay_for(net: Any) -> StepReplay | None:
    """The step replay of a net on the CPU in float32; None if its steps may run different operations."""
    if not ENABLED or net.is_custom or net.compiled or torch.is_anomaly_enabled():
        return None
    if torch.device(net.device).type != "cpu" or net.precision != "float32":
        return None
    if not is_replayable(net.module_, net.criterion_):
        return None
    buffers = list(net.module_.buffers())
    return StepReplay(lambda batch: net.criterion_(net.module_(batch)), net.parameters_, buffers, net.noise_)


def is_replayable(module: nn.Module, objective: Objective) -> bool:
    """Whether all training steps on batches of one shape run the same operations, without hooks."""
    parts = [*module.modules(), *objective.modules()]
    return (
        not objective.terms
        and sum(parameter.numel() for parameter in module.parameters()) <= MAX_WEIGHTS
        and all(type(part) in REPLAYABLE and "forward" not in vars(part) for part in parts)
        and all(parameter.requires_grad for parameter in module.parameters())
        and not any(getattr(owner, name) for owner in (torch_module, *parts) for name in HOOKS if hasattr(owner, name))
        and not any(getattr(p, name, None) for p in module.parameters() for name in WEIGHT_HOOKS)
    )


class StepReplay:
    """Computes the loss of a batch and sets gradients, by recordings that were compared with autograd bit by bit."""

    def __init__(
        self,
        compute_loss: Callable[[Tensor], Tensor],
        parameters: Sequence[nn.Parameter],
        buffers: Sequence[Tensor] = (),
        generator: torch.Generator | None = None,
    ):
        self.compute_loss = compute_loss
        self.parameters = parameters
        self.constants = [*parameters, *buffers]
        self.generator = torch.Generator() if generator is None else generator
        self.n_steps: dict[torch.Size, int] = {}
        # For each shape of batches; None if the step cannot be replayed.
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
        """A step by autograd; step FIRST_RECORDED of a shape is recorded, and the next one checks the recording."""
        shape = batch.shape
        self.n_steps[shape] = self.n_steps.get(shape, 0) + 1
        if self.n_steps[shape] == FIRST_RECORDED and batch.numel() <= MAX_BATCH_NUMEL:
            gradients = [parameter.grad for parameter in self.parameters]
            with Recorder(batch, self.constants, gradients, self.generator) as recorder:
                results = self._compute_gradients(batch)
            self.recordings[shape] = recorder.recording(*results)
            return results
        recording = self.recordings.pop(shape, None)
        state = None if recording is None else self.generator.get_state()
        results = self._compute_gradients(batch)
        if recording is not None and state is not None:
            after = self.generator.get_state()
            # The same random numbers again.
            self.generator.set_state(state)
            with torch.no_grad():
                replayed = recording(batch)
            self.generator.set_state(after)
            if all(torch.equal(a, b) for a, b in zip(results, replayed, strict=True)):
                self.recordings[shape] = recording
                self.checked.add(shape)
        return results

    def _compute_gradients(self, batch: Tensor) -> tuple[Any, ...]:
        loss = self.compute_loss(batch)
        return loss.detach(), *torch.autograd.grad(loss, self.parameters, allow_unused=True)


class Recorder(TorchDispatchMode):
    """Records the torch operations inside its context as a function of ``batch``.

    ``constants``, the weights and buffers, may change in place. New gradients are written to the present ``gradients``,
    if the operation supports ``out``. Random numbers are drawn from ``generator``.
    """

    def __init__(
        self,
        batch: Tensor,
        constants: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
        generator: torch.Generator,
    ):
        super().__init__()
        self.graph = fx.Graph()
        self.constants: dict[fx.Node, Any] = {}
        self.transposed: dict[fx.Node, fx.Node] = {}
        # By the id of tensors, which are stored so that no id is used twice.
        self.nodes: dict[int, fx.Node] = {}
        self.tensors: list[Tensor] = []
        self.is_complete = True
        self._set_node(batch, self.graph.placeholder("batch"))
        for constant in constants:
            self._set_node(constant, self._add_constant(constant))
        self.gradients = [None if gradient is None else self._add_constant(gradient) for gradient in gradients]
        self.generator_node = self._add_constant(generator)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        self.is_complete &= not func._schema.is_mutable or func in RANDOM
        args, kwargs = tree_map(self._node, args), tree_map(self._node, kwargs)
        if func in SAME:
            self._set_node(result, args[0])
        elif func is aten.ones_like.default or (func in VIEWS and args[0] in self.constants):
            self._set_node(result, self._add_constant(result))
        elif func is aten.t.default and args[0] in self.transposed:
            self._set_node(result, self.transposed[args[0]])
        else:
            node = self._call(func, args, kwargs)
            if func is aten.t.default:
                self.transposed[node] = args[0]
            self._set_nodes(result, node)
        return result

    def _call(self, func: Any, args: Any, kwargs: Any) -> fx.Node:
        """Add an operation to the graph, as its fastest equivalent."""
        if func is not aten.view.default:
            return self.graph.call_function(FASTER.get(func, func), args, kwargs)
        viewed, shape = args
        if viewed.target is torch.sum and viewed.args[1:] == ([0], True) and len(shape) == 1:
            # A sum over rows with keepdim, whose axis of length 1 is removed.
            return self.graph.call_function(torch.sum, (viewed.args[0], [0]))
        return self.graph.call_method("view", (viewed, shape))

    def recording(self, *results: Tensor | None) -> Callable[[Tensor], tuple[Tensor, ...]] | None:
        """A function of a batch that replays the operations for these results; None if it is impossible."""
        nodes = [self.nodes[id(result)] for result in results if id(result) in self.nodes]
        if not self.is_complete or len(nodes) < len(results):
            return None
        loss, *gradients = nodes
        for node, gradient in zip(gradients, self.gradients, strict=True):
            if gradient is not None and node.target in (torch.mm, torch.sum):
                node.kwargs = {**node.kwargs, "out": gradient}
        self.graph.output((loss, *gradients))
        self.graph.eliminate_dead_code()
        code = self.graph.python_code("self")
        namespace = dict(code.globals)
        # torch caches the source of a GraphModule forever.
        exec(code.src, namespace)
        return partial(replay, namespace["forward"], list(self.constants.values()))

    def _node(self, value: Any) -> Any:
        if isinstance(value, torch.Generator):  # the only one, as another Python object
            return self.generator_node
        if not isinstance(value, Tensor):
            return value
        self.is_complete &= id(value) in self.nodes
        return self.nodes.get(id(value))

    def _set_node(self, tensor: Tensor, node: fx.Node) -> None:
        self.nodes[id(tensor)] = node
        self.tensors.append(tensor)

    def _add_constant(self, value: Any) -> fx.Node:
        """Add an argument of the recording that is the same tensor or generator in every replay."""
        node = self.graph.placeholder(f"constant_{len(self.constants)}")
        self.constants[node] = value
        return node

    def _set_nodes(self, result: Any, node: fx.Node) -> None:
        if isinstance(result, Tensor):
            self._set_node(result, node)
        elif isinstance(result, (tuple, list)):
            for index, part in enumerate(result):
                if isinstance(part, Tensor):
                    self._set_node(part, self.graph.call_function(operator.getitem, (node, index)))
        else:
            # Later operations may depend on a Python number.
            self.is_complete = False


def replay(function: Callable[..., Any], constants: Sequence[Any], batch: Tensor) -> tuple[Tensor, ...]:
    """Results of a recorded function for a batch."""
    return function(None, batch, *constants)
