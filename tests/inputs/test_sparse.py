"""Sparse rows give the results of dense rows."""

from pydoc_data.topics import topics

import numpy as np
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from skae import AutoencoderTransformer

PARAGRAPHS = [part for topic in topics.values() for part in topic.split("\n\n") if len(part) > 200]
QUICK = {"max_epochs": 2, "random_state": 0}


def test_duplicate_sparse_entries_are_summed():
    random = np.random.RandomState(0)
    twice = sparse.csr_matrix((np.ones(120), random.randint(0, 10, 120), np.arange(0, 121, 3)), shape=(40, 10))
    entries = twice.nnz
    fits = [AutoencoderTransformer(2, scaling="columns", **QUICK).fit(rows) for rows in (twice, twice.toarray())]
    np.testing.assert_allclose(*(fitted._result.layout.scaling.scale for fitted in fits))
    assert twice.nnz == entries


def test_sparse_rows_without_variance_score_one():
    for rows in (sparse.csr_matrix((20, 5)), sparse.csr_matrix(np.ones((20, 5)))):
        assert AutoencoderTransformer(2, **QUICK).fit(rows).score(rows) == 1.0


def test_sparse_and_dense_rows_give_the_same_results():
    X = sparse.random_array((120, 30), density=0.2, rng=np.random.default_rng(0), format="csr")
    by_sparse = AutoencoderTransformer(3, scaling="global", **QUICK).fit(X)
    by_dense = AutoencoderTransformer(3, scaling="global", **QUICK).fit(X.toarray())
    np.testing.assert_allclose(by_sparse.mean_, by_dense.mean_, atol=1e-12)
    shared = by_dense.transform(X.toarray())
    np.testing.assert_allclose(by_dense.transform(X), shared, atol=1e-5)
    np.testing.assert_allclose(by_sparse.score(X), by_dense.score(X.toarray()), atol=0.02)
    assert isinstance(by_sparse.inverse_transform(shared), np.ndarray)


def test_documents_are_explained_at_least_as_well_as_by_truncated_svd():
    documents = TfidfVectorizer().fit_transform(PARAGRAPHS[:400])
    train, test = train_test_split(documents, test_size=0.25, random_state=0)
    autoencoder = AutoencoderTransformer(10, max_epochs=4, random_state=0).fit(train)
    mean = train.toarray().mean(0)
    svd = TruncatedSVD(10, random_state=0).fit(train)
    error = ((test.toarray() - svd.inverse_transform(svd.transform(test))) ** 2).sum()
    assert autoencoder.score(test) >= 1 - error / ((test.toarray() - mean) ** 2).sum() - 0.002


def test_sparse_rows_of_a_vectorizer_fit_in_a_pipeline():
    pipeline = make_pipeline(TfidfVectorizer(max_features=200), AutoencoderTransformer(4, **QUICK))
    assert pipeline.fit_transform(PARAGRAPHS[:60]).shape == (60, 4)
