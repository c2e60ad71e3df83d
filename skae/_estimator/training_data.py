"""The rows of a fit: training and validation set."""

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
    """Make the training set, and the validation set if there is early stopping, from checked X and X_val.

    Raises
    ------
    ValueError
        If there are too few rows, or groups, for a validation set.
    """
    rows = Rows(X, layout, spec.device, keep=True)
    if X_val is not None:
        own = Rows(X_val, layout, spec.device, keep=True)
        validation = Part.whole(own, row_groups(own, silent=True) if spec.early_stopping else None)
        return TrainData(Part.whole(rows), validation, schema)
    if not spec.early_stopping:
        return TrainData(Part.whole(rows), schema=schema)
    n_validation = validation_size(len(rows), spec.validation_fraction)
    whole = Part.whole(rows, row_groups(rows, groups))
    train, validation = split_rows(whole, n_validation, torch.Generator().manual_seed(spec.seed))
    return TrainData(train, validation, schema, is_split=True)


def check_groups(groups: np.ndarray | None) -> None:
    """Raise ValueError if there is one group only."""
    if groups is not None and groups.max() == 0:
        raise ValueError(
            "All rows are of one group, so there is no group for the validation set. Pass X_val to fit, "
            "early_stopping=False, or groups with at least 2 labels, better 10 or more."
        )


def validation_size(n_samples: int, fraction: float) -> int:
    """Number of validation rows: the share of ``n_samples``, rounded up as in scikit-learn.

    Raises
    ------
    ValueError
        If the validation set or the training set would be empty.
    """
    if fraction == 0:
        raise ValueError(
            "early_stopping=True needs validation rows, but validation_fraction=0. Pass validation_fraction=0.1, "
            "X_val to fit, or early_stopping=False."
        )
    n_held_out = math.ceil(fraction * n_samples)
    advice = "Pass early_stopping=False, X_val to fit, or more samples."
    if fraction * n_samples < 0.5 and n_samples > 1 and fraction < 0.05:
        raise ValueError(
            f"The validation set is too small: validation_fraction={fraction} of n_samples={n_samples} is "
            f"{fraction * n_samples:g} rows. Pass a larger validation_fraction. {advice}"
        )
    if n_held_out >= n_samples:
        raise ValueError(
            f"n_samples={n_samples} with validation_fraction={fraction} holds out {n_held_out} and leaves "
            f"{n_samples - n_held_out} to train on. {advice}"
        )
    return n_held_out
