"""Names and types of the fitted columns."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from .data_frames import FrameSchema
from .validation import check_samples


@dataclass(frozen=True)
class Schema:
    """Number, names and types of the fitted features. Later X are checked against it.

    Parameters
    ----------
    n_features : int
        Number of features.
    feature_names : ndarray of str or None
        Names of the columns of a data frame.
    frame : FrameSchema or None
        Library, names and types of the columns of a pandas or polars data frame.
    """

    n_features: int
    feature_names: np.ndarray | None = None
    frame: FrameSchema | None = None

    def estimator(self, owner: str) -> Any:
        """Make an estimator of class name ``owner`` with these features, for the validation of scikit-learn."""
        made = named_estimator(owner)
        made.n_features_in_ = self.n_features
        if self.feature_names is not None:
            made.feature_names_in_ = self.feature_names
        return made


def read_samples(owner: str, X: Any) -> tuple[Any, Schema]:
    """Check X and make its schema; error messages name the class ``owner``."""
    frame = FrameSchema.of(X)
    # The validation of scikit-learn sets attributes of an estimator.
    noted = named_estimator(owner)
    X = check_samples(noted, X, reset=True)
    return X, Schema(noted.n_features_in_, getattr(noted, "feature_names_in_", None), frame)


def named_estimator(name: str) -> Any:
    """Make an estimator without parameters whose class has this name."""
    return class_of_name(name)()


@functools.cache
def class_of_name(name: str) -> type:
    """Make an estimator class with this name."""
    return type(name, (BaseEstimator,), {})
