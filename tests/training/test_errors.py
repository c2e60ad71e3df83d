"""Errors in training say where they occurred."""

import sys

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch.callbacks import Callback
from torch import nn

from skae import AutoencoderTransformer, Custom, DivergenceError, OutOfMemoryError
from skae.data import Rows
from skae.training import Part

GREEDY = Custom(lambda: Greedy(6, 2), lambda: nn.Linear(2, 6))
QUICK = {"max_epochs": 2, "random_state": 0}
X = np.random.RandomState(0).standard_normal((80, 6)) @ np.random.RandomState(1).standard_normal((6, 6))


class Stubborn(Exception):  # noqa: N818
    """Has no notes."""

    def add_note(self, note):
        raise AttributeError("no notes here")


class Raising(Callback):
    def on_epoch_end(self, net, **kwargs):
        raise Stubborn


def test_errors_that_refuse_notes_keep_their_type():
    with pytest.raises(Stubborn):
        AutoencoderTransformer(2, net_params={"callbacks": [Raising()]}, **QUICK).fit(X)


def test_out_of_memory_before_training_has_the_same_message(monkeypatch):
    def wanting(*args, **kwargs):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory")

    fitted = AutoencoderTransformer(2, **QUICK).fit(X)
    monkeypatch.setattr("skae._estimator.training_data.split_rows", wanting)
    with pytest.raises(OutOfMemoryError, match="device='auto' with batch_size='auto'"):
        fitted.fit(X)
    assert len(fitted.transform(X)) == len(X)


@pytest.mark.parametrize("early_stopping", [True, False])
def test_divergence_in_the_last_update_is_raised(early_stopping):
    autoencoder = AutoencoderTransformer(
        2,
        architecture=Custom(lambda: nn.Linear(6, 2), lambda: nn.Linear(2, 6)),
        early_stopping=early_stopping,
        max_epochs=1,
        batch_size=100,
        lr=1e30,
        optimizer="sgd",
        random_state=0,
    )
    with pytest.raises(DivergenceError, match=r"max \|X\| is \d"):
        autoencoder.fit(X)
    if not early_stopping:
        with pytest.raises(DivergenceError):
            autoencoder.partial_fit(X)


@pytest.mark.bad_input(112)
def test_callback_errors_are_raised_with_epoch_and_batch():
    class Failing(Callback):
        def on_batch_end(self, net, training=False, **kwargs):
            if training and len(net.history) == 2 and net.batch_ == 3:
                raise KeyError("mine")

    autoencoder = AutoencoderTransformer(2, net_params={"callbacks": [Failing()]}, **QUICK)
    with pytest.raises(KeyError, match="mine") as caught:
        autoencoder.fit(X)
    note = "In epoch 2, batch 3, of the training of an autoencoder."
    assert sys.version_info < (3, 11) or caught.value.__notes__ == [note]


@pytest.mark.bad_input(108)
def test_divergence_names_its_batch():
    class Poison(Callback):
        def on_batch_begin(self, net, training=False, **kwargs):
            if training and len(net.history) == 2 and net.batch_ == 3:
                with torch.no_grad():
                    net.parameters_[0].fill_(float("nan"))

    autoencoder = AutoencoderTransformer(2, net_params={"callbacks": [Poison()]}, **QUICK)
    with pytest.raises(DivergenceError, match="in batch 3 of epoch 2"):
        autoencoder.fit(X)


class Greedy(nn.Linear):
    """Runs out of memory on batches of more than 32 rows."""

    def forward(self, x):
        if len(x) > 32:
            torch.empty(2**60, dtype=torch.uint8)
        return super().forward(x)


def test_divergence_names_the_epoch_and_keeps_the_previous_fit():
    autoencoder = AutoencoderTransformer(2, **QUICK).fit(X)
    before = autoencoder.transform(X)
    with pytest.raises(DivergenceError, match=r"epoch \d+ at lr"):
        autoencoder.set_params(lr=1e30, max_epochs=20, optimizer="sgd").fit(X)
    np.testing.assert_array_equal(autoencoder.transform(X), before)


@pytest.mark.bad_input(109, 110)
def test_out_of_memory_names_the_batch_size_and_keeps_the_previous_fit():
    autoencoder = AutoencoderTransformer(2, architecture=GREEDY, early_stopping=False, batch_size=20, **QUICK).fit(X)
    with pytest.warns(UserWarning, match="Out of memory on a batch of 80 rows"):
        before = autoencoder.transform(X)
    with pytest.raises(OutOfMemoryError, match="device='cpu' with batch_size=80") as caught:
        autoencoder.set_params(batch_size=80).fit(X)
    assert isinstance(caught.value, MemoryError)
    np.testing.assert_array_equal(autoencoder.transform(X[:20]), before[:20])
    autoencoder.set_params(batch_size=20).fit(X)


@pytest.mark.bad_input(110)
def test_out_of_memory_in_validation_halves_the_batches():
    whole = AutoencoderTransformer(
        2, architecture=GREEDY, validation_fraction=0.4, batch_size=16, **QUICK
    ).fit(X)  # fmt: skip
    with pytest.warns(UserWarning, match="Out of memory on 40 validation rows: continuing in batches of 20") as caught:
        halved = clone(whole).set_params(validation_fraction=0.5).fit(X)
    assert len([w for w in caught if "validation rows" in str(w.message)]) == 1
    assert halved.net_.longest_ == 20
    by_rows = -halved.score_samples(X[:20])
    assert by_rows.shape == (20,)
    losses = halved.net_.losses_per_row(Part.whole(Rows(X, halved._result.layout, torch.device("cpu"))))
    np.testing.assert_allclose(losses[:20], by_rows, rtol=1e-5)
    assert len(losses) == 80
