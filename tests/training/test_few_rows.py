"""Few rows have the same results as in a large batch."""

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


class PlusLength(torch.nn.Module):
    """A module whose output depends on the number of rows."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x) + len(x)


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
        result.padded_lengths.clear()
        result.net.module_.encoder = PlusLength(result.net.module_.encoder)
        assert padded_length(result, 1) == 16


def test_hooks_see_the_rows_of_the_caller_only(digits):
    autoencoder = fitted(digits[:64])
    module, seen = autoencoder.net_.module_, []
    for part in (module.encoder, module.decoder, module.code_map):
        part.register_forward_hook(lambda part, x, output: seen.append((type(part).__name__, x[0].clone())))
    autoencoder.transform(digits[:1])
    assert [name for name, _ in seen] == ["Sequential", "CodeMap"]
    assert all(len(x.unique(dim=0)) == 1 for _, x in seen)


def test_one_row_needs_the_encoder_only(digits):
    autoencoder = fitted(digits[:64])
    expected = autoencoder.transform(digits[:64])[:1]
    autoencoder.net_.module_.decoder = torch.nn.Identity()
    np.testing.assert_allclose(autoencoder.transform(digits[:1]), expected, rtol=1e-5, atol=1e-4)


def test_layers_may_have_weights_that_are_no_parameters(digits):
    autoencoder = fitted(digits[:64])
    expected = autoencoder.transform(digits[:64])
    for layer in (autoencoder.net_.module_.encoder[0], autoencoder.net_.module_.encoder[1]):
        weight = layer.weight.detach()
        del layer.weight
        layer.register_buffer("weight", weight)
    np.testing.assert_array_equal(autoencoder.transform(digits[:64]), expected)
