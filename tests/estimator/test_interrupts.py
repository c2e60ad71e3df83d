"""Ctrl-C during fit: the estimator is as before, or keeps its best weights."""

import copy

import numpy as np
import pytest
from skorch.callbacks import Callback

from skae import AutoencoderTransformer
from skae._training import training_codes

QUICK = {"max_epochs": 2, "random_state": 0}
X = np.random.RandomState(0).standard_normal((80, 6)) @ np.random.RandomState(1).standard_normal((6, 6))


def test_an_interrupt_after_the_last_epoch_keeps_what_was_trained(monkeypatch):
    whole = AutoencoderTransformer(2, **QUICK).fit(X)
    calls = []

    def interrupted(*args):
        calls.append(args)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return training_codes(*args)

    monkeypatch.setattr("skae._estimator.transformer.training_codes", interrupted)
    fitted = AutoencoderTransformer(2, **QUICK)
    with pytest.raises(KeyboardInterrupt):
        fitted.fit(X)
    np.testing.assert_array_equal(fitted.transform(X), whole.transform(X))


class Interrupting(Callback):
    """Stops like Ctrl-C in the held-out pass of an epoch, or at its end."""

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


def test_interrupt_in_the_held_out_pass_of_the_first_epoch_keeps_the_fit_before():
    autoencoder = AutoencoderTransformer(2, **QUICK).fit(X)
    before, history = autoencoder.transform(X), copy.deepcopy(autoencoder.history_)
    interrupted(autoencoder, X, epoch=1, at_end=False)
    np.testing.assert_array_equal(autoencoder.transform(X), before)
    assert autoencoder.history_ == history


def test_interrupt_at_the_end_of_an_epoch_keeps_its_weights(digits):
    autoencoder = interrupted(AutoencoderTransformer(8, random_state=0, max_epochs=2), digits, epoch=2, at_end=True)
    complete = AutoencoderTransformer(8, random_state=0, max_epochs=2).fit(digits)
    np.testing.assert_array_equal(autoencoder.transform(digits), complete.transform(digits))
