"""Error messages say what to pass instead."""

import numpy as np
import pytest
from scipy import sparse

from skae import AutoencoderTransformer

X = np.random.RandomState(0).standard_normal((80, 6)) @ np.random.RandomState(1).standard_normal((6, 6))


def test_axes_without_sample_shape_raise_for_rows():
    with pytest.raises(ValueError, match="Pass their sizes as sample_shape"):
        AutoencoderTransformer(2, axes="h w").fit(X)


def test_two_pictures_are_too_few_for_batch_normalization():
    with pytest.raises(ValueError, match=r"at least 2 training samples.*Got n_samples=1"):
        AutoencoderTransformer(2, architecture="conv").fit(np.zeros((2, 28, 28)))


@pytest.mark.parametrize(
    ("rows", "error", "match"),
    [
        (sparse.csr_matrix(np.eye(7, dtype=int)), TypeError, r"Tokens cannot be sparse.*toarray\(\)"),
        (np.eye(7, dtype=int) * 10**9, ValueError, r"tokens are ids from 0 up to 131071.*np\.unique"),
    ],
)
def test_sparse_and_large_tokens_raise(rows, error, match):
    with pytest.raises(error, match=match):
        AutoencoderTransformer(2, architecture="sequence").fit(rows)


def test_pictures_of_several_sizes_raise():
    with pytest.raises(ValueError, match=r"sample 0 has shape \(8, 8\), sample 1 has \(9, 9\).*resize"):
        AutoencoderTransformer(2).fit([np.zeros((8, 8)), np.zeros((9, 9))] * 9)


def test_pictures_of_inhomogeneous_shape_raise():
    with pytest.raises(ValueError, match="inhomogeneous shape"):
        AutoencoderTransformer(2).fit([np.zeros((8, 8)), np.zeros((9, 8))])
