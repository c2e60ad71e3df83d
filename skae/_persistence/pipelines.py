"""Pipelines and searches: other parts go through skops, the autoencoders among them through files of their own."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring
from sklearn.pipeline import Pipeline

from skae._estimator.transformer import AutoencoderTransformer
from skae._novelty.novelty import AutoencoderNovelty
from skae._search.search import BottleneckSearchCV
from skae._serialization.container import Stored
from skae.exceptions import ModelFileError, shown

from .skops_archives import check_archive, check_made, parts_within, place_named_by

# Beside what skops trusts itself: types of scikit-learn, numpy and scipy that run no code of a file.
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
    "skae._persistence.pipelines.StoredAutoencoder",
    "skae._search.search.BottleneckSearchCV",
    "skae.text.CharacterEncoder",
    *(f"sklearn.model_selection._split.{name}" for name in SPLITTERS),
)
# What has a file of its own within that of a pipeline.
WITH_OWN_FILE = (AutoencoderTransformer, AutoencoderNovelty)
# Older ones make objects that this one refuses.
OLDEST_SKOPS = (0, 16)


class StoredAutoencoder(BaseEstimator):
    """Stands for an autoencoder in a pipeline's file.

    Parameters
    ----------
    content : ndarray of uint8
        The bytes of its own model file.
    """

    def __init__(self, content=None):
        self.content = content


def skops_io() -> Any:
    """The library that other steps go through."""
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
    """What ``change`` gives; of a pipeline one like it with such steps, those of pipelines inside too."""
    if not isinstance(estimator, Pipeline):
        return change(estimator)
    steps = [(name, with_steps(step, change)) for name, step in estimator.steps]
    return with_attributes(estimator, steps=steps)


def with_attributes(whole: Any, /, **attributes: Any) -> Any:
    """A shallow copy with other attributes."""
    made = object.__new__(type(whole))
    made.__dict__ = {**vars(whole), **attributes}
    return made


def pack(whole: Any, file_of: Callable[[Any, bool], bytes]) -> dict[str, torch.Tensor]:
    """The array that stands for a pipeline or a search in a file.

    Parameters
    ----------
    whole : Pipeline or BottleneckSearchCV
    file_of : callable
        Takes an estimator of WITH_OWN_FILE, and whether it is fitted, to its own model file.

    Raises
    ------
    TypeError
        If a part is of a type that would have to run code of its own, or says where later calls read or write.
    """

    def storing(fitted: bool) -> Callable[[Any], Any]:
        def stored(step: Any) -> Any:
            if type(step) not in WITH_OWN_FILE:
                return step
            return StoredAutoencoder(np.frombuffer(file_of(step, fitted), dtype=np.uint8))

        return stored

    def changed(part: Any, fitted: bool) -> Any:
        return without_cache(with_steps(part, storing(fitted)))

    if isinstance(whole, BottleneckSearchCV):
        check_scoring_name(whole)
        parts: dict[str, Any] = {"estimator": changed(whole.estimator, False)}
        if hasattr(whole, "best_estimator_"):
            parts["best_estimator_"] = changed(whole.best_estimator_, True)
        made = with_attributes(whole, **parts)
        made.__dict__ = {name: value for name, value in vars(made).items() if is_kept(made, name)}
    else:
        made = changed(whole, True)
    for place in filter(None, map(place_named_by, parts_within(made))):
        raise TypeError(
            f"A model file does not say where later calls read or write, but {place}. Set it to its default with "
            f"set_params, and set it again after load."
        )
    return {"pipeline": torch.from_numpy(np.frombuffer(in_skops(made), dtype=np.uint8).copy())}


def without_cache(estimator: Any) -> Any:
    """A pipeline, and pipelines among its steps, without ``memory``: a folder of this machine."""
    if not isinstance(estimator, Pipeline):
        return estimator
    steps = [(name, without_cache(step)) for name, step in estimator.steps]
    return with_attributes(estimator, steps=steps, memory=None)


def in_skops(made: Any) -> bytes:
    """The bytes that skops makes of a pipeline or search; TypeError if it would not load them unasked."""
    try:
        data = skops_io().dumps(made)
    except Exception as error:
        raise TypeError(
            f"A model file holds pipelines and searches whose parts are scikit-learn's own or AutoencoderTransformer "
            f"itself, not inside a ColumnTransformer, a search or another estimator. Save the AutoencoderTransformer "
            f"alone, or a search of a pipeline in place of a pipeline with a search. ({error})"
        ) from error
    others = sorted(set(skops_io().get_untrusted_types(data=data)) - set(TRUSTED))
    if others:
        raise TypeError(
            f"A model file holds pipelines of AutoencoderTransformer and of what skops trusts unasked; this one holds "
            f"{', '.join(others)}. Save the AutoencoderTransformer alone, and build the pipeline around it anew."
        )
    return data


def check_scoring_name(search: BottleneckSearchCV) -> None:
    """Raise TypeError if the score of a search is code, which no file holds."""
    if search.scoring is not None and not isinstance(search.scoring, str):
        raise TypeError(
            f"A model file does not hold scoring={search.scoring!r}, which is code. Pass a name such as 'r2' or None "
            f"as scoring, or save best_estimator_."
        )


def is_kept(search: BottleneckSearchCV, name: str) -> bool:
    """Whether a file keeps an attribute of a search; its scorer is made again from ``scoring``."""
    learned = name.endswith("_") and not name.startswith("_") and name != "scorer_"
    return learned or name in search.get_params(deep=False)


def unpack(file: Stored, estimator_in: Callable[[bytes], Any]) -> Any:
    """The pipeline or the search in a file."""
    others = sorted({*file.content, *file.table} - {"kind", "versions", "pipeline"})
    if others:
        raise ModelFileError(f"it holds {shown(others[0])}, which is not known in a pipeline")
    data = file.arrays()["pipeline"].numpy().tobytes()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        check_archive(archive, len(data))
    made = skops_io().loads(data, trusted=list(TRUSTED))
    expected = BottleneckSearchCV if file.content["kind"] == "search" else Pipeline
    if type(made) is not expected:
        raise ModelFileError(f"it holds no {file.content['kind']}")
    check_made(made)

    # A step may stand in a file more than once, and is unpacked once.
    unpacked: dict[int, Any] = {}

    def restored(step: Any) -> Any:
        if not isinstance(step, StoredAutoencoder):
            return step
        if id(step) not in unpacked:
            unpacked[id(step)] = estimator_in(step.content.tobytes())
        return unpacked[id(step)]

    if isinstance(made, Pipeline):
        return with_steps(made, restored)
    return restored_search(made, restored)


def restored_search(made: BottleneckSearchCV, restored: Callable[[Any], Any]) -> BottleneckSearchCV:
    """A search with its estimators, and with its scorer."""
    names = set(BottleneckSearchCV._get_param_names())
    if not names <= set(vars(made)) or not all(is_kept(made, name) for name in vars(made)):
        raise ModelFileError("its search has other attributes than a search has")
    check_scoring_name(made)
    parts = {
        name: with_steps(value, restored)
        for name, value in vars(made).items()
        if name in ("estimator", "best_estimator_")
    }
    search = with_attributes(made, **parts)
    search.scorer_ = check_scoring(search._whole(), search.scoring)
    return search
