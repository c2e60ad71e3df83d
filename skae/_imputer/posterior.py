"""Draws of missing values: the residuals of a row are drawn jointly, given its known values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from skae.data import SampleLayout, TableLayout


def draw_missing(
    estimates: np.ndarray,
    is_missing: np.ndarray,
    precision: np.ndarray | None,
    deviation: np.ndarray,
    layout: SampleLayout,
    random: np.random.RandomState,
) -> np.ndarray:
    """Values drawn around the ``estimates`` (n, n_features) in s(X), float64, where ``is_missing``.

    Residuals have the conditional covariance of a normal distribution given the known values of the row, from its
    ``precision`` (n_features, n_features), times ``deviation`` (n_features,) per feature. Categories and booleans are
    drawn first, one column after the other, each given those before it. Without a ``precision``, features are
    independent.
    """
    drawn, blocks = estimates.copy(), discrete_blocks(layout)
    scaling = layout.scaling
    mean, scale = (np.broadcast_to(a.cpu().double().numpy(), deviation.shape) for a in (scaling.mean, scaling.scale))
    for rows, gaps in patterns(is_missing):
        rest = gaps
        for block in blocks:
            if block[0] not in rest:
                continue
            rest = np.setdiff1d(rest, block)
            expected = drawn[np.ix_(rows, block)]
            values = (draw_block(expected * scale[block] + mean[block], random) - mean[block]) / scale[block]
            if precision is not None:
                # The regression of the other missing features on the block, given the known ones.
                slopes = np.linalg.solve(precision[np.ix_(rest, rest)], -precision[np.ix_(rest, block)])
                drawn[np.ix_(rows, rest)] += (values - expected) @ slopes.T
            drawn[np.ix_(rows, block)] = values
        residuals = random.standard_normal((len(rest), len(rows)))
        if precision is not None and len(rest):
            # Their covariance is the inverse of the block of the precision matrix.
            residuals = solve_triangular(cholesky(precision[np.ix_(rest, rest)]), residuals)
        drawn[np.ix_(rows, rest)] += deviation[rest] * residuals.T
    return drawn


def conditional_variances(is_missing: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """Variances (n, n_features) of missing features given the known ones, under a normal distribution; 0 if known."""
    variances = np.zeros(is_missing.shape)
    for rows, gaps in patterns(is_missing):
        variances[np.ix_(rows, gaps)] = np.linalg.inv(precision[np.ix_(gaps, gaps)]).diagonal()
    return variances


def patterns(is_missing: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The rows with the same missing features, and these features, for each such pattern with at least one feature."""
    packed = np.packbits(is_missing, axis=1)
    groups = np.unique(packed, axis=0, return_inverse=True)[1].reshape(-1)
    for rows in np.split(np.argsort(groups, kind="stable"), np.cumsum(np.bincount(groups))[:-1]):
        gaps = np.flatnonzero(is_missing[rows[0]])
        if len(gaps):
            yield rows, gaps


def discrete_blocks(layout: SampleLayout) -> Sequence[np.ndarray]:
    """The features of each column of categories or booleans."""
    if not isinstance(layout, TableLayout):
        return []
    columns = layout.columns
    chosen = np.flatnonzero(~columns.is_number | np.array(columns.is_boolean))
    return [np.flatnonzero(columns.sources == column) for column in chosen]


def draw_block(probabilities: np.ndarray, random: np.random.RandomState) -> np.ndarray:
    """One-hot rows (n, size) drawn by their ``probabilities``, which are clipped at 0; 0 or 1 for a single feature.

    A row without a positive probability gets the category of the largest value.
    """
    uniform = random.uniform(size=(len(probabilities), 1))
    if probabilities.shape[1] == 1:
        return (uniform < probabilities).astype(np.float64)
    cumulative = np.maximum(probabilities, 0).cumsum(1)
    drawn = (cumulative <= uniform * cumulative[:, -1:]).sum(1)
    drawn = np.where(cumulative[:, -1] > 0, np.minimum(drawn, probabilities.shape[1] - 1), probabilities.argmax(1))
    return np.eye(probabilities.shape[1])[drawn]
