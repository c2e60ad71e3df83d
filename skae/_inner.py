"""Estimators of scikit-learn that are used inside estimators of this package."""

from __future__ import annotations

import inspect
from typing import Any


def fit_inner(estimator: Any, X: Any, method: str = "fit") -> Any:
    """Fit an estimator by its original ``method``, without the wrappers of experiment trackers.

    They would record an inner PCA as a fit of the user. ``method`` is "fit_predict" for classes whose ``fit`` calls it.
    """
    inspect.unwrap(getattr(type(estimator), method))(estimator, X)
    return estimator
