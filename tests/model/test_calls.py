"""Calls of layers without ``nn.Module.__call__``."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from skae.model.calls import call


class Doubled(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


def with_hook(register):
    layer = nn.Linear(4, 3)
    getattr(layer, register)(lambda module, x, *output: torch.full((5, 4 if register.endswith("pre_hook") else 3), 7.0))
    return layer


def with_own_forward():
    layer = nn.Linear(4, 3)
    layer.forward = lambda x: x + 1
    return layer


MODULES = {
    "layers of every type": lambda: nn.Sequential(nn.Linear(4, 3), nn.LayerNorm(3), nn.Sequential(nn.SiLU())),
    "no bias, no weights": lambda: nn.Sequential(
        nn.Linear(4, 3, bias=False), nn.LayerNorm(3, elementwise_affine=False)
    ),
    "other layers": lambda: nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout(0.5)).eval(),
    "a subclass": lambda: nn.Sequential(Doubled(4, 3)),
    "a hook": lambda: nn.Sequential(with_hook("register_forward_hook")),
    "a hook before": lambda: nn.Sequential(with_hook("register_forward_pre_hook")),
    "a method of the object": lambda: nn.Sequential(with_own_forward()),
    "a parametrized weight": lambda: nn.Sequential(parametrizations.weight_norm(nn.Linear(4, 3))),
    "in place": lambda: nn.Sequential(nn.SiLU(inplace=True), nn.Linear(4, 3)),
}


@pytest.mark.parametrize("name", MODULES)
@torch.inference_mode()
def test_outputs_are_those_of_the_module(name):
    module, x = MODULES[name](), torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    expected = module(x.clone())
    assert torch.equal(call(module, x.clone()), expected)
    assert not torch.equal(expected, x[:, :3])


@torch.inference_mode()
def test_hooks_of_all_modules_run():
    seen = []
    handle = nn.modules.module.register_module_forward_hook(lambda module, x, output: seen.append(type(module)))
    try:
        call(nn.Sequential(nn.Linear(4, 3), nn.SiLU()), torch.zeros(5, 4))
    finally:
        handle.remove()
    assert seen == [nn.Linear, nn.SiLU, nn.Sequential]


def test_with_gradients_modules_are_called():
    called = []

    class Recorded(nn.Sequential):
        def forward(self, x):
            called.append(len(x))
            return super().forward(x)

    assert call(Recorded(nn.Linear(4, 3)), torch.zeros(5, 4)).requires_grad
    assert called == [5]
