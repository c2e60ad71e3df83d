"""Scores by bottleneck size, extracted from the results of a search."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skae._parameters import is_integer
from skae._search.folds import choose_size
from skae._search.search import BottleneckSearchCV

SUFFIX = "n_components"


@dataclass(frozen=True)
class BottleneckCurve:
    """Scores of one model by bottleneck size.

    Parameters
    ----------
    name : str
        Name of the model.
    n_components : ndarray of shape (n_sizes,)
        Ascending.
    scores, errors : ndarray of shape (n_sizes,)
        Mean over folds, and its standard error.
    chosen : int or None
        The chosen size, which is marked.
    is_lower_estimate : bool
        Whether all sizes were scored with one network of nested codes. A network that is trained for a single size
        usually scores the same or higher.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.inspection import BottleneckCurve
    >>> scores, errors = np.array([0.4, 0.7]), np.array([0.01, 0.02])
    >>> curve = BottleneckCurve("PCA", np.array([1, 2]), scores, errors, chosen=2)
    >>> curve.chosen
    2
    """

    name: str
    n_components: np.ndarray
    scores: np.ndarray
    errors: np.ndarray
    chosen: int | None = None
    is_lower_estimate: bool = False


def extract_curve(
    search: Any, name: str | None, parameter: str | None = None, rule: str | None = None
) -> BottleneckCurve:
    """Extract the curve of a fitted search; ``rule`` replaces the size that the search chose."""
    check_is_fitted(search, "cv_results_")
    parameter = find_size_parameter(search.cv_results_, parameter)
    scores = fold_scores(search)
    means = scores.mean(1)
    errors = scores.std(1, ddof=1) / math.sqrt(scores.shape[1]) if scores.shape[1] > 1 else np.zeros(len(scores))
    values = [params.get(parameter) for params in search.cv_results_["params"]]
    for value in values:
        if value is not None and not is_integer(value):
            raise ValueError(f"{parameter} must have been searched over ints. Got {value!r}.")
    sizes = sorted({int(value) for value in values if value is not None})
    best = []
    for size in sizes:
        candidates = [index for index, value in enumerate(values) if value == size]
        best.append(max(candidates, key=lambda index: -math.inf if np.isnan(means[index]) else means[index]))
    if rule is None:
        chosen = getattr(search, "best_params_", {}).get(parameter)
    else:
        chosen = sizes[choose_size({"mean_test_score": means[best], "standard_error_test_score": errors[best]}, rule)]
    label = type(search.estimator).__name__ if name is None else name
    is_lower_estimate = isinstance(search, BottleneckSearchCV)
    return BottleneckCurve(label, np.array(sizes), means[best], errors[best], chosen, is_lower_estimate)


def find_size_parameter(results: Mapping[str, Any], parameter: str | None) -> str:
    """The searched parameter that is the bottleneck size; ValueError if there is none, or more than one."""
    searched = [key.removeprefix("param_") for key in results if key.startswith("param_")]
    if parameter is not None and parameter not in searched:
        raise ValueError(f"The search did not vary {parameter!r}, but {searched}.")
    sizes = [key for key in searched if key.endswith(SUFFIX)] if parameter is None else [parameter]
    if len(sizes) != 1:
        raise ValueError(
            f"Expected one searched parameter that ends in {SUFFIX!r}. Got {searched}. Name the size: parameter='...'."
        )
    return sizes[0]


def fold_scores(search: Any) -> np.ndarray:
    """Scores (n_candidates, n_folds); with several metrics, those of the ``refit`` metric."""
    metric = "score"
    if getattr(search, "multimetric_", False):
        if not isinstance(search.refit, str):
            raise ValueError("The search has several metrics. Name one in refit, such as refit='r2', and fit it again.")
        metric = search.refit
    folds = [search.cv_results_[f"split{number}_test_{metric}"] for number in range(search.n_splits_)]
    return np.array(folds, dtype=np.float64).T
