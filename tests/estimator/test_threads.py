"""Threads that share estimators."""

import concurrent.futures
import threading

import numpy as np
import pytest
from skorch.callbacks import Callback
from stopped_fits import bits

from skae import AutoencoderTransformer, Dense

X = np.random.RandomState(0).standard_normal((90, 6)) @ np.random.RandomState(1).standard_normal((6, 6))
SMALL = {"architecture": Dense((8,)), "max_epochs": 2, "random_state": 0}


@pytest.mark.bad_input(116)
def test_concurrent_fits_of_one_estimator_are_refused():
    begun, go_on = threading.Event(), threading.Event()

    class Waiting(Callback):
        def on_train_begin(self, net, **kwargs):
            begun.set()
            go_on.wait(10)

    estimator = AutoencoderTransformer(2, **SMALL).set_params(net_params={"callbacks": [Waiting()]})
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        first = pool.submit(estimator.fit, X)
        assert begun.wait(10)
        with pytest.raises(RuntimeError, match="already fitting"):
            estimator.fit(X)
        go_on.set()
        assert first.result() is estimator


def test_concurrent_transforms_and_independent_fits_equal_sequential_ones():
    def fit(seed):
        return AutoencoderTransformer(2, **{**SMALL, "random_state": seed}).fit(X)

    alone = [fit(seed) for seed in range(4)]
    codes = alone[0].transform(X)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        together = list(pool.map(fit, range(4)))
        transformed = list(pool.map(lambda _: alone[0].transform(X), range(8)))
    assert [bits(fitted) for fitted in together] == [bits(fitted) for fitted in alone]
    assert all(np.array_equal(Z, codes) for Z in transformed)
