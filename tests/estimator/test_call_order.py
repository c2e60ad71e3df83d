"""Calls in any order: fitted estimators work, and calls that fail change nothing."""

import pickle
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import skae
from skae import AutoencoderTransformer, Dense

X = np.random.RandomState(0).standard_normal((60, 5)).cumsum(1)
VARIANTS = ("plain", "denoising", "variational", "nested", "vector_quantized")


class Calls(RuleBasedStateMachine):
    """Fits, failing fits, passes, reading, saving, copying and new settings, in any order."""

    @initialize(variant=st.sampled_from(VARIANTS))
    def begin(self, variant):
        self.estimator = AutoencoderTransformer(
            2, architecture=Dense((6,)), variant=variant, max_epochs=1, random_state=0
        )
        self.streams = torch.get_rng_state(), np.random.get_state()[1].copy()
        self.codes = None

    @property
    def fitted(self):
        return self.codes is not None

    def remember(self):
        self.codes = self.estimator.transform(X)

    @rule(rows=st.integers(20, 60))
    def fit(self, rows):
        self.estimator.set_params(lr="auto").fit(X[:rows])
        self.remember()

    @rule(setting=st.sampled_from([{"lr": -1.0}, {"n_components": 0}, {"lr": 1e30}, {"variant": "none"}]))
    def failing_fit(self, setting):
        (name,) = setting
        before = self.estimator.get_params()[name]
        with pytest.raises(ValueError, match=r"lr|n_components|non-finite|variant"):
            self.estimator.set_params(**setting).fit(X)
        self.estimator.set_params(**{name: before})

    @rule()
    def failing_data(self):
        for bad in (np.full((9, 5), np.nan), np.zeros((0, 5)), "text"):
            with pytest.raises((ValueError, TypeError)):
                self.estimator.fit(bad)

    @rule()
    def partial_fit(self):
        self.estimator.partial_fit(X)
        self.remember()

    @precondition(lambda self: self.fitted)
    @rule()
    def read(self):
        Z = self.estimator.transform(X)
        np.testing.assert_array_equal(self.estimator.inverse_transform(Z), self.estimator.reconstruct(X))
        assert self.estimator.sample(2, random_state=0).shape == (2, 5)
        assert np.isfinite([self.estimator.score(X), *self.estimator.score_samples(X)]).all()

    @precondition(lambda self: self.fitted)
    @rule()
    def save_and_load(self):
        with tempfile.TemporaryDirectory() as folder:
            skae.save(self.estimator, Path(folder) / "model.skae")
            self.estimator = skae.load(Path(folder) / "model.skae")

    @rule()
    def pickle_and_back(self):
        self.estimator = pickle.loads(pickle.dumps(self.estimator))

    @rule()
    def clone(self):
        self.estimator = clone(self.estimator)
        self.codes = None

    @invariant()
    def state_is_whole(self):
        if not hasattr(self, "estimator"):
            return
        if self.fitted:
            np.testing.assert_array_equal(self.estimator.transform(X), self.codes)
        else:
            with pytest.raises(NotFittedError):
                self.estimator.transform(X)
        assert torch.equal(self.streams[0], torch.get_rng_state())
        assert (self.streams[1] == np.random.get_state()[1]).all()


TestCalls = Calls.TestCase
TestCalls.settings = settings(max_examples=15, stateful_step_count=12, deadline=None, derandomize=True)


class LongCalls(Calls):
    """More and longer sequences of calls."""


TestLongCalls = pytest.mark.soak(LongCalls.TestCase)
TestLongCalls.settings = settings(max_examples=300, stateful_step_count=30, deadline=None)
