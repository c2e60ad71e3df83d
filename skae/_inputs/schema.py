"""Names and types of the columns that were fitted."""

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
    """What later X are compared with.

    Parameters
    ----------
    n_features : int
        Numbers per sample.
    feature_names : ndarray of str or None
        Names of the columns of a data frame.
    frame : FrameSchema or None
        Library, names and types of the columns of a pandas or polars data frame.
    """

    n_features: int
    feature_names: np.ndarray | None = None
    frame: FrameSchema | None = None

    def estimator(self, owner: str) -> Any:
        """An estimator of the class name ``owner`` with these names, as scikit-learn's validation takes it."""
        made = named_estimator(owner)
        made.n_features_in_ = self.n_features
        if self.feature_names is not None:
            made.feature_names_in_ = self.feature_names
        return made


def read_samples(owner: str, X: Any) -> tuple[Any, Schema]:
    """X, checked and ready to be sliced, and its schema; ``owner`` is the class that messages name."""
    frame = FrameSchema.of(X)
    # scikit-learn's validation notes names on an estimator.
    noted = named_estimator(owner)
    X = check_samples(noted, X, reset=True)
    return X, Schema(noted.n_features_in_, getattr(noted, "feature_names_in_", None), frame)


def named_estimator(name: str) -> Any:
    """An estimator without parameters whose class has this name."""
    return class_of_name(name)()


@functools.cache
def class_of_name(name: str) -> type:
    """A class of estimators with this name."""
    return type(name, (BaseEstimator,), {})
