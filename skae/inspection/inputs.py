"""Inputs of displays: the fitted autoencoder in an estimator, and rows of X."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skae._estimator.transformer import AutoencoderTransformer
from skae._parameters import invalid
from skae.training import snapshot


def find_autoencoder(owner: str, estimator: Any, X: Any = None) -> tuple[AutoencoderTransformer, Any]:
    """A snapshot of the fitted autoencoder in a search or a pipeline, and X transformed by the steps before it.

    Raises InvalidParameterError if the estimator contains no autoencoder.
    """
    best = getattr(estimator, "best_estimator_", estimator)
    steps = [step for _, step in best.steps] if isinstance(best, Pipeline) else [best]
    for index, step in enumerate(steps):
        if isinstance(step, AutoencoderTransformer):
            check_is_fitted(step)
            return snapshot(step), X if X is None or index == 0 else best[:index].transform(X)
    expected = "a fitted AutoencoderTransformer, a Pipeline with one, or a fitted search over these"
    raise invalid(owner, "estimator", expected, estimator)


def take_rows(X: Any, indices: Any) -> Any:
    """Rows of X at ``indices``: a data frame for a data frame, else a dense array. X needs to support slicing only."""
    if hasattr(X, "columns"):
        return X.iloc[indices] if hasattr(X, "iloc") else X[indices.tolist()]
    if sparse.issparse(X):
        return sparse.csr_array(X)[np.asarray(indices)].toarray()
    if not hasattr(X, "shape"):
        X = np.asarray(X)
    return np.concatenate([to_numpy(X[index : index + 1]) for index in indices])


def to_numpy(X: Any) -> np.ndarray:
    """Convert an array, a data frame or a tensor on any device to a numpy array."""
    return np.asarray(X.detach().cpu() if hasattr(X, "detach") else X)
