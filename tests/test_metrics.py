"""Metrics agree with their definitions."""

import numpy as np
import pytest

from skae.metrics import explained_variance

X = np.random.RandomState(0).standard_normal((80, 6)) @ np.random.RandomState(1).standard_normal((6, 6))


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_cumulative_explained_variance_of_numbers_whose_squares_are_out_of_range(unit):
    assert explained_variance(X * unit, X * 0.9 * unit) == pytest.approx(explained_variance(X, X * 0.9))
    assert explained_variance(np.ones((3, 2)), np.ones((3, 2))) == 1.0
