"""Pipelines and searches as an archive of skops; the autoencoders in them are other parts of the file."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring
from sklearn.pipeline import Pipeline
from torch import Tensor

from skae._estimator.transformer import AutoencoderTransformer
from skae._imputer.imputer import AutoencoderImputer
from skae._novelty.novelty import AutoencoderNovelty
from skae._search.search import BottleneckSearchCV
from skae.exceptions import ModelFileError, shown
from skae.serialization.container import Stored, with_prefix

from .values import check_type

# Trusted in addition to the types that skops trusts by default.
SPLITTERS = (
    "GroupKFold",
    "GroupShuffleSplit",
    "KFold",
    "LeaveOneGroupOut",
    "LeaveOneOut",
    "PredefinedSplit",
    "RepeatedKFold",
    "RepeatedStratifiedKFold",
    "ShuffleSplit",
    "StratifiedGroupKFold",
    "StratifiedKFold",
    "StratifiedShuffleSplit",
    "TimeSeriesSplit",
)
TRUSTED = (
    # Its names in numpy 2 and before; skops trusts only that of the installed version.
    "numpy.ma.MaskedArray",
    "numpy.ma.core.MaskedArray",
    "skae.persistence.pipelines.Placeholder",
    "skae._search.search.BottleneckSearchCV",
    "skae.text.CharacterEncoder",
    *(f"sklearn.model_selection._split.{name}" for name in SPLITTERS),
)
# Estimators that skops does not write: each is a part of the file, and a placeholder replaces it in the archive.
WITH_OWN_PART = (AutoencoderTransformer, AutoencoderImputer, AutoencoderNovelty)
# Older versions trust types that this one refuses.
OLDEST_SKOPS = (0, 16)
# Parameters by which later calls read or write files, with their defaults: the folder of a cache, which holds pickles,
# whether documents are names of files, and the folder of checkpoints.
PATH_PARAMETERS = {"memory": None, "input": "content", "checkpoint_dir": None}


class Placeholder(BaseEstimator):
    """Replaces, in an archive of skops, the estimator that is part ``number`` of the file."""

    def __init__(self, number=0):
        self.number = number


def import_skops_io() -> Any:
    """Import ``skops.io``; ImportError if it is missing or too old."""
    try:
        import skops.io
    except ImportError as error:
        raise ImportError(
            'Model files of pipelines and searches need skops. Write: pip install "skae[skops]"'
        ) from error
    if tuple(int(part) for part in skops.__version__.split(".")[:2]) < OLDEST_SKOPS:
        raise ImportError(
            f"Model files of pipelines need skops {'.'.join(map(str, OLDEST_SKOPS))} or newer; this is "
            f'{skops.__version__}. Write: pip install --upgrade "skae[skops]"'
        )
    return skops.io


def replace_steps(estimator: Any, change: Callable[[Any], Any]) -> Any:
    """``change(estimator)``; a pipeline is copied with ``change`` of each step, also in pipelines inside it."""
    if not isinstance(estimator, Pipeline):
        return change(estimator)
    steps = [(name, replace_steps(step, change)) for name, step in estimator.steps]
    return copy_with(estimator, steps=steps, memory=None)  # memory is the folder of a cache on this machine


def copy_with(estimator: Any, /, **attributes: Any) -> Any:
    """A shallow copy with some attributes replaced."""
    copied = object.__new__(type(estimator))
    copied.__dict__ = {**vars(estimator), **attributes}
    return copied


def encode_pipeline(
    whole: Any, encode_part: Callable[[Any, bool], tuple[dict[str, Any], dict[str, Tensor]]]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A pipeline or search as JSON and arrays; TypeError if a step is untrusted, or reads or writes files."""
    contents: list[dict[str, Any]] = []
    arrays: dict[str, Tensor] = {}

    def replace_step(step: Any, fitted: bool) -> Any:
        if type(step) not in WITH_OWN_PART:
            return step
        content, part_arrays = encode_part(step, fitted)
        arrays.update(with_prefix(f"estimators/{len(contents)}/", part_arrays))
        contents.append(content)
        return Placeholder(len(contents) - 1)

    if isinstance(whole, BottleneckSearchCV):
        check_scoring_name(whole)
        parts = {"estimator": replace_steps(whole.estimator, lambda step: replace_step(step, False))}
        if hasattr(whole, "best_estimator_"):
            parts["best_estimator_"] = replace_steps(whole.best_estimator_, lambda step: replace_step(step, True))
        copied = copy_with(whole, **parts)
        copied.__dict__ = {name: value for name, value in vars(copied).items() if is_saved(copied, name)}
    else:
        copied = replace_steps(whole, lambda step: replace_step(step, True))
    for path_parameter in filter(None, map(find_path_parameter, reachable_objects(copied))):
        raise TypeError(
            f"A model file cannot hold paths that later calls read or write, but {path_parameter}. Set it to its "
            f"default with set_params, and set it again after load."
        )
    arrays["skops"] = torch.from_numpy(np.frombuffer(make_archive(copied), dtype=np.uint8).copy())
    return {"kind": "search" if isinstance(whole, BottleneckSearchCV) else "pipeline", "estimators": contents}, arrays


