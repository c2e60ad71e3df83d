"""Few rows have the same results as in a large batch."""

import dataclasses

import numpy as np
import pytest
import torch

from skae import AutoencoderTransformer, Dense
from skae.training.inference import padded_length

SETTINGS = {"max_epochs": 1, "early_stopping": False, "random_state": 0}
METHODS = ("transform", "reconstruct", "score_samples")


def pictures():
    return np.random.default_rng(0).integers(0, 256, (64, 12, 12)).astype(np.uint8)


def table_with_gaps(digits):
    X = digits[:64].copy()
    X[::3, 5] = np.nan
    return X


def fitted(X, n_components=4, **params):
    return AutoencoderTransformer(n_components, **{**SETTINGS, **params}).fit(X)


CASES = {
    "table": (lambda digits: digits[:64], {"n_components": 8}),
    "PCA kept": (lambda digits: np.random.default_rng(0).standard_normal((64, 6)), {"early_stopping": True}),
    "pictures": (lambda digits: pictures(), {}),
    "gaps": (table_with_gaps, {}),
    "nested": (lambda digits: digits[:64], {"variant": "nested"}),
    "batch normalization": (lambda digits: digits[:64], {"architecture": Dense((32,), normalization="batch")}),
}


@pytest.mark.parametrize("name", CASES)
def test_results_are_those_of_large_batches(name, digits):
    make, params = CASES[name]
    X = make(digits)
    autoencoder = fitted(X, **params)
    assert autoencoder.is_pca_ == (name == "PCA kept")
    Z = autoencoder.transform(X)
    whole = autoencoder.inverse_transform(Z)
    for start, stop in ((0, 1), (1, 2), (2, 5), (5, 9), (9, 14), (14, 29)):
        part = slice(start, stop)
        np.testing.assert_allclose(autoencoder.inverse_transform(Z[part]), whole[part], rtol=1e-5, atol=1e-4)
        for method in METHODS:
            of_part, of_all = getattr(autoencoder, method)(X[part]), getattr(autoencoder, method)(X)
            assert of_part.dtype == of_all.dtype
            np.testing.assert_allclose(of_part, of_all[part], rtol=1e-5, atol=1e-4, err_msg=method)


def test_few_rows_are_padded_as_the_processor_needs(digits):
    result = fitted(digits[:64])._result
    with torch.inference_mode():
        length = padded_length(result, 1)
        assert result.padded_lengths == {torch.get_num_threads(): length}
        assert padded_length(result, 5) == 16
        codes_differ = dataclasses.replace(result, padded_lengths={})
        codes_differ.net.module_.encoder.register_forward_hook(lambda module, x, output: output + len(output))
        assert padded_length(codes_differ, 1) == 16
