"""Distances of rows from the training rows of an autoencoder, from their positions and reconstruction errors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors

from skae._estimator.transformer import AutoencoderTransformer
from skae._inner import fit_inner
from skae.data import TableColumns, TableLayout, inference_length
from skae.training import reconstruct_features

DISTANCES = ("neighbors", "mahalanobis", "error")
N_NEIGHBORS, MAX_NEIGHBORS = 5, 100
# Largest number of columns whose errors are decorrelated.
MAX_WHITENED_FEATURES = 1024
# Smallest error of a column, relative to the error of all columns. It limits the weight of nearly constant columns.
MIN_DEVIATION = 0.5
# The same for the deviation of a column, in the scaling of the autoencoder.
MIN_COLUMN_DEVIATION = 0.25
TINY = 1e-12


@dataclass(frozen=True)
class ErrorSums:
    """Sums over the rows of errors (n, n_features), 0 for missing values; their size does not depend on n."""

    count: Any  # number of rows, or number of values of each column (n_features,) if some are missing
    squares: np.ndarray
    # Sums of the products of all pairs of columns, and of their squares. None above MAX_WHITENED_FEATURES columns.
    products: np.ndarray | None
    square_products: np.ndarray | None

    @classmethod
    def of(cls, errors: np.ndarray, is_missing: np.ndarray | None = None) -> ErrorSums:
        squares = np.square(errors)
        count = len(errors) if is_missing is None or not is_missing.any() else (~is_missing).sum(0)
        if errors.shape[1] > MAX_WHITENED_FEATURES:
            return cls(count, squares.sum(0), None, None)
        return cls(count, squares.sum(0), errors.T @ errors, squares.T @ squares)

    def __add__(self, other: ErrorSums) -> ErrorSums:
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        sums: list[Any] = [None if a is None else a + b for a, b in pairs]
        return ErrorSums(*sums)

    @property
    def counts(self) -> np.ndarray:
        """Number of values of each column, at least 1."""
        return np.maximum(self.count, 1)

    def shrunk_covariance(self, deviation: np.ndarray) -> np.ndarray:
        """Covariance (Ledoit and Wolf, 2004) of errors divided by ``deviation``, with an assumed mean of 0."""
        p = len(deviation)
        # Covariances of columns with missing values are biased towards 0, which errs on the safe side.
        n = float(np.mean(self.counts))
        variances = np.outer(deviation, deviation) * np.sqrt(np.outer(self.counts, self.counts) / n**2)
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

    The whitening is learned from ``errors``. Neighbors are searched in ``rows``, which are needed only for "neighbors".
    """

    def __init__(self, member: AutoencoderTransformer, errors: ErrorSums, rows: np.ndarray | None):
        self.member = member
        self.whitening = whitening(errors, is_table=not member._result.layout.axes)
        if rows is None:
            return
        positions, errors_of_rows = positions_and_errors(member, rows)
        if member._result.layout.axes:
            spread = np.sqrt(np.square(positions - positions.mean(0)).sum(1).mean())
            self.spread = spread if spread > 0 else 1.0
        else:
            self.columns = column_deviations(positions, getattr(member._result.layout, "columns", None))
        joined = self._join(positions, errors_of_rows, missing_factor(rows))
        self.neighbors = index_neighbors(joined, positions.shape[1])

    def measure(self, X: np.ndarray, kind: str) -> np.ndarray:
        """Compute distances (n,) of a kind in DISTANCES."""
        positions, errors = positions_and_errors(self.member, X)
        if kind == "neighbors":
            distances = self.neighbors.kneighbors(self._join(positions, errors, missing_factor(X)))[0]
            return np.hypot(distances, self._distance_of_unknown(X)).mean(1)
        errors = errors * missing_factor(X)
        return np.square(errors).mean(1) if kind == "error" else np.linalg.norm(self._whiten(errors), axis=1)

    def _distance_of_unknown(self, X: np.ndarray) -> Any:
        """The distance (n, 1) of rows from all training rows in the features of their unknown categories; 0 without."""
        layout, unknown = self.member._result.layout, unknown_categories(self.member, X)
        if not isinstance(layout, TableLayout) or unknown is None:
            return 0.0
        deviations = self.columns[layout.columns.starts]
        return np.linalg.norm(unknown / deviations, axis=1, keepdims=True) / np.sqrt(len(deviations))

    def _join(self, positions: np.ndarray, errors: np.ndarray, factor: Any = 1) -> np.ndarray:
        """Join positions and whitened errors to vectors, each scaled to a typical length of 1.

        ``factor`` is that of ``missing_factor``.
        """
        root = np.sqrt(errors.shape[1])
        positions = positions / self.columns / root if hasattr(self, "columns") else positions / self.spread
        return np.hstack([positions, self._whiten(errors * factor) / root])

    def _whiten(self, errors: np.ndarray) -> np.ndarray:
        return errors @ self.whitening if self.whitening.ndim == 2 else errors * self.whitening


