"""Networks as fit builds them."""

import pytest
from sklearn.datasets import load_iris

from skae import AutoencoderTransformer, Dense

X = load_iris().data
SMALL = {"architecture": Dense((4,)), "max_epochs": 2, "random_state": 0}


def test_linear_path_that_is_too_large_is_left_out_with_a_warning(monkeypatch):
    monkeypatch.setattr("skae._training.build.LINEAR_PATH_WEIGHTS", 7)
    with pytest.warns(UserWarning, match="The linear path from PCA is left out.*worse than PCA"):
        AutoencoderTransformer(2, **SMALL).fit(X)
    AutoencoderTransformer(2, **{**SMALL, "architecture": Dense((4,), linear_path=False)}).fit(X)
