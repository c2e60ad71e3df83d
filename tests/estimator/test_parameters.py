"""Constructor parameters and settings of the skorch net."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from skae import AutoencoderTransformer

QUICK = {"max_epochs": 2, "random_state": 0}
X = np.random.RandomState(0).standard_normal((80, 6)) @ np.random.RandomState(1).standard_normal((6, 6))


def test_numbers_of_other_kinds_are_a_decay():
    autoencoder = AutoencoderTransformer(2, net_params={"optimizer__weight_decay": Fraction(1, 4)}, **QUICK).fit(X)
    assert autoencoder.net_.optimizer_.param_groups[-1]["weight_decay"] == 0.25
    for name in ("lr", "tol"):
        with pytest.raises(ValueError, match=name):
            AutoencoderTransformer(2, **{name: 10**400}).fit(X)


@pytest.mark.parametrize("name", ["criterion__loss", "optimizer__lr", "iterator_train__shuffle"])
def test_what_has_a_parameter_of_its_own_is_refused(name):
    with pytest.raises(ValueError, match=name):
        AutoencoderTransformer(2, net_params={name: 1}).fit(X)


def test_settings_that_are_not_fused():
    AutoencoderTransformer(2, net_params={"optimizer__foreach": True}, **QUICK).fit(X)
    for more in ({"optimizer__foreach": True, "optimizer__fused": True}, {"optimizer__differentiable": True}):
        with pytest.raises(ValueError, match=r"net_params=.*does not fit the net.*fused"):
            AutoencoderTransformer(2, net_params=more, **QUICK).fit(X)


def test_arrays_as_parameters():
    with pytest.raises(ValueError, match="batch_size"):
        AutoencoderTransformer(2, batch_size=np.array([1, 2])).fit(X)


def test_cpu_with_its_index():
    AutoencoderTransformer(2, device=torch.device("cpu", 0), **QUICK).fit(X)
