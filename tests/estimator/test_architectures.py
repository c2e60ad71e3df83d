"""Architectures: weights, activations, summary."""

import numpy as np
import pytest
from sample_kinds import KINDS, samples

from skae import AutoencoderTransformer, Convolutional, Dense

QUICK = {"max_epochs": 2, "random_state": 0}
X = np.random.RandomState(0).standard_normal((80, 6)) @ np.random.RandomState(1).standard_normal((6, 6))


def test_summary_lists_the_layers_of_encoder_and_decoder(capsys):
    pictures = np.random.RandomState(0).randint(0, 256, (4, 256, 256, 3), dtype=np.uint8)
    autoencoder = AutoencoderTransformer(2, early_stopping=False, max_epochs=1, random_state=0).fit(pictures)
    table = autoencoder.summary()
    assert capsys.readouterr().out.strip() == str(table).strip()
    lines = str(table).splitlines()
    places = [
        next(i for i, line in enumerate(lines) if text in line)
        for text in ("(256, 256, 3)", "(128, 128, 32)", "(64, 64, 64)", "(2,)")
    ]
    assert places == sorted(places)
    after = "\n".join(lines[places[-1] :])
    assert after.index("(64, 64, 64)") < after.index("(128, 128, 32)") < after.index("(256, 256, 3)")
    assert "floor((256 + 2*1 - 3) / 2) + 1 = 128" in table
    assert "(128 - 1)*2 - 2*1 + 3 + 1 = 256" in table
    n_parameters = sum(p.numel() for p in autoencoder.net_.module_.parameters())
    assert f"{n_parameters:,} parameters" in table


def test_summary_of_every_kind_counts_every_parameter(capsys):
    for shape, axes, architecture in KINDS.values():
        autoencoder = AutoencoderTransformer(3, axes=axes, architecture=architecture, max_epochs=1)
        autoencoder.fit(samples(shape))
        n_parameters = sum(p.numel() for p in autoencoder.net_.module_.parameters())
        assert f"{n_parameters:,} parameters" in autoencoder.summary()


@pytest.mark.parametrize("activation", ["silu", "relu", "gelu", "elu", "leaky_relu", "tanh", "sigmoid", "identity"])
def test_every_activation_trains(activation):
    for architecture in (Dense((8,), activation=activation), Convolutional((4,), activation=activation)):
        autoencoder = AutoencoderTransformer(2, architecture=architecture, axes="t", **QUICK)
        assert np.isfinite(autoencoder.fit(X).score(X))
