"""What is subtracted and divided by: right for units of any size, and undone exactly."""

import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler

from skae.data import Scaling


def learned(X, kind="auto", is_table=True, length=7):
    X = torch.from_numpy(X)
    return Scaling.learn((X[i : i + length] for i in range(0, len(X), length)), kind, is_table)


def test_columns_are_standardised_as_scikit_learn_does(tables):
    for X in tables.values():
        scaled = learned(X, "columns").scaled(torch.from_numpy(X))
        np.testing.assert_allclose(scaled.numpy(), StandardScaler().fit_transform(X), atol=1e-5)


def test_auto_standardises_mixed_units_only(tables, digits):
    assert learned(tables["wine"]).scale.ndim == 1
    assert learned(tables["breast cancer"]).scale.ndim == 1
    assert learned(tables["diabetes"]).scale.ndim == 0
    assert learned(digits).scale.ndim == 0
    assert learned(tables["wine"], is_table=False).scale.ndim == 0


def test_global_scaling_leaves_mean_zero_and_variance_one_on_average(digits):
    scaled = learned(digits, "global").scaled(torch.from_numpy(digits)).numpy()
    np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.var(0).mean(), 1, rtol=1e-5)


def test_none_subtracts_the_mean_only(digits):
    scaled = learned(digits, None).scaled(torch.from_numpy(digits)).numpy()
    np.testing.assert_allclose(scaled, digits - digits.mean(0), atol=1e-5)


def test_timestamps_keep_their_spread():
    X = 1.23e6 + 1e-3 * np.random.RandomState(0).standard_normal((500, 3))
    scaling = learned(X)
    scaled = scaling.scaled(torch.from_numpy(X))
    np.testing.assert_allclose(scaled.numpy().std(0), 1, rtol=0.1)
    np.testing.assert_allclose(scaling.restored(scaled, np.float64), X, rtol=0, atol=1e-8)


@pytest.mark.parametrize("value", [0.0, 7.0, 0.1, 1e9 / 3])
def test_constant_columns_come_back_as_they_are(value):
    X = np.random.RandomState(0).standard_normal((100, 3))
    X[:, 1] = value
    for kind in ("columns", "global"):
        scaling = learned(X, kind)
        scaled = scaling.scaled(torch.from_numpy(X))
        assert np.abs(scaled.numpy()[:, 1]).max() < 1e-6
        np.testing.assert_allclose(scaling.restored(scaled, np.float64)[:, 1], value, rtol=1e-12)


def test_slices_of_any_length_learn_the_same():
    X = np.random.RandomState(0).standard_normal((100, 4)) * [1, 10, 100, 1e6] + 1e5
    whole = learned(X, "columns", length=100)
    for length in (1, 7, 33):
        part = learned(X, "columns", length=length)
        torch.testing.assert_close(part.mean, whole.mean, rtol=1e-12, atol=0)
        torch.testing.assert_close(part.scale, whole.scale, rtol=1e-10, atol=0)


def test_uint8_is_scaled_as_float64_is():
    X = np.random.RandomState(0).randint(0, 256, (50, 6)).astype(np.uint8)
    for kind in ("columns", "global", None):
        scaling = learned(X, kind)
        torch.testing.assert_close(
            scaling.scaled(torch.from_numpy(X)),
            scaling.scaled(torch.from_numpy(X.astype(np.float64))),
            rtol=1e-5,
            atol=1e-5,
        )


def test_unit_interval_takes_the_ends_to_zero_and_one():
    X = np.random.RandomState(0).uniform(-3, 8, (50, 4))
    for kind in ("columns", "global"):
        scaling = learned(X, kind)
        gain, offset = scaling.unit_interval()
        shares = scaling.scaled(torch.from_numpy(X)) * gain + offset
        np.testing.assert_allclose([shares.min(), shares.max()], [0, 1], atol=1e-6)
