"""Pipelines and searches: an archive of skops, and the autoencoders in them as parts of the file beside it."""

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
from skae._novelty.novelty import AutoencoderNovelty
from skae._search.search import BottleneckSearchCV
from skae.exceptions import ModelFileError, shown
from skae.serialization.container import Stored, with_prefix

from .values import of_type

# Types besides those that skops trusts by default.
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
    "skae.persistence.pipelines.Placeholder",
    "skae._search.search.BottleneckSearchCV",
    "skae.text.CharacterEncoder",
    *(f"sklearn.model_selection._split.{name}" for name in SPLITTERS),
)
# Estimators that skops does not write: they are parts of the file, and placeholders stand for them in the archive.
WITH_OWN_PART = (AutoencoderTransformer, AutoencoderNovelty)
# Older versions trust types that this one refuses.
OLDEST_SKOPS = (0, 16)
# Parameters of estimators that say where later calls read or write, with the value that names no place: the folder of a
# cache, which holds pickles, and documents that are names of files.
PLACES = {"memory": None, "input": "content", "checkpoint_dir": None}


class Placeholder(BaseEstimator):
    """Stands in an archive of skops for an estimator that is a part of the file.

    Parameters
    ----------
    number : int
        Which part.
    """

    def __init__(self, number=0):
        self.number = number


def skops_io() -> Any:
    """The module ``skops.io``."""
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


def with_steps(estimator: Any, change: Callable[[Any], Any]) -> Any:
    """``change(estimator)``; a pipeline is copied with ``change`` of each step, pipelines among them too."""
    if not isinstance(estimator, Pipeline):
        return change(estimator)
    # ``memory`` is the folder of a cache on this machine.
    return with_attributes(
        estimator, steps=[(name, with_steps(step, change)) for name, step in estimator.steps], memory=None
    )


def with_attributes(estimator: Any, /, **attributes: Any) -> Any:
    """A shallow copy with other attributes."""
    copied = object.__new__(type(estimator))
    copied.__dict__ = {**vars(estimator), **attributes}
    return copied


