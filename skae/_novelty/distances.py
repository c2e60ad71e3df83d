"""Distances of rows from the training rows of an autoencoder, computed from reconstructions and their errors.

This module uses only ``reconstruct`` and the learned scaling of an autoencoder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors

from skae._estimator.transformer import AutoencoderTransformer
from skae._inner import fit_inner
from skae.data import inference_length

DISTANCES = ("neighbors", "mahalanobis", "error")
N_NEIGHBORS = 5
# Errors are decorrelated up to this number of columns.
WHITENED_FEATURES = 1024
# Smallest error of a column, as a share of the root mean square error of all columns. It limits the weight of columns
# that are nearly constant.
LEAST_DEVIATION = 0.5
TINY = 1e-12


@dataclass(frozen=True)
class ErrorSums:
    """Sums over errors (n, n_features); their size does not depend on n.

    Attributes
    ----------
    count : int
        n.
    squares : ndarray of shape (n_features,)
        Sums of squares per column.
    products, square_products : ndarray of shape (n_features, n_features), or None
        Sums of the products of all pairs of columns, and of the squares of these products. None if there are more than
        WHITENED_FEATURES columns.
    """

    count: int
    squares: np.ndarray
    products: np.ndarray | None
    square_products: np.ndarray | None

    @classmethod
    def of(cls, errors: np.ndarray) -> ErrorSums:
        """Sum all rows of ``errors``."""
        squares = np.square(errors)
        if errors.shape[1] > WHITENED_FEATURES:
            return cls(len(errors), squares.sum(0), None, None)
        return cls(len(errors), squares.sum(0), errors.T @ errors, squares.T @ squares)

    def __add__(self, other: ErrorSums) -> ErrorSums:
        count, squares = self.count + other.count, self.squares + other.squares
        if self.products is None or self.square_products is None:
            return ErrorSums(count, squares, None, None)
        return ErrorSums(count, squares, self.products + other.products, self.square_products + other.square_products)

    def shrunk_covariance(self, deviation: np.ndarray) -> np.ndarray:
        """Covariance by Ledoit and Wolf (2004) of errors divided by ``deviation``; their mean is taken as 0."""
        n, p = self.count, len(deviation)
        variances = np.outer(deviation, deviation)
        covariance = self.products / variances / n
        if p == 1:
            return covariance
        mean_variance = np.trace(covariance) / p
        squares = np.square(covariance).sum()
        spread = (squares - p * mean_variance**2) / p
        noise = min((np.sum(self.square_products / np.square(variances)) / n - squares) / (n * p), spread)
        shrinkage = noise / spread if noise != 0 else 0.0
        return (1 - shrinkage) * covariance + shrinkage * mean_variance * np.eye(p)


class Distance:
    """Distances of rows from the training rows of one member.

    Parameters
    ----------
    member : AutoencoderTransformer
    errors : ErrorSums
        Errors of the other members on their parts, from which the whitening is learned.
    rows : ndarray of shape (n_rows, \\*sample_shape), or None
        Training rows to search for neighbors. None if ``measure`` is not called with "neighbors".
    """

    def __init__(self, member: AutoencoderTransformer, errors: ErrorSums, rows: np.ndarray | None):
        self.member = member
        self.whitening = whitening(errors, is_table=not member._result.layout.axes)
        if rows is None:
            return
        restored, left = scaled_parts(member, rows)
        spread = np.sqrt(np.square(restored - restored.mean(0)).sum(1).mean())
        self.spread = spread if spread > 0 else 1.0
        neighbors = NearestNeighbors(n_neighbors=min(N_NEIGHBORS, len(rows)))
        self.neighbors = fit_inner(neighbors, self._places(restored, left))

    def measure(self, X: np.ndarray, kind: str) -> np.ndarray:
        """Compute distances (n,) of a kind in DISTANCES."""
        restored, errors = scaled_parts(self.member, X)
        if kind == "neighbors":
            return self.neighbors.kneighbors(self._places(restored, errors))[0].mean(1)
        return np.square(errors).mean(1) if kind == "error" else np.linalg.norm(self._whitened(errors), axis=1)

    def _places(self, restored: np.ndarray, errors: np.ndarray) -> np.ndarray:
        """Concatenate reconstructions and whitened errors, each scaled to a typical length of 1."""
        return np.hstack([restored / self.spread, self._whitened(errors) / np.sqrt(errors.shape[1])])

    def _whitened(self, errors: np.ndarray) -> np.ndarray:
        return errors @ self.whitening if self.whitening.ndim == 2 else errors * self.whitening


def scaled_parts(member: AutoencoderTransformer, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute reconstructions and errors, (n, n_features) each, in the scaling of the member."""
    scaling = member._result.layout.scaling
    mean, scale = (values.cpu().numpy().ravel() for values in (scaling.mean, scaling.scale))
    restored = np.asarray(member.reconstruct(X), dtype=np.float64).reshape(len(X), -1)
    return (restored - mean) / scale, (X.reshape(len(X), -1) - restored) / scale


def slices_of(X: Any) -> Iterator[slice]:
    """Yield slices of samples that are reconstructed together."""
    length = inference_length(max(1, int(np.prod(X.shape[1:]))))
    return (slice(start, start + length) for start in range(0, len(X), length))


def typical(errors: ErrorSums) -> np.ndarray:
    """Root mean square error of each column, at least LEAST_DEVIATION of that of all columns; 1 if all errors are 0."""
    columns = np.sqrt(errors.squares / errors.count)
    size = np.sqrt(np.square(columns).mean())
    return np.maximum(columns, LEAST_DEVIATION * size) if size > 0 else np.ones_like(columns)


def whitening(errors: ErrorSums, is_table: bool) -> np.ndarray:
    """Factor of errors: a whitening matrix for tables, its diagonal for wide tables, one number for pictures.

    Pixels have one unit. Dividing each by its own deviation would give weight to edges, which hardly vary.
    """
    size = np.sqrt(np.mean(errors.squares / errors.count))
    if size == 0 or not is_table:
        return np.array(1 / size if size > 0 else 1.0)
    deviation = typical(errors)
    if errors.products is None:
        return 1 / deviation
    values, vectors = np.linalg.eigh(errors.shrunk_covariance(deviation))
    return vectors / np.sqrt(np.maximum(values, TINY * values[-1])) / deviation[:, None]
