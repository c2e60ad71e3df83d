"""Folds of a bottleneck search: a fit with nested codes, the score of every size, and ``cv_results_``."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from scipy.stats import rankdata
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import FitFailedWarning, UnsetMetadataPassedError
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import _routing_enabled, get_routing_for_object
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _check_method_params

from skae._estimator.callbacks import subtask
from skae._estimator.settings import check_parameters
from skae._estimator.transformer import AutoencoderTransformer
from skae._parameters import InvalidParameterError, check_sizes, invalid
from skae.variants import check_variant, nested_variant

OWNER = "BottleneckSearchCV"
# Of the elbow: least gain per coordinate that is no rounding error, its least ratio to white noise, and a clear drop.
LEAST_GAIN, LEAST_RATIO, CLEAR_DROP = 1e-5, 2.0, 5.0


def check_sizes_to_compare(n_components: Any) -> list[int]:
    """Check the sizes; return them in ascending order without duplicates."""
    if isinstance(n_components, (str, Integral, float)) or not hasattr(n_components, "__iter__"):
        raise invalid(OWNER, "n_components", "a sequence of ints such as (1, 2, 4, 8)", n_components)
    sizes = list(n_components)
    if not sizes:
        raise InvalidParameterError(f"The 'n_components' parameter of {OWNER} is empty. Pass sizes such as (1, 2, 4).")
    check_sizes(OWNER, "n_components", sizes)
    return sorted({int(size) for size in sizes})


def index_of_autoencoder(estimator: Any) -> int:
    """Find the autoencoder in the steps of a pipeline; InvalidParameterError if there is none."""
    if isinstance(estimator, Pipeline):
        for index, (_, step) in enumerate(estimator.steps):
            if isinstance(step, AutoencoderTransformer):
                return index
    raise invalid(OWNER, "estimator", "an AutoencoderTransformer, or a Pipeline with one among its steps", estimator)


def check_autoencoder(autoencoder: AutoencoderTransformer, max_size: int) -> None:
    """Raise InvalidParameterError if a parameter is invalid for nested codes of ``max_size`` coordinates."""
    check_variant("AutoencoderTransformer", autoencoder.variant)
    check_parameters(clone(autoencoder).set_params(n_components=max_size, variant=nested_variant(autoencoder.variant)))


def size_parameter(estimator: Any) -> str:
    """Return the name of the parameter of ``estimator`` that is ``n_components`` of the autoencoder."""
    if isinstance(estimator, AutoencoderTransformer):
        return "n_components"
    index = index_of_autoencoder(estimator)
    return f"{estimator.steps[index][0]}__n_components"


class InputRecorder(BaseEstimator):
    """Last step of a pipeline that stores its input: codes, and labels after resampling."""

    def fit(self, X, y=None):
        self.X_, self.y_ = X, y
        return self


@dataclass(frozen=True)
class FoldResult:
    """Scores and times, in seconds, of one fold; lists have one entry per size."""

    scores: list[float]
    fit_time: float
    score_times: list[float]
    n_features: int | None = None


def score_fold(
    search: Any,
    estimator: Any,
    sizes: list[int],
    X: Any,
    y: Any,
    number: int,
    split: tuple[Any, Any],
    metadata: tuple,
    scorer: Any,
    task: Any,
) -> FoldResult:
    """Fit with nested codes on a fold, and score every size; ``metadata`` is for ``fit`` and for the scorer.

    ``split`` has the training rows and test rows of fold ``number``; ``cv`` of the search is the number of folds.
    """
    start, error_score = time.perf_counter(), search.error_score
    train, test = split
    X_train, y_train = _safe_split(estimator, X, y, train)
    X_test, y_test = _safe_split(estimator, X, y, test, train)
    fit_params, score_params = (index_metadata(p, X, rows) for p, rows in zip(metadata, (train, test), strict=True))
    try:
        with subtask(search, task, X_train, y_train) as propagate:
            fitted, codes, labels = fit_nested(estimator, max(sizes), X_train, y_train, fit_params, propagate)
    except Exception as error:
        if error_score == "raise" or isinstance(error, UnsetMetadataPassedError):
            raise
        warnings.warn(f"The fit of a fold failed; its score is {error_score}: {error}", FitFailedWarning, stacklevel=2)
        return FoldResult([error_score] * len(sizes), time.perf_counter() - start, [0.0] * len(sizes))
    fit_time = time.perf_counter() - start
    scores, times = [], []
    for size in sizes:
        start = time.perf_counter()
        try:
            model = shorten(estimator, fitted, codes, labels, size, fit_params)
            scores.append(scorer(model, X_test, *(() if y_test is None else (y_test,)), **score_params))
        except Exception as error:
            if error_score == "raise" or isinstance(error, UnsetMetadataPassedError):
                raise
            warnings.warn(f"The score of n_components={size} is {error_score}: {error}", FitFailedWarning, stacklevel=2)
            scores.append(error_score)
        times.append(time.perf_counter() - start)
    return FoldResult(scores, fit_time, times, find_autoencoder(fitted).n_features_in_)


def find_autoencoder(estimator: Any) -> AutoencoderTransformer:
    """Return the autoencoder of a pipeline, or the estimator itself."""
    return estimator.steps[index_of_autoencoder(estimator)][1] if isinstance(estimator, Pipeline) else estimator


def index_metadata(params: dict[str, Any], X: Any, rows: Any) -> dict[str, Any]:
    """Index the metadata values that have one entry per row of X; return the others unchanged."""
    values = {name: value for name, value in params.items() if not isinstance(value, (str, dict))}
    return params | _check_method_params(X, values, rows)


def select_params(estimator: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Select the parameters of ``fit`` that an estimator, or a step of a pipeline, accepts."""
    if _routing_enabled():
        consumed = get_routing_for_object(estimator).consumes("fit", params.keys())
        return {name: value for name, value in params.items() if name in consumed}
    if not isinstance(estimator, Pipeline):
        return params
    names = [name for name, _ in estimator.steps]
    return {name: value for name, value in params.items() if name.partition("__")[0] in names}


