"""Error messages say what to pass instead."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from skae import AutoencoderImputer, AutoencoderNovelty, AutoencoderTransformer

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


NAMES = list("abcdef")
FRAMES = {
    "pandas": lambda rows: pd.DataFrame(rows, columns=NAMES),
    "pandas of objects": lambda rows: pd.DataFrame(rows.astype(object), columns=NAMES),
    "mixed pandas": lambda rows: pd.DataFrame(rows, columns=NAMES).assign(kind=["u", "v"] * 40),
    "polars": lambda rows: pl.DataFrame(rows, schema=NAMES),
    "pyarrow": lambda rows: pa.table(dict(zip(NAMES, rows.T, strict=True))),
}
OTHERS = {
    "array": (lambda rows: rows, "column 3, row 7"),
    "sparse": (sparse.csr_array, "column 3, row 7"),
    "list": (lambda rows: rows.tolist(), "column 3, row 7"),
    "signals": (lambda rows: rows.reshape(80, 2, 3), "feature 3, row 7"),
}
PLACES = {name: (make, "column 'd', row 7") for name, make in FRAMES.items()} | OTHERS


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e39])
@pytest.mark.parametrize(("make", "place"), PLACES.values(), ids=PLACES.keys())
def test_values_that_are_too_large_are_located(make, place, value):
    rows = X.copy()
    rows[7, 3] = rows[9, 1] = value
    autoencoder = AutoencoderTransformer(2, axes="c t" if "feature" in place else None, max_epochs=1)
    with pytest.raises(ValueError, match=f"too large for dtype.*The first is in {place}"):
        autoencoder.fit(make(rows))
    with pytest.raises(ValueError, match=f"The first is in {place}"):
        autoencoder.fit(make(X)).transform(make(rows))


def test_values_that_are_too_large_are_located_by_all_estimators_and_in_later_slices(monkeypatch):
    monkeypatch.setattr("skae._inputs.validation.slice_length", lambda n_features: 5)
    rows = X.copy()
    rows[7, 3] = np.inf
    for estimator in (AutoencoderTransformer(2), AutoencoderImputer(), AutoencoderNovelty()):
        with pytest.raises(ValueError, match=r"contains infinity.*The first is in column 3, row 7"):
            estimator.fit(rows)


@pytest.mark.parametrize("kind", ["numbers", "mixed"])
@pytest.mark.parametrize("library", ["pandas", "pyarrow"])
def test_repeated_column_names_are_refused(library, kind):
    columns = [X[:, 0], X[:, 1], X[:, 2] if kind == "numbers" else np.array(["u", "v"] * 40)]
    names = ["a", "b", "a"]
    if library == "pandas":
        table = pd.DataFrame(dict(enumerate(columns))).set_axis(names, axis=1)
    else:
        table = pa.table(list(map(pa.array, columns)), names=names)
    for estimator in (AutoencoderTransformer(2), AutoencoderImputer(), AutoencoderNovelty()):
        with pytest.raises(ValueError, match=r"Expected unique column names of X. Got 'a' 2 times"):
            estimator.fit(table)
