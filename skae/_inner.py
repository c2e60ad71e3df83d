"""scikit-learn's estimators where they are steps within those of this package."""

from __future__ import annotations

import inspect
from typing import Any


def fit_inner(estimator: Any, X: Any, method: str = "fit") -> Any:
    """Fit an estimator of scikit-learn by its own ``fit``, without what other packages have put around it.

    Tools that record fits, as ``mlflow.sklearn.autolog`` does, replace ``fit`` of all classes of scikit-learn: an inner
    PCA would be recorded as if the user had fitted it.

    Parameters
    ----------
    method : str, default="fit"
        "fit_predict" for classes whose ``fit`` calls that, which is replaced too.

    Returns
    -------
    estimator : the same, fitted
    """
    inspect.unwrap(getattr(type(estimator), method))(estimator, X)
    return estimator
