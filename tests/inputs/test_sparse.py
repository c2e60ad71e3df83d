"""Sparse rows give the results of dense rows."""

import numpy as np
from scipy import sparse

from skae import AutoencoderTransformer

QUICK = {"max_epochs": 2, "random_state": 0}


def test_entries_given_twice_are_summed():
    random = np.random.RandomState(0)
    twice = sparse.csr_matrix((np.ones(120), random.randint(0, 10, 120), np.arange(0, 121, 3)), shape=(40, 10))
    entries = twice.nnz
    fits = [AutoencoderTransformer(2, scaling="columns", **QUICK).fit(rows) for rows in (twice, twice.toarray())]
    np.testing.assert_allclose(*(fitted._layout.scaling.scale for fitted in fits))
    assert twice.nnz == entries


def test_sparse_rows_without_variance():
    for rows in (sparse.csr_matrix((20, 5)), sparse.csr_matrix(np.ones((20, 5)))):
        assert AutoencoderTransformer(2, **QUICK).fit(rows).score(rows) == 1.0