def index_neighbors(rows: np.ndarray, n_positions: int) -> NearestNeighbors:
    """Index joined rows for a search of N_NEIGHBORS neighbors, or more if there are copies of rows.

    The first ``n_positions`` columns are positions.

    Frequent and rare rows alike would be at distance 0 of N_NEIGHBORS copies.
    """
    # Errors of copies differ by rounding.
    positions = rows[:, :n_positions]
    n_copies = math.ceil(N_NEIGHBORS * len(rows) / len(np.unique(positions, axis=0)))
    n_neighbors = min(n_copies, MAX_NEIGHBORS, max(N_NEIGHBORS, len(rows) // 2), len(rows))
    return fit_inner(NearestNeighbors(n_neighbors=n_neighbors), rows)


def positions_and_errors(member: AutoencoderTransformer, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute positions (n, n_features) and errors (n, n_errors), in the scaling of the member.

    Positions are the scaled columns of a table, or the reconstructions of pictures and signals. A column of categories
    has one error, the norm of the errors of its features; an unknown category has a feature of its own, which is
    reconstructed as 0. Missing values are their reconstructions, without an error.
    """
    layout = member._result.layout
    samples, reconstructions = raw_features(member, X)
    samples = np.where(np.isnan(samples), reconstructions, samples)
    mean, scale = (values.cpu().numpy().ravel() for values in (layout.scaling.mean, layout.scaling.scale))
    scaled, errors = (reconstructions - mean) / scale, (samples - reconstructions) / scale
    positions = scaled if layout.axes else scaled + errors
    if isinstance(layout, TableLayout):
        errors = layout.columns.column_norms(errors, unknown_categories(member, X))
    return positions, errors


def unknown_categories(member: AutoencoderTransformer, X: np.ndarray) -> np.ndarray | None:
    """The features of unknown categories of checked rows (n, n_columns), in the scaling of the member; None without."""
    layout = member._result.layout
    if not isinstance(layout, TableLayout):
        return None
    is_unknown = layout.columns.is_unknown(X)
    scale = np.broadcast_to(layout.scaling.scale.cpu().numpy(), (layout.n_features,))[layout.columns.starts]
    return is_unknown / scale if is_unknown.any() else None


def raw_features(member: AutoencoderTransformer, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features of checked rows and of their reconstructions, (n, n_features) each, in the units of X."""
    layout = member._result.layout
    if isinstance(layout, TableLayout):
        return layout.columns.expand(torch.from_numpy(X)).numpy(), reconstruct_features(member._result, X)
    return X.reshape(len(X), -1), np.asarray(member.reconstruct(X), dtype=np.float64).reshape(len(X), -1)


def missing_factor(X: np.ndarray) -> Any:
    """The factor (n, 1) of errors without those of missing values to errors of complete rows; 1 if none is missing."""
    is_missing = np.isnan(X).reshape(len(X), -1)
    if not is_missing.any():
        return 1
    n_features = is_missing.shape[1]
    return np.sqrt(n_features / np.maximum(n_features - is_missing.sum(1, keepdims=True), 1))


def batch_slices(X: Any) -> Iterator[slice]:
    """Make slices of samples that are reconstructed together."""
    length = inference_length(max(1, int(np.prod(X.shape[1:]))))
    return (slice(start, start + length) for start in range(0, len(X), length))


def root_mean_square(errors: ErrorSums) -> np.ndarray:
    """Compute the root mean square of each column, limited by MIN_DEVIATION; 1 if all errors are 0."""
    return limit_below(np.sqrt(errors.squares / errors.counts), MIN_DEVIATION)


def column_deviations(rows: np.ndarray, table: TableColumns | None = None) -> np.ndarray:
    """Compute the standard deviation of the column of each feature, limited by MIN_COLUMN_DEVIATION; 1 if all are 0.

    That of a column of categories is the square root of the total variance of its features.
    """
    deviations = rows.std(0)
    if table is None:
        return limit_below(deviations, MIN_COLUMN_DEVIATION)
    return limit_below(table.column_norms(deviations[None])[0], MIN_COLUMN_DEVIATION)[table.sources]


def limit_below(columns: np.ndarray, share: float) -> np.ndarray:
    """Limit values of columns (n_features,) to at least ``share`` of their root mean square; 1 if all are 0."""
    overall = np.sqrt(np.square(columns).mean())
    return np.maximum(columns, share * overall) if overall > 0 else np.ones_like(columns)


def whitening(errors: ErrorSums, is_table: bool) -> np.ndarray:
    """Compute the factor of errors: a matrix for tables, a vector for wide tables, one number for pictures."""
    overall = np.sqrt(np.mean(errors.squares / errors.counts))
    # Dividing each pixel by its own deviation would give a large weight to pixels that hardly vary, such as edges.
    if overall == 0 or not is_table:
        return np.array(1 / overall if overall > 0 else 1.0)
    deviation = root_mean_square(errors)
    if errors.products is None:
        return 1 / deviation
    values, vectors = np.linalg.eigh(errors.shrunk_covariance(deviation))
    return vectors / np.sqrt(np.maximum(values, TINY * values[-1])) / deviation[:, None]
