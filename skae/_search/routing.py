"""Routing of the metadata of a search to the estimator, the splitter and the scorer."""

from __future__ import annotations

from typing import Any

from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, _routing_enabled, process_routing
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import has_fit_parameter

from skae._parameters import is_integer
from skae._search.folds import OWNER, find_autoencoder, size_parameter


def make_splitter(cv: Any, y: Any, groups: Any, is_classifier: bool) -> Any:
    """Make the splitter; if ``cv`` is a number of folds and there are groups, folds consist of whole groups."""
    if groups is None or not (cv is None or is_integer(cv)):
        return check_cv(cv, y, classifier=is_classifier)
    stratified = is_classifier and type_of_target(y) in ("binary", "multiclass")
    return (StratifiedGroupKFold if stratified else GroupKFold)(5 if cv is None else int(cv))


def route_metadata(search: Any, estimator: Any, groups: Any, params: dict[str, Any]) -> Bunch:
    """Route the metadata of ``fit``; TypeError if a parameter names no step of a pipeline.

    Without metadata routing, the splitter and the autoencoder get groups, and the estimator gets the rest.
    """
    split_params = {} if groups is None else {"groups": groups}
    if _routing_enabled():
        return process_routing(search, "fit", **params, **split_params)
    prefix = size_parameter(estimator).removesuffix("n_components")
    names = [name for name, _ in estimator.steps] if isinstance(estimator, Pipeline) else []
    for name in params if names else ():
        step, separator, _ = name.partition("__")
        if not separator or step not in names:
            raise TypeError(
                f"{OWNER}.fit got {name!r}, which is for no step. Write step__{name} with a step of {names}, or enable "
                f"metadata routing."
            )
    # Groups do not belong to the rows that a sampler returns.
    earlier_steps = estimator.steps[: names.index(prefix[:-2])] if names else []
    has_sampler = any(hasattr(step, "fit_resample") for _, step in earlier_steps)
    takes_groups = has_fit_parameter(find_autoencoder(estimator), "groups") and not has_sampler
    fit_params = {f"{prefix}{name}": value for name, value in split_params.items() if takes_groups} | params
    return Bunch(estimator=Bunch(fit=fit_params), splitter=Bunch(split=split_params), scorer=Bunch(score={}))


def make_router(search: Any, estimator: Any, scorer: Any) -> MetadataRouter:
    """Make the metadata router of a search."""
    fits = MethodMapping().add(caller="fit", callee="fit")
    scores = MethodMapping().add(caller="score", callee="score").add(caller="fit", callee="score")
    splits = MethodMapping().add(caller="fit", callee="split")
    splitter = search.cv if hasattr(search.cv, "split") else GroupKFold()
    router = MetadataRouter(owner=search).add(estimator=estimator, method_mapping=fits)
    return router.add(scorer=scorer, method_mapping=scores).add(splitter=splitter, method_mapping=splits)
