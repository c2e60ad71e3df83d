"""What a bottleneck search does with one fold: an ordered fit, every size scored from it, and the table of all.

It knows pipelines by the place of the autoencoder among their steps.
"""

from __future__ import annotations

import time
import warnings
from numbers import Integral
from typing import Any

import numpy as np
from scipy.stats import rankdata
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.pipeline import Pipeline
from sklearn.utils.metaestimators import _safe_split

from skae.estimator import AutoencoderTransformer
from skae.parameters import InvalidParameterError, invalid, is_integer
from skae.preparation import check_parameters
from skae.variants import check_variant, ordered

OWNER = "BottleneckSearchCV"


def checked_sizes(n_components: Any) -> list[int]:
    """The sizes in ascending order, each once.

    Raises
    ------
    InvalidParameterError
        If there is none, or one is not an int of at least 1.
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


def place_of_autoencoder(estimator: Any) -> int:
    """Index of the autoencoder among a pipeline's steps."""
    if isinstance(estimator, Pipeline):
        for index, (_, step) in enumerate(estimator.steps):
            if isinstance(step, AutoencoderTransformer):
                return index
    raise invalid(OWNER, "estimator", "an AutoencoderTransformer, or a Pipeline with one among its steps", estimator)


def check_settings(whole: Any, largest: int) -> None:
    """Raise InvalidParameterError if a setting of the autoencoder is wrong, before any fold is fitted."""
    autoencoder = whole.steps[place_of_autoencoder(whole)][1] if isinstance(whole, Pipeline) else whole
    check_variant("AutoencoderTransformer", autoencoder.variant)
    check_parameters(clone(autoencoder).set_params(n_components=largest, variant=ordered(autoencoder.variant)))


def size_parameter(estimator: Any) -> str:
    """The name of the parameter that is the autoencoder's size."""
    if isinstance(estimator, AutoencoderTransformer):
        return "n_components"
    index = place_of_autoencoder(estimator)
    return f"{estimator.steps[index][0]}__n_components"


def scored_fold(whole: Any, sizes: list[int], X: Any, y: Any, train: Any, test: Any, scorer: Any, error_score: Any):
    """Scores of every size on one fold, seconds of the fit, and seconds of every size's score."""
    began = time.perf_counter()
    X_train, y_train = _safe_split(whole, X, y, train)
    X_test, y_test = _safe_split(whole, X, y, test, train)
    try:
        before, autoencoder, codes = fitted_in_order(whole, max(sizes), X_train, y_train)
    except Exception as error:
        if error_score == "raise":
            raise
        warnings.warn(f"A fold's fit failed and scores {error_score}: {error}", FitFailedWarning, stacklevel=2)
        return [error_score] * len(sizes), time.perf_counter() - began, [0.0] * len(sizes)
    fit_time = time.perf_counter() - began
    scores, times = [], []
    for size in sizes:
        began = time.perf_counter()
        try:
            model = cut_to(whole, before, autoencoder, codes, size, y_train)
            scores.append(scorer(model, X_test) if y_test is None else scorer(model, X_test, y_test))
        except Exception as error:
            if error_score == "raise":
                raise
            warnings.warn(f"n_components={size} scores {error_score}: {error}", FitFailedWarning, stacklevel=2)
            scores.append(error_score)
        times.append(time.perf_counter() - began)
    return scores, fit_time, times


def fitted_in_order(whole: Any, size: int, X: Any, y: Any) -> tuple[list, AutoencoderTransformer, Any]:
    """The fitted steps before the autoencoder, the autoencoder with ordered codes, and its codes of X."""
    whole = clone(whole)
    index = place_of_autoencoder(whole) if isinstance(whole, Pipeline) else 0
    steps = whole.steps[: index + 1] if isinstance(whole, Pipeline) else [("autoencoder", whole)]
    before = steps[:-1]
    for _, step in before:
        if step is not None and step != "passthrough":
            X = step.fit_transform(X, y)
    autoencoder = steps[-1][1]
    # An interrupt of one fold ends the search.
    autoencoder.set_params(n_components=size, variant=ordered(autoencoder.variant), on_interrupt="raise").fit(X)
    needs_codes = isinstance(whole, Pipeline) and len(whole.steps) > index + 1
    return before, autoencoder, autoencoder.transform(X) if needs_codes else None


def cut_to(whole: Any, before: list, autoencoder: AutoencoderTransformer, codes: Any, size: int, y: Any) -> Any:
    """The fitted whole with codes of ``size`` coordinates; the steps after the autoencoder are fitted on them."""
    short = autoencoder.shortened(size)
    if not isinstance(whole, Pipeline):
        return short
    index = len(before)
    name = whole.steps[index][0]
    after = [(step_name, step) for step_name, step in whole.steps[index + 1 :]]
    if after:
        head = codes.iloc[:, :size] if hasattr(codes, "iloc") else codes[:, :size]
        after = clone(Pipeline(after)).fit(head, y).steps
    return Pipeline([*before, (name, short), *after])


def results(parameter: str, sizes: list[int], folds: list) -> dict[str, Any]:
    """``cv_results_`` in the form of GridSearchCV."""
    scores = np.array([fold[0] for fold in folds], dtype=np.float64)
    fit_times = np.array([[fold[1] / len(sizes)] * len(sizes) for fold in folds])
    score_times = np.array([fold[2] for fold in folds])
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


def chosen(found: dict[str, np.ndarray], rule: str) -> int:
    """Index of the size that ``rule`` takes."""
    mean = found["mean_test_score"]
    best = int(np.nanargmax(mean))
    if rule == "best":
        return best
    return int(np.flatnonzero(mean >= mean[best] - found["standard_error_test_score"][best])[0])
