"""Modes, default dtype and random streams of the caller do not change results."""

from functools import partial

import numpy as np
import pytest
import torch

from skae import AutoencoderTransformer

QUICK = {"max_epochs": 2, "random_state": 0}
X = np.random.RandomState(0).standard_normal((80, 6)) @ np.random.RandomState(1).standard_normal((6, 6))


def test_losses_are_finite_with_float16_as_default_dtype():
    torch.set_default_dtype(torch.float16)
    try:
        AutoencoderTransformer(2, scaling=None, early_stopping=False, **QUICK).fit(X * 1e3)
    finally:
        torch.set_default_dtype(torch.float32)


def test_random_state_none_leaves_the_global_generators_unchanged():
    before = np.random.get_state()[2], torch.get_rng_state()
    first, second = (AutoencoderTransformer(2, max_epochs=2).fit(X).history_[0]["train_loss"] for _ in range(2))
    assert np.random.get_state()[2] == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])
    assert first != second


@pytest.mark.parametrize(
    "context",
    [
        torch.no_grad,
        torch.inference_mode,
        partial(torch.autocast, "cpu", torch.bfloat16),
        partial(torch.device, "meta"),
    ],
    ids=["no_grad", "inference_mode", "autocast", "default device"],
)
def test_torch_context_of_the_caller_does_not_change_results(context):
    expected = AutoencoderTransformer(2, **QUICK).fit(X)
    with context():
        fitted = AutoencoderTransformer(2, **QUICK).fit(X)
        np.testing.assert_array_equal(fitted.transform(X), expected.transform(X))
        np.testing.assert_array_equal(fitted.reconstruct(X), expected.reconstruct(X))
        assert fitted.score(X) == expected.score(X)
        fitted.partial_fit(X)
    np.testing.assert_array_equal(fitted.transform(X), expected.partial_fit(X).transform(X))


def test_codes_are_float32_for_any_default_dtype():
    torch.set_default_dtype(torch.float64)
    try:
        fitted = AutoencoderTransformer(2, **QUICK).fit(X)
        assert fitted.transform(X).dtype == fitted.transform(X[:1]).dtype == np.float32
    finally:
        torch.set_default_dtype(torch.float32)
