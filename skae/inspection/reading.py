"""The autoencoder within what the caller passes, the rows it gets, and a few of them as numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skae._estimator.transformer import AutoencoderTransformer
from skae._parameters import invalid
from skae._training import snapshot


def autoencoder_and_rows(owner: str, estimator: Any, X: Any = None) -> tuple[AutoencoderTransformer, Any]:
    """The fitted autoencoder in a search or a pipeline, as it is now, and X after the steps before it.

    Raises
    ------
    InvalidParameterError
        If there is no autoencoder.
    NotFittedError
        If it is not fitted.
    """
    found = getattr(estimator, "best_estimator_", estimator)
    if isinstance(found, Pipeline):
        for index, (_, step) in enumerate(found.steps):
            if isinstance(step, AutoencoderTransformer):
                check_is_fitted(step)
                return snapshot(step), X if X is None or index == 0 else found[:index].transform(X)
    if not isinstance(found, AutoencoderTransformer):
        expected = "a fitted AutoencoderTransformer, a Pipeline with one, or a fitted search over these"
        raise invalid(owner, "estimator", expected, estimator)
    check_is_fitted(found)
    return snapshot(found), X


def rows_at(X: Any, indices: Any) -> Any:
    """Some rows of X: a frame of a frame, else a dense array. X need not know more than slicing."""
    if hasattr(X, "columns"):
        return X.iloc[indices] if hasattr(X, "iloc") else X[indices.tolist()]
    if sparse.issparse(X):
        return sparse.csr_array(X)[np.asarray(indices)].toarray()
    if not hasattr(X, "shape"):
        X = np.asarray(X)
    return np.concatenate([as_numbers(X[index : index + 1]) for index in indices])


def as_numbers(X: Any) -> np.ndarray:
    """An array from an array, a frame or a tensor on any device."""
    return np.asarray(X.detach().cpu() if hasattr(X, "detach") else X)
