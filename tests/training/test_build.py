"""Networks as fit builds them."""

import pytest
import torch
from sklearn.datasets import load_iris

from skae import AutoencoderTransformer, Dense
from skae.training.build import build
from skae.variants import VARIANTS, Regularized

X = load_iris().data
SMALL = {"architecture": Dense((4,)), "max_epochs": 2, "random_state": 0}


def test_linear_path_that_is_too_large_is_left_out_with_a_warning(monkeypatch):
    monkeypatch.setattr("skae.training.build.LINEAR_PATH_WEIGHTS", 7)
    with pytest.warns(UserWarning, match="The linear path from PCA is left out.*worse than PCA"):
        AutoencoderTransformer(2, **SMALL).fit(X)
    AutoencoderTransformer(2, **{**SMALL, "architecture": Dense((4,), linear_path=False)}).fit(X)


@pytest.mark.parametrize("linear_path", [True, False])
@pytest.mark.parametrize("variant", [*VARIANTS, Regularized("spectral")], ids=str)
def test_a_network_on_the_meta_device_has_the_arrays_of_the_real_one(variant, linear_path):
    settings = {**SMALL, "architecture": Dense((4,), linear_path=linear_path), "variant": variant, "loss": "bce"}
    result = AutoencoderTransformer(2, **{**settings, "max_epochs": 1}).fit(X)._result
    with torch.device("meta"):
        module, layers = build(result.spec, result.layout, 2)
    real = result.net.module_.state_dict()
    assert {name: (a.shape, a.dtype) for name, a in module.state_dict().items()} == {
        name: (a.shape, a.dtype) for name, a in real.items()
    }
    assert layers == result.layers
    assert all(parameter.is_meta for parameter in module.parameters())
