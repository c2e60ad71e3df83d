"""One fold of a bottleneck search: a fit with nested codes, the score of every size, and the table of all folds."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from scipy.stats import rankdata
from sklearn import get_config
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import FitFailedWarning, UnsetMetadataPassedError
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _num_samples

from skae._estimator.callbacks import subtask
from skae._estimator.settings import check_parameters
from skae._estimator.transformer import AutoencoderTransformer
from skae._parameters import InvalidParameterError, invalid, is_integer
from skae.variants import check_variant, nested_variant

OWNER = "BottleneckSearchCV"


def check_sizes_to_compare(n_components: Any) -> list[int]:
    """Check the sizes; return them in ascending order without duplicates.

    Raises
    ------
    InvalidParameterError
        If there are no sizes, or one is not an int of at least 1.
    """
    if isinstance(n_components, (str, Integral, float)) or not hasattr(n_components, "__iter__"):
        raise invalid(OWNER, "n_components", "a sequence of ints such as (1, 2, 4, 8)", n_components)
    sizes = list(n_components)
    if not sizes:
        raise InvalidParameterError(f"The 'n_components' parameter of {OWNER} is empty. Pass sizes such as (1, 2, 4).")
    for index, size in enumerate(sizes):
        if not is_integer(size) or size < 1:
            raise InvalidParameterError(
                f"The 'n_components' parameter of {OWNER} must hold ints in the range [1, inf). Got {size!r} at index "
                f"{index} instead."
            )
    return sorted({int(size) for size in sizes})


def index_of_autoencoder(estimator: Any) -> int:
    """Index of the autoencoder in the steps of a pipeline; InvalidParameterError if there is none."""
    if isinstance(estimator, Pipeline):
        for index, (_, step) in enumerate(estimator.steps):
            if isinstance(step, AutoencoderTransformer):
                return index
    raise invalid(OWNER, "estimator", "an AutoencoderTransformer, or a Pipeline with one among its steps", estimator)


def check_settings(whole: Any, largest: int) -> None:
    """Raise InvalidParameterError if a parameter of the autoencoder is invalid, before any fold is fitted."""
    autoencoder = find_autoencoder(whole)
    check_variant("AutoencoderTransformer", autoencoder.variant)
    check_parameters(clone(autoencoder).set_params(n_components=largest, variant=nested_variant(autoencoder.variant)))


def size_parameter(estimator: Any) -> str:
    """Name of the parameter ``n_components`` of the autoencoder in the estimator."""
    if isinstance(estimator, AutoencoderTransformer):
        return "n_components"
    index = index_of_autoencoder(estimator)
    return f"{estimator.steps[index][0]}__n_components"


class Keeper(BaseEstimator):
    """Last step of a pipeline that stores its input: codes, and labels after resampling."""

    def fit(self, X, y=None):
        self.X_, self.y_ = X, y
        return self


@dataclass(frozen=True)
class Fold:
    """Rows and metadata of one fold.

    Attributes
    ----------
    number, n_folds : int
    train, test : ndarray of int
        Indices of rows.
    fit_params, score_params : dict
        Metadata by name; values with one entry per row of X are indexed like X.
    """

    number: int
    n_folds: int
    train: Any
    test: Any
    fit_params: dict[str, Any]
    score_params: dict[str, Any]


@dataclass(frozen=True)
class FoldResult:
    """Score per size on one fold, seconds of the fit and per score, and the number of features."""

    scores: list[float]
    fit_time: float
    score_times: list[float]
    n_features: int | None = None


def score_fold(
    search: Any, whole: Any, sizes: list[int], X: Any, y: Any, fold: Fold, scorer: Any, task: Any = None
) -> FoldResult:
    """Fit with nested codes on one fold, and score every size; ``task`` is the callback context of the fold."""
    began, error_score = time.perf_counter(), search.error_score
    X_train, y_train = _safe_split(whole, X, y, fold.train)
    X_test, y_test = _safe_split(whole, X, y, fold.test, fold.train)
    fit_params = index_metadata(fold.fit_params, X, fold.train)
    score_params = index_metadata(fold.score_params, X, fold.test)
    try:
        with subtask(search, task, X_train, y_train) as propagate:
            fitted, codes, labels = fit_nested(whole, max(sizes), X_train, y_train, fit_params, propagate)
    except Exception as error:
        if error_score == "raise" or isinstance(error, UnsetMetadataPassedError):
            raise
        warnings.warn(f"A fold's fit failed and scores {error_score}: {error}", FitFailedWarning, stacklevel=2)
        return FoldResult([error_score] * len(sizes), time.perf_counter() - began, [0.0] * len(sizes))
    fit_time = time.perf_counter() - began
    scores, times = [], []
    for size in sizes:
        began = time.perf_counter()
        try:
            model = cut_codes(whole, fitted, codes, labels, size, fit_params)
            scores.append(scorer(model, X_test, *(() if y_test is None else (y_test,)), **score_params))
        except Exception as error:
            if error_score == "raise" or isinstance(error, UnsetMetadataPassedError):
                raise
            warnings.warn(f"n_components={size} scores {error_score}: {error}", FitFailedWarning, stacklevel=2)
            scores.append(error_score)
        times.append(time.perf_counter() - began)
    if search.verbose > 1:
        shown = ", ".join(f"{size}: {score:.3f}" for size, score in zip(sizes, scores, strict=True))
        print(f"[CV {fold.number}/{fold.n_folds}] {shown}; total time={fit_time + sum(times):.1f}s")
    return FoldResult(scores, fit_time, times, find_autoencoder(fitted).n_features_in_)


def find_autoencoder(whole: Any) -> AutoencoderTransformer:
    """The autoencoder of a pipeline, or the estimator itself."""
    return whole.steps[index_of_autoencoder(whole)][1] if isinstance(whole, Pipeline) else whole


def index_metadata(params: dict[str, Any], X: Any, rows: Any) -> dict[str, Any]:
    """Index the metadata values that have one entry per row of X; return the others unchanged."""
    n_rows = _num_samples(X)

    def per_row(value: Any) -> bool:
        has_length = hasattr(value, "__len__") or hasattr(value, "shape")
        return has_length and not isinstance(value, (str, dict)) and _num_samples(value) == n_rows

    return {name: _safe_indexing(value, rows) if per_row(value) else value for name, value in params.items()}


def select_params(estimator: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Select the parameters of ``fit`` that an estimator, or a step of a pipeline, accepts."""
    if get_config().get("enable_metadata_routing", False):
        consumed = get_routing_for_object(estimator).consumes("fit", params.keys())
        return {name: value for name, value in params.items() if name in consumed}
    if not isinstance(estimator, Pipeline):
        return params
    names = [name for name, _ in estimator.steps]
    return {name: value for name, value in params.items() if name.partition("__")[0] in names}