def fit_nested(
    estimator: Any, size: int, X: Any, y: Any, params: dict[str, Any], propagate: Any
) -> tuple[Any, Any, Any]:
    """Fit the steps up to the autoencoder, with nested codes; returns them, and X and y for later steps or None."""
    estimator = clone(estimator)
    # Ctrl-C ends the search.
    autoencoder = find_autoencoder(estimator)
    autoencoder.set_params(n_components=size, variant=nested_variant(autoencoder.variant), on_interrupt="raise")
    # It is not an attribute of clones, and so has no effect in a pipeline with a memory.
    autoencoder._in_search = True
    if not isinstance(estimator, Pipeline):
        with propagate(estimator):
            estimator.fit(X, y, **params)
        del estimator._in_search
        return estimator, None, None
    n_steps, recorder = index_of_autoencoder(estimator) + 1, InputRecorder()
    head = estimator[:n_steps]
    has_tail = len(estimator.steps) > n_steps
    if has_tail:
        head.steps.append(("recorder", recorder))
    with propagate(head):
        head.fit(X, y, **select_params(head, params))
    find_autoencoder(head).__dict__.pop("_in_search", None)  # a pipeline with a memory fits clones
    return (head[:n_steps], recorder.X_, recorder.y_) if has_tail else (head, None, None)


def shorten(estimator: Any, fitted: Any, codes: Any, y: Any, size: int, params: dict[str, Any]) -> Any:
    """Shorten codes to ``size`` coordinates, and fit the steps after the autoencoder to them."""
    autoencoder = find_autoencoder(fitted).shortened(size)
    if not isinstance(estimator, Pipeline):
        return autoencoder
    model, n_steps = fitted[:-1], len(fitted.steps)
    model.steps.append((fitted.steps[-1][0], autoencoder))
    if len(estimator.steps) > n_steps:
        tail = clone(estimator)[n_steps:]
        Z = codes.iloc[:, :size] if hasattr(codes, "iloc") else codes[:, :size]
        model.steps += tail.fit(Z, y, **select_params(tail, params)).steps
    return model


def build_cv_results(parameter: str, sizes: list[int], folds: list[FoldResult]) -> dict[str, Any]:
    """Build ``cv_results_`` in the form of GridSearchCV."""
    scores = np.array([fold.scores for fold in folds], dtype=np.float64)
    fit_times = np.array([[fold.fit_time / len(sizes)] * len(sizes) for fold in folds])
    score_times = np.array([fold.score_times for fold in folds])
    mean, n_folds = scores.mean(0), len(folds)
    results: dict[str, Any] = {
        "mean_fit_time": fit_times.mean(0),
        "std_fit_time": fit_times.std(0),
        "mean_score_time": score_times.mean(0),
        "std_score_time": score_times.std(0),
        f"param_{parameter}": np.ma.MaskedArray(np.array(sizes), mask=False),
        "params": [{parameter: size} for size in sizes],
    }
    results |= {f"split{number}_test_score": row for number, row in enumerate(scores)}
    results |= {
        "mean_test_score": mean,
        "std_test_score": scores.std(0),
        "standard_error_test_score": scores.std(0, ddof=1) / np.sqrt(n_folds) if n_folds > 1 else np.zeros(len(mean)),
        "rank_test_score": rankdata(-np.where(np.isnan(mean), -np.inf, mean), method="min").astype(np.int32),
    }
    return results


def choose_size(cv_results: dict[str, np.ndarray], rule: str, sizes: Any = (), n_features: int = 0) -> int:
    """Choose a size by ``rule``; return its index. "elbow" needs the sizes, ascending, and the number of features."""
    mean = cv_results["mean_test_score"]
    if rule == "elbow":
        scored = np.flatnonzero(~np.isnan(mean))
        return int(scored[find_elbow(mean[scored], np.asarray(sizes)[scored], n_features)])
    best = int(np.nanargmax(mean))
    if rule == "best":
        return best
    return int(np.flatnonzero(mean >= mean[best] - cv_results["standard_error_test_score"][best])[0])


def find_elbow(r2: np.ndarray, sizes: np.ndarray, n_features: int) -> int:
    """Find the elbow of explained variance (n_sizes,) on test rows; return its index.

    A direction of white noise explains the mean of all remaining directions on test rows, so a size counts if each
    coordinate that it adds explains at least LEAST_RATIO times this. The elbow is the size with the largest ratio of
    its gain to the next gain (Ahn and Horenstein, 2013), if it is at least CLEAR_DROP, else the largest that counts.
    """
    gains = np.diff(r2, prepend=0.0) / np.diff(sizes, prepend=0)
    chance = np.maximum(1 - np.append(0.0, r2), LEAST_GAIN) / np.maximum(n_features - np.append(0, sizes), 1)
    chance = np.maximum(chance, LEAST_GAIN)
    counts = np.flatnonzero(gains > LEAST_RATIO * chance[:-1])
    if not len(counts):
        return 0
    drops = (gains / np.maximum(np.append(gains[1:], 0.0), chance[1:]))[: counts[-1] + 1]
    return int(drops.argmax() if drops.max() >= CLEAR_DROP else counts[-1])
