"""Constructor parameters and settings of the skorch net."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from skae import AutoencoderNovelty, AutoencoderTransformer, Dense
from skae.variants import Denoising

QUICK = {"max_epochs": 2, "random_state": 0}
X = np.random.RandomState(0).standard_normal((80, 6)) @ np.random.RandomState(1).standard_normal((6, 6))


def test_fractions_are_accepted_and_ints_beyond_float_are_refused():
    autoencoder = AutoencoderTransformer(2, net_params={"optimizer__weight_decay": Fraction(1, 4)}, **QUICK).fit(X)
    assert autoencoder.net_.optimizer_.param_groups[-1]["weight_decay"] == 0.25
    for name in ("lr", "tol"):
        with pytest.raises(ValueError, match=name):
            AutoencoderTransformer(2, **{name: 10**400}).fit(X)


@pytest.mark.parametrize("name", ["criterion__loss", "optimizer__lr", "iterator_train__shuffle"])
def test_net_params_that_duplicate_parameters_are_refused(name):
    with pytest.raises(ValueError, match=name):
        AutoencoderTransformer(2, net_params={name: 1}).fit(X)


def test_optimizer_settings_that_exclude_fused_updates():
    AutoencoderTransformer(2, net_params={"optimizer__foreach": True}, **QUICK).fit(X)
    for more in ({"optimizer__foreach": True, "optimizer__fused": True}, {"optimizer__differentiable": True}):
        with pytest.raises(ValueError, match=r"net_params=.*does not fit the net.*fused"):
            AutoencoderTransformer(2, net_params=more, **QUICK).fit(X)


def test_arrays_are_refused_as_parameters():
    with pytest.raises(ValueError, match="batch_size"):
        AutoencoderTransformer(2, batch_size=np.array([1, 2])).fit(X)


def test_cpu_device_with_an_index_works():
    AutoencoderTransformer(2, device=torch.device("cpu", 0), **QUICK).fit(X)


class TestSettingsOfNames:
    """set_params cannot set parameters of a variant or architecture given by name; the error says what to pass."""

    @pytest.mark.parametrize(
        ("estimator", "setting", "message"),
        [
            (AutoencoderTransformer(), {"architecture__hidden_sizes": (8,)}, r"Pass an object: .*Dense\(hidden_sizes="),
            (
                AutoencoderTransformer(architecture="conv"),
                {"architecture__channels": (8,)},
                r"Convolutional\(channels=",
            ),
            (AutoencoderTransformer(), {"architecture__channels": (8,)}, r"architecture=Convolutional\(channels="),
            (AutoencoderTransformer(architecture="sequence"), {"architecture__embedding_size": 8}, r"Sequence\("),
            (AutoencoderTransformer(variant="sparse"), {"variant__weight": 2}, r"variant=Sparse\(weight=2\)"),
            (AutoencoderTransformer(), {"variant__beta": 2}, r"Variational\(beta=2\)"),
            (
                AutoencoderTransformer(variant=Denoising()),
                {"variant__variant__beta": 2},
                r"variant=Variational\(beta=2\)",
            ),
            (
                AutoencoderTransformer(architecture=Dense()),
                {"architecture": "dense", "architecture__hidden_sizes": (8,)},
                "architecture='dense' has no parameter",
            ),
            (
                AutoencoderTransformer(),
                {"optimizer__weight_decay": 0.1},
                r"net_params=\{'optimizer__weight_decay': 0.1\}",
            ),
            (AutoencoderTransformer(), {"loss__delta": 2}, "loss='auto' has no parameter 'delta' to set"),
            (AutoencoderNovelty(), {"autoencoder__max_epochs": 5}, r"AutoencoderTransformer\(max_epochs=5\)"),
        ],
        ids=str,
    )
    def test_set_params_into_a_name_says_what_to_pass(self, estimator, setting, message):
        with pytest.raises(ValueError, match=message):
            clone(estimator).set_params(**setting)
        pipeline = make_pipeline(clone(estimator))
        name = pipeline.steps[0][0]
        with pytest.raises(ValueError, match=message):
            pipeline.set_params(**{f"{name}__{key}": value for key, value in setting.items()})

    def test_set_params_into_an_object_works(self):
        estimator = AutoencoderTransformer().set_params(architecture__hidden_sizes=(8,), architecture=Dense())
        assert estimator.architecture.hidden_sizes == (8,)
        assert estimator.set_params(variant=Denoising(), variant__amount=0.5).variant.amount == 0.5