def fit_nested(whole: Any, size: int, X: Any, y: Any, params: dict[str, Any], propagate: Any) -> tuple[Any, Any, Any]:
    """Fit the estimator up to the autoencoder, with nested codes of ``size`` coordinates.

    Returns
    -------
    fitted : AutoencoderTransformer or Pipeline
    codes, y
        Input of the steps after the autoencoder, resampled by the samplers of the pipeline; None without such steps.
    """
    whole = clone(whole)
    # Ctrl-C ends the search.
    autoencoder = find_autoencoder(whole)
    autoencoder.set_params(n_components=size, variant=nested_variant(autoencoder.variant), on_interrupt="raise")
    if not isinstance(whole, Pipeline):
        with propagate(whole):
            return whole.fit(X, y, **params), None, None
    n_steps, keeper = index_of_autoencoder(whole) + 1, Keeper()
    head = whole[:n_steps]
    has_later = len(whole.steps) > n_steps
    if has_later:
        head.steps.append(("keeper", keeper))
    with propagate(head):
        head.fit(X, y, **select_params(head, params))
    return (head[:n_steps], keeper.X_, keeper.y_) if has_later else (head, None, None)


def cut_codes(whole: Any, fitted: Any, codes: Any, y: Any, size: int, params: dict[str, Any]) -> Any:
    """Cut codes to ``size`` coordinates and fit the steps after the autoencoder to them."""
    short = find_autoencoder(fitted).shortened(size)
    if not isinstance(whole, Pipeline):
        return short
    model, n_steps = fitted[:-1], len(fitted.steps)
    model.steps.append((fitted.steps[-1][0], short))
    if len(whole.steps) > n_steps:
        tail = clone(whole)[n_steps:]
        head = codes.iloc[:, :size] if hasattr(codes, "iloc") else codes[:, :size]
        model.steps += tail.fit(head, y, **select_params(tail, params)).steps
    return model


def build_cv_results(parameter: str, sizes: list[int], folds: list[FoldResult]) -> dict[str, Any]:
    """Build ``cv_results_`` in the form of GridSearchCV."""
    scores = np.array([fold.scores for fold in folds], dtype=np.float64)
    fit_times = np.array([[fold.fit_time / len(sizes)] * len(sizes) for fold in folds])
    score_times = np.array([fold.score_times for fold in folds])
    found: dict[str, Any] = {}
    for name, times in (("fit_time", fit_times), ("score_time", score_times)):
        found |= {f"mean_{name}": times.mean(0), f"std_{name}": times.std(0)}
    found[f"param_{parameter}"] = np.ma.MaskedArray(np.array(sizes), mask=False)
    found["params"] = [{parameter: size} for size in sizes]
    found |= {f"split{number}_test_score": row for number, row in enumerate(scores)}
    mean = scores.mean(0)
    found |= {"mean_test_score": mean, "std_test_score": scores.std(0)}
    n_folds = len(folds)
    found["standard_error_test_score"] = (
        scores.std(0, ddof=1) / np.sqrt(n_folds) if n_folds > 1 else np.zeros(len(mean))
    )
    found["rank_test_score"] = rankdata(-np.where(np.isnan(mean), -np.inf, mean), method="min").astype(np.int32)
    return found


def choose_size(found: dict[str, np.ndarray], rule: str) -> int:
    """Choose a size by ``rule``; return its index."""
    mean = found["mean_test_score"]
    best = int(np.nanargmax(mean))
    if rule == "best":
        return best
    return int(np.flatnonzero(mean >= mean[best] - found["standard_error_test_score"][best])[0])
