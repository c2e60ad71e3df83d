"""Estimators of scikit-learn that are used inside estimators of this package."""

from __future__ import annotations

import inspect
from typing import Any


def fit_inner(estimator: Any, X: Any, method: str = "fit") -> Any:
    """Fit an estimator by its original ``fit``, without the wrappers of other packages.

    Experiment trackers such as ``mlflow.sklearn.autolog`` wrap ``fit`` of all classes of scikit-learn. They would
    record an inner PCA as if the user had fitted it.

    Parameters
    ----------
    method : str, default="fit"
        "fit_predict" for classes whose ``fit`` calls ``fit_predict``, which is wrapped too.

    Returns
    -------
    estimator : the fitted estimator
    """
    inspect.unwrap(getattr(type(estimator), method))(estimator, X)
    return estimator
