"""Scores of novelty: distances averaged over the members, and what they owe to each feature."""

from __future__ import annotations

import copy
import hashlib
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from skae._estimator.transformer import AutoencoderTransformer
from skae._inputs.schema import Schema
from skae._inputs.validation import as_array
from skae.data import SelectedRows, TableLayout

from .distances import TINY, Distance, batch_slices, raw_features

OWNER = "AutoencoderNovelty"
# Smaller distances to neighbors count as this one: those of copies of frequent rows are 0. Typical rows have length 1.
LEAST_DISTANCE = 1e-3


@dataclass(frozen=True, eq=False)
class NoveltyResult:
    """The result of a fit."""

    schema: Schema
    sample_shape: tuple[int, ...]
    members: list[AutoencoderTransformer]
    distance: str
    # One per member.
    measures: list[Distance]
    # From the digest of a row of ``fit`` to the number of the member that was not trained on it.
    part_of: dict[bytes, int]
    # Root mean square error of each feature, in the units of X.
    typical_error: np.ndarray
    # Median of the logarithms of the distances of the rows of ``fit``.
    median: float = 0.0
    offset: float = 0.0

    @property
    def is_table(self) -> bool:
        """Whether samples are rows of a table, not pictures or signals."""
        return not self.members[0]._result.layout.axes


def select_all(X: Any) -> SelectedRows:
    """Select all rows of checked X; they are read as float64, with 0.0 instead of -0.0."""
    return SelectedRows(as_array(X) if isinstance(X, torch.Tensor) else X, np.arange(len(X)))


def log_distances(result: NoveltyResult, X: SelectedRows) -> np.ndarray:
    """Compute the logarithms of distances (n,), averaged over members with ``member_weights``."""
    weights, logs = member_weights(result, X), np.zeros(len(X))
    for batch in batch_slices(X):
        logs[batch] = mean_log_distances(result, X[batch], weights[:, batch])
    return logs


def mean_log_distances(result: NoveltyResult, X: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Compute the logarithms of distances (n,) of rows, averaged over members with weights (n_members, n)."""
    logs, least = np.zeros(len(X)), LEAST_DISTANCE if result.distance == "neighbors" else TINY
    for measure, weight in zip(result.measures, weights, strict=True):
        rows = np.flatnonzero(weight)
        if len(rows):
            logs[rows] += weight[rows] * np.log(np.maximum(measure.measure(X[rows], result.distance), least))
    return logs


def member_weights(result: NoveltyResult, X: SelectedRows) -> np.ndarray:
    """Compute weights (n_members, n): equal for new rows, and 1 or 0 for rows of ``fit``."""
    n_members = len(result.members)
    weights = np.full((n_members, len(X)), 1 / n_members)
    for index, digest in enumerate(digest_rows(X)):
        if digest in result.part_of:
            weights[:, index] = 0.0
            weights[result.part_of[digest], index] = 1.0
    return weights


def digest_rows(X: SelectedRows) -> list[bytes]:
    """Compute a digest of each row, which is the same in all processes."""
    return [hashlib.blake2b(row.tobytes(), digest_size=12).digest() for batch in batch_slices(X) for row in X[batch]]


def error_scale(member: AutoencoderTransformer) -> np.ndarray:
    """The factor of the errors of ``positions_and_errors`` (n_errors,) that gives those of ``explain``."""
    layout = member._result.layout
    scale = np.broadcast_to(layout.scaling.scale.cpu().numpy(), (layout.n_features,))
    if not isinstance(layout, TableLayout):
        return scale
    return scale[layout.columns.starts] * np.where(layout.columns.is_number, 1.0, math.sqrt(0.5))


def to_columns(member: AutoencoderTransformer, errors: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Errors of features of rows (n, n_features), in the units of X, as errors of columns (n, n_columns)."""
    layout = member._result.layout
    if not isinstance(layout, TableLayout):
        return errors
    norms = layout.columns.column_norms(errors, layout.columns.is_unknown(rows).astype(np.float64))
    return norms * np.where(layout.columns.is_number, 1.0, math.sqrt(0.5))


def feature_errors(result: NoveltyResult, X: SelectedRows) -> np.ndarray:
    """Compute the errors of features of the shape of X, in the units of X; 0 for missing values."""
    weights, errors = member_weights(result, X), np.empty(X.shape)
    for batch in batch_slices(X):
        samples = [raw_features(member, X[batch]) for member in result.members]
        reconstruction = np.einsum("mn,mnf->nf", weights[:, batch], np.stack([after for _, after in samples]))
        errors[batch] = to_columns(result.members[0], samples[0][0] - reconstruction, X[batch]).reshape(X[batch].shape)
    errors[np.isnan(errors)] = 0.0
    return errors


def score_decreases(result: NoveltyResult, X: SelectedRows) -> np.ndarray:
    """Compute by how much the distance of each row of a table decreases if a column is missing (n, n_columns).

    Distances are relative to the median distance, as scores are. 0 where the distance does not decrease.
    """
    weights, decreases = member_weights(result, X), np.empty(X.shape)
    result = replace(result, measures=[expect_missing(measure) for measure in result.measures])
    for batch in batch_slices(X):
        rows = X[batch]
        before = mean_log_distances(result, rows, weights[:, batch])
        for column in range(rows.shape[1]):
            hidden = rows.copy()
            hidden[:, column] = np.nan
            after = mean_log_distances(result, hidden, weights[:, batch])
            decreases[batch, column] = np.exp(before - result.median) - np.exp(after - result.median)
    return np.maximum(decreases, 0.0)


def expect_missing(measure: Distance) -> Distance:
    """The same distance, without the warning that ``fit`` had no missing values."""
    measure, member = copy.copy(measure), copy.copy(measure.member)
    member._result = replace(member._result, layout=replace(member._result.layout, has_missing=True))
    measure.member = member
    return measure
