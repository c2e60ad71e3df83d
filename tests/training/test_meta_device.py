"""Training steps and inference on the meta device, where an operation on tensors of two devices raises an error.

A GPU is not needed: a tensor that stays on the CPU while the network is elsewhere is found on every machine.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from skae import AutoencoderTransformer, Convolutional, Custom, Dense, Sequence
from skae._estimator.settings import train_spec
from skae._inputs.layout_inference import infer_layout
from skae.data import Target
from skae.objectives import Objective
from skae.training.build import build
from skae.variants import (
    VARIANTS,
    Adversarial,
    Denoising,
    Hyperspherical,
    Regularized,
    TotalCorrelation,
    Variational,
    Wasserstein,
)

META = torch.device("meta")
RANDOM = np.random.RandomState(0)
TABLE = RANDOM.standard_normal((40, 6)).astype(np.float32)
PICTURES = RANDOM.standard_normal((40, 8, 9)).astype(np.float32)
CASES = {
    "dense": (TABLE, {"architecture": Dense((8,), dropout=0.1, normalization="batch")}),
    "no linear path": (TABLE, {"architecture": Dense((8,), linear_path=False)}),
    "whitened": (TABLE, {"architecture": Dense((8,)), "whiten": True}),
    "pictures": (PICTURES, {"architecture": Convolutional((4, 8))}),
    "signals": (RANDOM.standard_normal((40, 20, 2)), {"axes": "t c", "architecture": Convolutional((4,))}),
    "tokens": (RANDOM.randint(0, 5, (40, 7)), {"architecture": Sequence()}),
    "custom": (TABLE, {"architecture": Custom(lambda *_: nn.Linear(6, 2), lambda *_: nn.Linear(2, 6))}),
    **{f"loss {loss}": (TABLE, {"architecture": Dense((8,)), "loss": loss}) for loss in ("bce", "mae", "huber")},
    **{name: (TABLE, {"architecture": Dense((8,)), "variant": name}) for name in VARIANTS},
    **{
        f"{variant}": (TABLE, {"architecture": Dense((8,)), "variant": variant})
        for variant in (
            TotalCorrelation(estimate="discriminator"),
            Adversarial(),
            Wasserstein(distance="sliced"),
            Hyperspherical(distance="imq"),
            Regularized(smoothness="gradient"),
            Regularized(smoothness="spectral"),
            Variational(free_bits=0.2, warm_up=0.5),
            Denoising("swap", variant="nested"),
        )
    },
}


def build_on_meta(X, settings, n_classes=None):
    estimator = AutoencoderTransformer(2, random_state=0, device="cpu", **settings)
    layout = infer_layout(estimator, X)
    spec = train_spec(estimator, layout)
    target = None if n_classes is None else Target(np.arange(n_classes))
    module, _ = build(spec, layout, 2, target)
    objective = Objective(spec.loss, tuple(spec.variant.parts().terms))
    return module.to(META), objective.to(META), torch.empty(12, *layout.network_shape, device=META)


@pytest.mark.parametrize("name", CASES)
class TestMetaDevice:
    def test_training_step_uses_tensors_of_one_device(self, name):
        X, settings = CASES[name]
        n_classes = 3 if settings.get("variant") == "supervised" else None
        module, objective, x = build_on_meta(X, settings, n_classes)
        optimizer = torch.optim.AdamW([*module.parameters(), *objective.parameters()])
        trace = module.train()(x)
        if n_classes:
            trace = replace(trace, y=torch.empty(len(x), dtype=torch.int64, device=META))
        loss = objective.train()(trace)
        loss.backward()
        optimizer.step()
        assert loss.is_meta
        assert loss.ndim == 0
        assert any(parameter.grad is not None for parameter in module.parameters())

    def test_inference_uses_tensors_of_one_device(self, name):
        X, settings = CASES[name]
        module, _, x = build_on_meta(X, settings, 3 if settings.get("variant") == "supervised" else None)
        with torch.inference_mode():
            codes = module.eval().encode(x)
            assert codes.is_meta
            assert codes.shape == (len(x), 2)
            assert module.decode(codes).shape == x.shape


def test_a_tensor_on_another_device_is_found():
    module, _, x = build_on_meta(*CASES["dense"])
    module.latent_scale = torch.ones(2)
    with pytest.raises(RuntimeError, match="device"):
        module.eval().encode(x)
