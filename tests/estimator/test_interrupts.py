"""Ctrl-C during fit: the estimator is as before, or keeps its best weights."""

import contextlib
import copy
import gc
import os
import signal
import threading
import time

import numpy as np
import pytest
from sklearn.decomposition import PCA
from skorch.callbacks import Callback
from stopped_fits import Stopping, bits

from skae import AutoencoderTransformer, Dense
from skae.training.nested_codes import training_codes

ROWS = np.random.RandomState(0).standard_normal((90, 6)) @ np.random.RandomState(1).standard_normal((6, 6))
SMALL = {"architecture": Dense((8,)), "max_epochs": 2, "random_state": 0}
QUICK = {"max_epochs": 2, "random_state": 0}
X = np.random.RandomState(0).standard_normal((80, 6)) @ np.random.RandomState(1).standard_normal((6, 6))


def test_interrupt_after_the_last_epoch_keeps_the_trained_weights(monkeypatch):
    whole = AutoencoderTransformer(2, **QUICK).fit(X)
    calls = []

    def interrupted(*args):
        calls.append(args)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return training_codes(*args)

    monkeypatch.setattr("skae.training.fit.training_codes", interrupted)
    fitted = AutoencoderTransformer(2, **QUICK)
    with pytest.raises(KeyboardInterrupt):
        fitted.fit(X)
    np.testing.assert_array_equal(fitted.transform(X), whole.transform(X))


class Interrupting(Callback):
    """Raises KeyboardInterrupt in the validation pass of an epoch, or at its end."""

    def __init__(self, epoch, at_end):
        self.epoch, self.at_end = epoch, at_end

    def on_batch_begin(self, net, training=True, **kwargs):
        if not self.at_end and not training and len(net.history) == self.epoch:
            raise KeyboardInterrupt

    def on_epoch_end(self, net, **kwargs):
        if self.at_end and len(net.history) == self.epoch:
            raise KeyboardInterrupt


def interrupted(estimator, X, **kwargs):
    estimator.set_params(net_params={"callbacks": [Interrupting(**kwargs)]})
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X)
    return estimator


def test_interrupt_in_the_first_validation_pass_keeps_the_previous_fit():
    autoencoder = AutoencoderTransformer(2, **QUICK).fit(X)
    before, history = autoencoder.transform(X), copy.deepcopy(autoencoder.history_)
    interrupted(autoencoder, X, epoch=1, at_end=False)
    np.testing.assert_array_equal(autoencoder.transform(X), before)
    assert autoencoder.history_ == history


def test_interrupt_at_the_end_of_an_epoch_keeps_its_weights(digits):
    autoencoder = interrupted(AutoencoderTransformer(8, random_state=0, max_epochs=2), digits, epoch=2, at_end=True)
    complete = AutoencoderTransformer(8, random_state=0, max_epochs=2).fit(digits)
    np.testing.assert_array_equal(autoencoder.transform(digits), complete.transform(digits))


def test_interrupt_after_an_epoch_keeps_the_best_weights(digits):
    class Interrupting(Callback):
        def __init__(self, epoch):
            self.epoch = epoch

        def on_batch_begin(self, net, training=False, **kwargs):
            if training and len(net.history) == self.epoch:
                raise KeyboardInterrupt

    autoencoder = AutoencoderTransformer(4, random_state=0, net_params={"callbacks": [Interrupting(4)]})
    with pytest.raises(KeyboardInterrupt):
        autoencoder.fit(digits)
    assert autoencoder.n_iter_ == 3
    assert autoencoder.score(digits) >= PCA(4).fit(digits).explained_variance_ratio_.sum() - 0.002
    unfitted = AutoencoderTransformer(4, random_state=0, net_params={"callbacks": [Interrupting(1)]})
    with pytest.raises(KeyboardInterrupt):
        unfitted.fit(digits)
    assert not hasattr(unfitted, "net_")


def test_on_interrupt_keep_returns_the_best_weights():
    stopping = AutoencoderTransformer(2, on_interrupt="keep", **{**SMALL, "max_epochs": 8})
    stopping.set_params(net_params={"callbacks": [Stopping(3, KeyboardInterrupt())]})
    with pytest.warns(UserWarning, match="interrupted after 3 epochs"):
        stopping.fit(ROWS)
    assert stopping.n_iter_ == 3
    assert stopping.transform(ROWS).shape == (90, 2)


def test_unknown_on_interrupt_is_refused():
    with pytest.raises(ValueError, match=r"'on_interrupt' parameter.*'raise', 'keep'"):
        AutoencoderTransformer(on_interrupt="stop").fit(ROWS)


@pytest.fixture
def no_gc_callbacks():
    """An interrupt during a callback of garbage collection, such as that of hypothesis, would be lost."""
    callbacks = gc.callbacks[:]
    gc.callbacks.clear()
    yield
    gc.callbacks.extend(callbacks)


@pytest.mark.usefixtures("no_gc_callbacks")
@pytest.mark.bad_input(111)
@pytest.mark.parametrize("n_signals", [2, pytest.param(50, marks=pytest.mark.soak)])
def test_interrupt_by_a_signal_at_any_time(n_signals, record_property):
    """The estimator has its previous state or that after some epochs, and the next fit works."""
    first = AutoencoderTransformer(2, **SMALL).fit(ROWS[:50])
    old, longer = bits(first), {**SMALL, "max_epochs": 60}
    began = time.perf_counter()
    whole = AutoencoderTransformer(2, **longer).fit(ROWS)
    seconds, stopped = time.perf_counter() - began, 0
    for number in range(n_signals):
        fitted = copy.deepcopy(first).set_params(**longer)
        timer = threading.Timer(seconds * number / n_signals, os.kill, (os.getpid(), signal.SIGINT))
        with contextlib.suppress(KeyboardInterrupt):
            timer.start()
            fitted.fit(ROWS)
            timer.join()
            time.sleep(0.01)
        timer.join()
        assert np.isfinite(fitted.transform(ROWS)).all()
        if bits(fitted) != old:
            losses = [row["train_loss"] for row in fitted.history_]
            assert losses == [row["train_loss"] for row in whole.history_][: len(losses)]
            assert len(losses) < 60 or bits(fitted) == bits(whole)
            stopped += len(losses) < 60
        assert bits(fitted.set_params(max_epochs=2).fit(ROWS[:50])) == old
    assert stopped >= n_signals // 4
    record_property("times", n_signals)
