"""Training set and validation set of a fit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from skae.data import Rows, SampleLayout
from skae.training import Part, TrainData, TrainSpec, row_groups, split_rows


def training_data(
    spec: TrainSpec, X: Any, X_val: Any, groups: np.ndarray | None, layout: SampleLayout, schema: Any
) -> TrainData:
    """Split checked X, or use X_val for validation; ValueError if there are too few rows for a validation set."""
    rows = Rows(X, layout, spec.device, keep=True)
    if X_val is not None:
        validation_rows = Rows(X_val, layout, spec.device, keep=True)
        groups = row_groups(validation_rows, silent=True) if spec.early_stopping else None
        validation = Part.whole(validation_rows, groups)
        return TrainData(Part.whole(rows), validation, schema)
    if not spec.early_stopping:
        return TrainData(Part.whole(rows), schema=schema)
    n_validation = validation_size(len(rows), spec.validation_fraction)
    part = Part.whole(rows, row_groups(rows, groups))
    train, validation = split_rows(part, n_validation, torch.Generator().manual_seed(spec.seed))
    return TrainData(train, validation, schema, is_split=True)


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
