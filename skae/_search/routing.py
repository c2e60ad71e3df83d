"""Routing of the metadata of a search to the estimator, the splitter and the scorer."""

from __future__ import annotations

from typing import Any

from sklearn import get_config
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import has_fit_parameter

from skae._parameters import is_integer
from skae._search.folds import OWNER, find_autoencoder, size_parameter


def routing_enabled() -> bool:
    """Whether scikit-learn's metadata routing is enabled."""
    return get_config().get("enable_metadata_routing", False)


def make_splitter(cv: Any, y: Any, groups: Any, classifies: bool) -> Any:
    """Make the splitter. If there are groups and ``cv`` is a number of folds, folds consist of whole groups."""
    if groups is None or not (cv is None or is_integer(cv)):
        return check_cv(cv, y, classifier=classifies)
    stratified = classifies and type_of_target(y) in ("binary", "multiclass")
    return (StratifiedGroupKFold if stratified else GroupKFold)(5 if cv is None else int(cv))


def route_metadata(search: Any, whole: Any, groups: Any, params: dict[str, Any]) -> Bunch:
    """Sort the metadata of ``fit`` into ``estimator.fit``, ``splitter.split`` and ``scorer.score``.

    Without metadata routing, groups are passed to the splitter and the autoencoder, and all other parameters to the
    estimator, as ``step__name`` for a pipeline.

    Raises
    ------
    TypeError
        If a parameter names no step of a pipeline.
    """
    given = {} if groups is None else {"groups": groups}
    if routing_enabled():
        return process_routing(search, "fit", **params, **given)
    prefix = size_parameter(whole).removesuffix("n_components")
    names = [name for name, _ in whole.steps] if isinstance(whole, Pipeline) else []
    for name in params if names else ():
        step, separator, _ = name.partition("__")
        if not separator or step not in names:
            raise TypeError(
                f"{OWNER}.fit got {name!r}, which is for no step. Write step__{name} with a step of {names}, or enable "
                f"metadata routing."
            )
    # After a sampler, rows and groups differ.
    before = whole.steps[: names.index(prefix[:-2])] if names else []
    sampled = any(hasattr(step, "fit_resample") for _, step in before)
    takes_groups = has_fit_parameter(find_autoencoder(whole), "groups") and not sampled
    for_fit = {f"{prefix}{name}": value for name, value in given.items() if takes_groups} | params
    return Bunch(estimator=Bunch(fit=for_fit), splitter=Bunch(split=given), scorer=Bunch(score={}))


def make_router(search: Any, whole: Any, scorer: Any) -> MetadataRouter:
    """Make the metadata router of a search."""
    fits = MethodMapping().add(caller="fit", callee="fit")
    scores = MethodMapping().add(caller="score", callee="score").add(caller="fit", callee="score")
    splits = MethodMapping().add(caller="fit", callee="split")
    splitter = search.cv if hasattr(search.cv, "split") else GroupKFold()
    router = MetadataRouter(owner=search).add(estimator=whole, method_mapping=fits)
    return router.add(scorer=scorer, method_mapping=scores).add(splitter=splitter, method_mapping=splits)
