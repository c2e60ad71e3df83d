"""Training set and validation set of a fit."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from skae._processes import current
from skae.data import PartwiseRows, Rows, SampleLayout, Stream, StreamRows
from skae.training import Part, StreamPart, TrainData, TrainSpec, equal_rows, row_groups, split_rows

# Of rows that are larger than memory, the validation set is kept in memory, at most of this size as float32.
VALIDATION_BYTES = 64 * 2**20


def training_data(
    spec: TrainSpec, X: Any, X_val: Any, groups: np.ndarray | None, layout: SampleLayout, schema: Any
) -> TrainData:
    """Split checked X, or use X_val for validation; ValueError if there are too few rows for a validation set."""
    whole = all_rows(X, layout, spec.device)
    rows = whole.rows
    if X_val is not None:
        validation_rows = Rows(X_val, layout, spec.device, keep=True)
        groups = current().from_first(row_groups(validation_rows, silent=True)) if spec.early_stopping else None
        validation = Part.whole(validation_rows, groups)
        return TrainData(whole, validation, schema)
    if not spec.early_stopping:
        return TrainData(whole, schema=schema)
    n_validation = validation_size(len(X), spec.validation_fraction)
    generator = torch.Generator().manual_seed(spec.seed)
    if isinstance(rows, StreamRows):
        return split_stream(rows, n_validation, generator, schema)
    is_read_in_parts = isinstance(X, PartwiseRows) and rows.cache is None
    if is_read_in_parts:
        n_validation = min(n_validation, max(1, VALIDATION_BYTES // (4 * layout.n_features)))
    part = Part.whole(rows, current().from_first(row_groups(rows, groups)))
    train, validation = split_rows(part, n_validation, generator)
    return TrainData(train, validation, schema, is_split=not is_read_in_parts)


def copy_validation(data: TrainData) -> TrainData:
    """Keep the validation rows of X that is read in parts in memory, with their y.

    They are in all chunks, which would be read once more in every epoch.
    """
    validation = data.validation
    if validation is None or data.is_split or validation.rows is not data.train.rows:
        return data
    return replace(data, validation=validation.extract())


def all_rows(X: Any, layout: SampleLayout, device: torch.device) -> Part:
    """All rows of checked X."""
    if not isinstance(X, Stream):
        return Part.whole(Rows(X, layout, device, keep=True))
    rows = StreamRows(X, layout, device)
    return StreamPart(rows, np.arange(len(rows)), n_rows=len(X))


def split_stream(rows: StreamRows, n_validation: int, generator: torch.Generator, schema: Any) -> TrainData:
    """Draw the validation set from the sample of a stream. It is kept in memory; passes skip its rows."""
    is_complete = len(rows) == len(rows.stream)
    if not is_complete:
        n_validation = min(n_validation, len(rows) // 2)
    # Equal rows are in one set.
    groups = row_groups(rows) if is_complete else equal_rows(Part.whole(rows))
    train, validation = split_rows(Part.whole(rows, groups), n_validation, generator)
    n_rows = rows.exclude(validation.indices)
    return TrainData(StreamPart(rows, train.indices, n_rows=n_rows), validation.extract(), schema)


def check_stream(X: Any, groups: Any, supervised: bool) -> None:
    """Raise TypeError if X is a stream, whose rows have no numbers, and groups or y are given."""
    if isinstance(X, Stream) and (groups is not None or supervised):
        what = "y" if supervised else "groups"
        raise TypeError(
            f"{X.name} is read in passes, and its rows need not have the same order in each, so {what} cannot be "
            f"assigned to them. Pass an array, a memory map or a map-style dataset."
        )


def check_groups(groups: np.ndarray | None) -> None:
    """Raise ValueError if there is only one group."""
    if groups is not None and groups.max() == 0:
        raise ValueError(
            "All rows are of one group, so there is no group for the validation set. Pass X_val to fit, "
            "early_stopping=False, or groups with at least 2 labels, better 10 or more."
        )


def validation_size(n_samples: int, fraction: float) -> int:
    """Compute the number of validation rows, rounded up; ValueError if a set would be empty or far too small."""
    if fraction == 0:
        raise ValueError(
            "early_stopping=True needs validation rows, but validation_fraction=0. Pass validation_fraction=0.1, "
            "X_val to fit, or early_stopping=False."
        )
    n_validation = math.ceil(fraction * n_samples)
    advice = "Pass early_stopping=False, X_val to fit, or more samples."
    if fraction * n_samples < 0.5 and n_samples > 1 and fraction < 0.05:
        raise ValueError(
            f"The validation set is too small: validation_fraction={fraction} of n_samples={n_samples} is "
            f"{fraction * n_samples:g} rows. Pass a larger validation_fraction. {advice}"
        )
    if n_validation >= n_samples:
        raise ValueError(
            f"There are no training rows: validation_fraction={fraction} of n_samples={n_samples} is {n_validation} "
            f"validation rows. {advice}"
        )
    return n_validation
