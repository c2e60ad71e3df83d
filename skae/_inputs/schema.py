"""Names and types of the fitted columns."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator

from .data_frames import FrameSchema
from .plain import is_plain, plain_values
from .validation import check_samples, convert_container


@dataclass(frozen=True)
class Schema:
    """Number, names and types of the fitted features, against which later X are checked."""

    n_features: int
    feature_names: np.ndarray | None = None  # of the columns of a data frame
    frame: FrameSchema | None = None  # of a pandas or polars data frame

    def check(self, owner: str, X: Any, sample_shape: tuple[int, ...]) -> Any:
        """Check X against these features, as ``check_samples`` does for an estimator of class name ``owner``."""
        if isinstance(X, (list, tuple)):
            X = convert_container(X)
        values = plain_values(X, self._names)
        if is_plain(values, sample_shape, self.n_features):
            return X.detach() if isinstance(X, torch.Tensor) else values
        return check_samples(self.estimator(owner), X, reset=False, sample_shape=sample_shape)

    @functools.cached_property
    def _names(self) -> list[str] | None:
        return None if self.feature_names is None else list(self.feature_names)

    def estimator(self, owner: str) -> Any:
        """Make an estimator of class name ``owner`` with these features, for the validation of scikit-learn."""
        estimator = estimator_class(owner)()
        estimator.n_features_in_ = self.n_features
        if self.feature_names is not None:
            estimator.feature_names_in_ = self.feature_names
        return estimator


def read_samples(owner: str, X: Any) -> tuple[Any, Schema]:
    """Check X and make its schema; error messages name the class ``owner``."""
    frame = FrameSchema.of(X)
    # The validation of scikit-learn sets attributes of an estimator.
    estimator = estimator_class(owner)()
    X = check_samples(estimator, X, reset=True)
    return X, Schema(estimator.n_features_in_, getattr(estimator, "feature_names_in_", None), frame)


@functools.cache
def estimator_class(name: str) -> Any:
    """Make a class of estimators without parameters that has this name."""
    return type(name, (BaseEstimator,), {})