def make_archive(estimator: Any) -> bytes:
    """The archive of skops for a pipeline or search; TypeError if it holds types that skops does not trust."""
    try:
        data = import_skops_io().dumps(estimator)
    except Exception as error:
        raise TypeError(
            f"The steps of a saved pipeline must be scikit-learn's own, AutoencoderTransformer or AutoencoderNovelty; "
            f"the latter two not inside a ColumnTransformer, a search or another estimator. Save the autoencoder "
            f"alone, or a search of a pipeline instead of a pipeline with a search. ({error})"
        ) from error
    untrusted = sorted(set(import_skops_io().get_untrusted_types(data=data)) - set(TRUSTED))
    if untrusted:
        raise TypeError(
            f"The steps of a saved pipeline must be of types that skops trusts by default, AutoencoderTransformer or "
            f"AutoencoderNovelty. Got {', '.join(untrusted)}. Save the autoencoder alone, and build the pipeline again "
            f"after load."
        )
    return data


def check_scoring_name(search: BottleneckSearchCV) -> None:
    """Raise TypeError if the scoring of a search is code, which a file cannot hold."""
    if search.scoring is not None and not isinstance(search.scoring, str):
        raise TypeError(
            f"The 'scoring' of a saved search must be a name such as 'r2', or None. Got {search.scoring!r} instead, "
            f"which is code. Pass a name, or save best_estimator_."
        )


def is_saved(search: BottleneckSearchCV, name: str) -> bool:
    """Whether a file holds an attribute of a search; ``load`` makes the scorer from ``scoring``."""
    is_fitted_attribute = name.endswith("_") and not name.startswith("_") and name != "scorer_"
    return is_fitted_attribute or name in search.get_params(deep=False)


def decode_pipeline(file: Stored, decode_part: Callable[[Stored], Any]) -> Any:
    """The pipeline or the search that a file describes."""
    contents = check_type(file.content["estimators"], list, "estimators")
    prefixes = [f"estimators/{number}/" for number in range(len(contents))]
    unknown = {name for name in file.table if not name.startswith(tuple(prefixes))} | set(file.content)
    unknown -= {"kind", "versions", "estimators", "skops"}
    if unknown:
        raise ModelFileError(f"it holds {shown(sorted(unknown)[0])}, which is not known in a pipeline")
    estimators = [decode_part(file.part(content, prefix)) for content, prefix in zip(contents, prefixes, strict=True)]
    whole = import_skops_io().loads(file.arrays()["skops"].numpy().tobytes(), trusted=list(TRUSTED))
    expected = BottleneckSearchCV if file.content["kind"] == "search" else Pipeline
    if type(whole) is not expected:
        raise ModelFileError(f"it holds no {file.content['kind']}")
    for path_parameter in filter(None, map(find_path_parameter, reachable_objects(whole))):
        raise ModelFileError(f"it holds a path that later calls read or write: {path_parameter}")

    def restore_step(step: Any) -> Any:
        return estimators[step.number] if isinstance(step, Placeholder) else step

    if isinstance(whole, Pipeline):
        return replace_steps(whole, restore_step)
    return restore_search(whole, restore_step)


def restore_search(search: BottleneckSearchCV, restore_step: Callable[[Any], Any]) -> BottleneckSearchCV:
    """The search with its estimators and its scorer."""
    names = set(vars(search))
    if not set(BottleneckSearchCV._get_param_names()) <= names or not all(is_saved(search, name) for name in names):
        raise ModelFileError("its search has unknown attributes")
    check_scoring_name(search)
    for name in names & {"estimator", "best_estimator_"}:
        setattr(search, name, replace_steps(getattr(search, name), restore_step))
    search.scorer_ = check_scoring(search._full_estimator(), search.scoring)
    return search


def find_path_parameter(part: Any) -> str:
    """A parameter of an estimator by which later calls read or write files, and its value; empty if there is none."""
    for name, default in PATH_PARAMETERS.items() if isinstance(part, BaseEstimator) else ():
        value = vars(part).get(name, default)
        if value is not default and not (isinstance(value, str) and value == default):
            return f"{type(part).__name__} has {name}={shown(value)} instead of {default!r}"
    return ""


def reachable_objects(estimator: Any) -> Iterator[Any]:
    """The objects that an estimator refers to, itself included, except types, modules, functions and text."""
    seen, pending = set(), [estimator]
    while pending:
        part = pending.pop()
        if id(part) in seen or isinstance(part, (type, ModuleType, FunctionType, str, bytes)):
            continue
        seen.add(id(part))
        yield part
        if isinstance(part, np.ndarray):
            # The garbage collector does not track the objects in an array.
            pending.extend(np.asarray(part).ravel().tolist() if part.dtype.hasobject else [])
        else:
            pending.extend(gc.get_referents(part))
