"""bfloat16: used for large networks where the processor has instructions for it; everything kept is float32."""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from skae import AutoencoderTransformer, Convolutional, Custom, Dense, Sequence, load, save
from skae.model import layer_rows
from skae.training import precision
from skae.training.step_replay import step_replay_for
from skae.variants import VARIANTS

SMALL = {"architecture": Dense((64,)), "max_epochs": 8, "early_stopping": False, "device": "cpu", "random_state": 0}
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def with_instructions(monkeypatch):
    """A processor with instructions for bfloat16; torch computes the same on others, slowly."""
    monkeypatch.setattr(precision, "supports_bfloat16", lambda device: device.type == "cpu")


@pytest.fixture
def large(monkeypatch):
    """Small networks count as large."""
    monkeypatch.setattr(precision, "LEAST_MULTIPLICATIONS", 0)
    monkeypatch.setattr(precision, "LEAST_PER_WEIGHT", 0)


def weights(autoencoder):
    return torch.cat([value.flatten() for value in autoencoder.net_.module_.state_dict().values()])


def test_small_networks_train_in_float32(digits):
    fits = [AutoencoderTransformer(4, precision=p, **SMALL).fit(digits[:100]) for p in ("auto", "float32")]
    assert fits[0].net_.precision == "float32"
    assert torch.equal(*map(weights, fits))


@pytest.mark.usefixtures("large")
def test_large_networks_train_in_bfloat16_to_the_same_bits(digits):
    fits = [AutoencoderTransformer(4, precision=p, **SMALL).fit(digits[:200]) for p in ("auto", "auto", "float32")]
    assert [fit.net_.precision for fit in fits] == ["bfloat16", "bfloat16", "float32"]
    assert torch.equal(*map(weights, fits[:2]))
    assert not torch.equal(weights(fits[0]), weights(fits[2]))
    assert fits[0].score(digits[200:400]) == pytest.approx(fits[2].score(digits[200:400]), abs=0.01)


@pytest.mark.usefixtures("large")
def test_processors_without_instructions_train_in_float32(digits, monkeypatch):
    monkeypatch.setattr(precision, "supports_bfloat16", lambda device: False)
    assert AutoencoderTransformer(4, **SMALL).fit(digits[:100]).net_.precision == "float32"
    with pytest.warns(UserWarning, match="no instructions for bfloat16"):
        AutoencoderTransformer(4, precision="bfloat16", **SMALL).fit(digits[:100])


@pytest.mark.usefixtures("large")
def test_custom_modules_train_in_bfloat16_only_on_request(digits):
    custom = Custom(lambda: torch.nn.Linear(64, 4), lambda: torch.nn.Linear(4, 64))
    settings = {**SMALL, "architecture": custom, "max_epochs": 1}
    for value, expected in (("auto", "float32"), ("bfloat16", "bfloat16")):
        fit = AutoencoderTransformer(4, precision=value, **settings).fit(digits[:100])
        assert fit.net_.precision == expected


@pytest.mark.parametrize(
    ("architecture", "shape"),
    [
        (Dense(), (784,)),
        (Convolutional(), (1, 28, 28)),
        (Convolutional((8, 16)), (2, 100)),
        (Convolutional((4,)), (3, 9, 8, 7)),
        (Sequence(), (5, 12)),
    ],
    ids=str,
)
def test_multiplications_are_those_of_the_flop_counter(architecture, shape):
    with torch.device("meta"):
        halves = architecture.build(shape, 3)
        with FlopCounterMode(display=False) as counter:
            halves.decoder(halves.encoder(torch.zeros(2, *shape)))
    # Biases count as weights here, and as additions there.
    counted = precision.multiplications_per_row(layer_rows(halves, None, shape))
    assert counted == pytest.approx(counter.get_total_flops() / 4, rel=0.05)


def test_few_rows_per_weight_do_not_count_as_large():
    layers = AutoencoderTransformer(4, **SMALL).fit(np.random.RandomState(0).standard_normal((20, 64)))._result.layers
    n_rows = -(-precision.LEAST_MULTIPLICATIONS // precision.multiplications_per_row(layers))
    assert precision.is_large_step(layers, n_rows)
    assert not precision.is_large_step(layers, n_rows // 2)
    huge = [layers[0], layers[1]._replace(n_parameters=2**28)]
    assert not precision.is_large_step(huge, 8)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_trains_in_bfloat16(variant, digits):
    X, settings = digits[:100], SMALL | {"max_epochs": 5}
    scores = [
        AutoencoderTransformer(4, variant=variant, precision=p, **settings).fit(X).score(X)
        for p in ("bfloat16", "float32")
    ]
    assert scores[0] == pytest.approx(scores[1], abs=0.02)


def test_all_that_is_kept_is_float32(digits, tmp_path):
    autoencoder = AutoencoderTransformer(4, precision="bfloat16", **SMALL).fit(digits[:200])
    module = autoencoder.net_.module_
    assert {value.dtype for value in module.state_dict().values()} == {torch.float32}
    assert module.training_dtype is torch.float32
    assert autoencoder.transform(digits).dtype == np.float32
    save(autoencoder, tmp_path / "model.skae")
    np.testing.assert_array_equal(load(tmp_path / "model.skae").transform(digits), autoencoder.transform(digits))


def test_samples_that_pca_explains_almost_completely_lose_nothing():
    # With a linear path in bfloat16, the error would be five times that of float32.
    random = np.random.RandomState(0)
    Z = random.standard_normal((1000, 3))
    X = Z @ random.standard_normal((3, 30)) + 0.01 * np.abs(Z) @ random.standard_normal((3, 30))
    settings = {**SMALL, "architecture": Dense(), "max_epochs": 25}
    errors = [
        -AutoencoderTransformer(3, precision=p, **settings).fit(X[:600]).score_samples(X[600:]).mean()
        for p in ("bfloat16", "float32")
    ]
    assert errors[0] <= 1.5 * errors[1]


def test_steps_in_bfloat16_are_not_replayed(digits):
    net = AutoencoderTransformer(4, **SMALL).fit(digits[:100]).net_
    assert step_replay_for(net) is not None
    net.precision = "bfloat16"
    assert step_replay_for(net) is None