def encode_pipeline(
    whole: Any, encode_part: Callable[[Any, bool], tuple[dict[str, Any], dict[str, Tensor]]]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A pipeline or a search as JSON and arrays.

    Parameters
    ----------
    whole : Pipeline or BottleneckSearchCV
    encode_part : callable
        Takes an estimator of WITH_OWN_PART, and whether it is fitted, to its JSON and arrays.

    Raises
    ------
    TypeError
        If skops does not trust the type of a step, or a step says where later calls read or write.
    """
    contents: list[dict[str, Any]] = []
    arrays: dict[str, Tensor] = {}

    def replace_step(step: Any, fitted: bool) -> Any:
        if type(step) not in WITH_OWN_PART:
            return step
        content, arrays_of_part = encode_part(step, fitted)
        arrays.update(with_prefix(f"estimators/{len(contents)}/", arrays_of_part))
        contents.append(content)
        return Placeholder(len(contents) - 1)

    if isinstance(whole, BottleneckSearchCV):
        check_scoring_name(whole)
        parts = {"estimator": with_steps(whole.estimator, lambda step: replace_step(step, False))}
        if hasattr(whole, "best_estimator_"):
            parts["best_estimator_"] = with_steps(whole.best_estimator_, lambda step: replace_step(step, True))
        made = with_attributes(whole, **parts)
        made.__dict__ = {name: value for name, value in vars(made).items() if is_kept(made, name)}
    else:
        made = with_steps(whole, lambda step: replace_step(step, True))
    for place in filter(None, map(place_named_by, reachable_objects(made))):
        raise TypeError(
            f"A model file must not say where later calls read or write, but {place}. Set it to its default with "
            f"set_params, and set it again after load."
        )
    arrays["skops"] = torch.from_numpy(np.frombuffer(make_archive(made), dtype=np.uint8).copy())
    return {"kind": "search" if isinstance(made, BottleneckSearchCV) else "pipeline", "estimators": contents}, arrays


def make_archive(made: Any) -> bytes:
    """The archive of skops for a pipeline or search; TypeError if it holds types that skops does not trust."""
    try:
        data = skops_io().dumps(made)
    except Exception as error:
        raise TypeError(
            f"The steps of a saved pipeline must be scikit-learn's own, AutoencoderTransformer or AutoencoderNovelty; "
            f"the latter two not inside a ColumnTransformer, a search or another estimator. Save the autoencoder "
            f"alone, or a search of a pipeline instead of a pipeline with a search. ({error})"
        ) from error
    others = sorted(set(skops_io().get_untrusted_types(data=data)) - set(TRUSTED))
    if others:
        raise TypeError(
            f"The steps of a saved pipeline must be of types that skops trusts by default, AutoencoderTransformer or "
            f"AutoencoderNovelty. Got {', '.join(others)}. Save the autoencoder alone, and build the pipeline again "
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


def is_kept(search: BottleneckSearchCV, name: str) -> bool:
    """Whether a file holds an attribute of a search; the scorer is made again from ``scoring``."""
    learned = name.endswith("_") and not name.startswith("_") and name != "scorer_"
    return learned or name in search.get_params(deep=False)


def decode_pipeline(file: Stored, decode_part: Callable[[Stored], Any]) -> Any:
    """The pipeline or the search that a file describes."""
    contents = of_type(file.content["estimators"], list, "estimators")
    prefixes = [f"estimators/{number}/" for number in range(len(contents))]
    others = {name for name in file.table if not name.startswith(tuple(prefixes))} | set(file.content)
    others -= {"kind", "versions", "estimators", "skops"}
    if others:
        raise ModelFileError(f"it holds {shown(sorted(others)[0])}, which is not known in a pipeline")
    estimators = [decode_part(file.part(content, prefix)) for content, prefix in zip(contents, prefixes, strict=True)]
    made = skops_io().loads(file.arrays()["skops"].numpy().tobytes(), trusted=list(TRUSTED))
    expected = BottleneckSearchCV if file.content["kind"] == "search" else Pipeline
    if type(made) is not expected:
        raise ModelFileError(f"it holds no {file.content['kind']}")
    for place in filter(None, map(place_named_by, reachable_objects(made))):
        raise ModelFileError(f"it says where later calls read or write: {place}")

    def restore_step(step: Any) -> Any:
        return estimators[step.number] if isinstance(step, Placeholder) else step

    if isinstance(made, Pipeline):
        return with_steps(made, restore_step)
    return restore_search(made, restore_step)


def restore_search(made: BottleneckSearchCV, restore_step: Callable[[Any], Any]) -> BottleneckSearchCV:
    """The search with its estimators and its scorer."""
    names = set(BottleneckSearchCV._get_param_names())
    if not names <= set(vars(made)) or not all(is_kept(made, name) for name in vars(made)):
        raise ModelFileError("its search has unknown attributes")
    check_scoring_name(made)
    parts = {
        name: with_steps(value, restore_step)
        for name, value in vars(made).items()
        if name in ("estimator", "best_estimator_")
    }
    search = with_attributes(made, **parts)
    search.scorer_ = check_scoring(search._whole(), search.scoring)
    return search


def place_named_by(part: Any) -> str:
    """Which parameter of an estimator names a place, in words; empty if none does."""
    for name, default in PLACES.items() if isinstance(part, BaseEstimator) else ():
        value = vars(part).get(name, default)
        if value is not default and not (isinstance(value, str) and value == default):
            return f"{type(part).__name__} has {name}={shown(value)} instead of {default!r}"
    return ""


def reachable_objects(estimator: Any) -> Iterator[Any]:
    """All objects that an estimator refers to, itself included, each once; no types, functions and text."""
    seen, pending = set(), [estimator]
    while pending:
        part = pending.pop()
        if id(part) in seen or isinstance(part, (type, ModuleType, FunctionType, str, bytes)):
            continue
        seen.add(id(part))
        yield part
        if isinstance(part, np.ndarray):
            # The garbage collector does not know the objects in an array.
            pending.extend(np.asarray(part).ravel().tolist() if part.dtype.hasobject else [])
        else:
            pending.extend(gc.get_referents(part))
