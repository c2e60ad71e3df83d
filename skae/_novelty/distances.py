"""How far rows are from those that an autoencoder was trained on: as it brings them back, and in what it leaves.

What this module knows of an autoencoder is its face: reconstructions and the scaling that ``fit`` learned.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors

from skae._data import inference_length
from skae._estimator.transformer import AutoencoderTransformer
from skae._inner import fit_inner

DISTANCES = ("neighbors", "mahalanobis", "error")
N_NEIGHBORS = 5
# Columns up to which errors lose their correlations.
WHITENED_FEATURES = 1024
# No column's error counts as smaller than this share of the root mean square one, so near-constant ones do not drown
# the others.
LEAST_DEVIATION = 0.5
TINY = 1e-12


@dataclass(frozen=True)
class ErrorSums:
    """What is kept of errors (n, n_features), whatever n.

    Attributes
    ----------
    count : int
        n.
    squares : ndarray of shape (n_features,)
        Sums of the squares of every column.
    products, square_products : ndarray of shape (n_features, n_features), or None
        Sums of the products of all pairs of columns, and of their squares; None beyond WHITENED_FEATURES.
    """

    count: int
    squares: np.ndarray
    products: np.ndarray | None
    square_products: np.ndarray | None

    @classmethod
    def of(cls, errors: np.ndarray) -> ErrorSums:
        """The sums of all rows of ``errors``."""
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
        """The covariance of Ledoit and Wolf (2004) of errors that are divided by ``deviation`` and centered at 0."""
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
    """Distances of rows from those that one member was trained on.

    Parameters
    ----------
    member : AutoencoderTransformer
    errors : ErrorSums
        Of rows that say how errors vary: left out of training, but not those that this member alone judges.
    rows : ndarray of shape (n_rows, \\*sample_shape), or None
        Rows trained on, to look for neighbors among. Without them there is no distance to neighbors.
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
        """Distances (n,) of the kind named in DISTANCES."""
        restored, errors = scaled_parts(self.member, X)
        if kind == "neighbors":
            return self.neighbors.kneighbors(self._places(restored, errors))[0].mean(1)
        return np.square(errors).mean(1) if kind == "error" else np.linalg.norm(self._whitened(errors), axis=1)

    def _places(self, restored: np.ndarray, errors: np.ndarray) -> np.ndarray:
        """Reconstructions and whitened errors side by side, the typical length of each being 1."""
        return np.hstack([restored / self.spread, self._whitened(errors) / np.sqrt(errors.shape[1])])

    def _whitened(self, errors: np.ndarray) -> np.ndarray:
        return errors @ self.whitening if self.whitening.ndim == 2 else errors * self.whitening


def scaled_parts(member: AutoencoderTransformer, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Reconstructions, and what they lack to X: (n, n_features) each, in the member's scaling."""
    scaling = member._result.layout.scaling
    mean, scale = (values.cpu().numpy().ravel() for values in (scaling.mean, scaling.scale))
    restored = np.asarray(member.reconstruct(X), dtype=np.float64).reshape(len(X), -1)
    return (restored - mean) / scale, (X.reshape(len(X), -1) - restored) / scale


def slices_of(X: Any) -> Iterator[slice]:
    """Slices of samples that are reconstructed at once."""
    length = inference_length(max(1, int(np.prod(X.shape[1:]))))
    return (slice(start, start + length) for start in range(0, len(X), length))


def typical(errors: ErrorSums) -> np.ndarray:
    """The root mean square error of every column, none much smaller than that of all; 1 where there are none."""
    columns = np.sqrt(errors.squares / errors.count)
    size = np.sqrt(np.square(columns).mean())
    return np.maximum(columns, LEAST_DEVIATION * size) if size > 0 else np.ones_like(columns)


def whitening(errors: ErrorSums, is_table: bool) -> np.ndarray:
    """What errors are multiplied by: a matrix for tables, of wide ones its diagonal, one number for pictures.

    Numbers of a picture share a unit, and its edges, which hardly vary, say little.
    """
    size = np.sqrt(np.mean(errors.squares / errors.count))
    if size == 0 or not is_table:
        return np.array(1 / size if size > 0 else 1.0)
    deviation = typical(errors)
    if errors.products is None:
        return 1 / deviation
    values, vectors = np.linalg.eigh(errors.shrunk_covariance(deviation))
    return vectors / np.sqrt(np.maximum(values, TINY * values[-1])) / deviation[:, None]
