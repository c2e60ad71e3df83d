"""Pipelines: their other steps go through skops, the autoencoders among them through files of their own inside."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from skae.estimator import AutoencoderTransformer
from skae.exceptions import ModelFileError, shown
from skae.files import Stored

from .archives import check_archive, check_made

# Beside what skops trusts itself: types of scikit-learn, numpy and scipy that run no code of a file.
TRUSTED = ("skae.persistence.pipelines.StoredAutoencoder", "skae.text.CharacterEncoder")
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
        raise ImportError('Model files of pipelines need skops. Write: pip install "skae[skops]"') from error
    if tuple(int(part) for part in skops.__version__.split(".")[:2]) < OLDEST_SKOPS:
        raise ImportError(
            f"Model files of pipelines need skops {'.'.join(map(str, OLDEST_SKOPS))} or newer; this is "
            f'{skops.__version__}. Write: pip install --upgrade "skae[skops]"'
        )
    return skops.io


def with_steps(pipeline: Pipeline, change: Callable[[Any], Any]) -> Pipeline:
    """A pipeline like it with steps, those of pipelines inside too, that ``change`` gives."""
    made = object.__new__(type(pipeline))
    made.__dict__ = {
        **pipeline.__dict__,
        "steps": [(n, with_steps(s, change) if isinstance(s, Pipeline) else change(s)) for n, s in pipeline.steps],
    }
    return made


def packed_pipeline(pipeline: Pipeline, pack: Callable[[AutoencoderTransformer], bytes]) -> dict[str, torch.Tensor]:
    """The array that stands for a pipeline in a file.

    Raises
    ------
    TypeError
        If a step is of a type that would have to run code of its own.
    """

    def stored(step: Any) -> Any:
        if type(step) is not AutoencoderTransformer:
            return step
        return StoredAutoencoder(np.frombuffer(pack(step), dtype=np.uint8))

    changed = with_steps(pipeline, stored)
    try:
        data = skops_io().dumps(changed)
    except Exception as error:
        raise TypeError(
            f"A model file holds pipelines whose steps are scikit-learn's own or AutoencoderTransformer itself, not "
            f"inside a ColumnTransformer or another estimator. Save the AutoencoderTransformer alone. ({error})"
        ) from error
    others = sorted(set(skops_io().get_untrusted_types(data=data)) - set(TRUSTED))
    if others:
        raise TypeError(
            f"A model file holds pipelines of AutoencoderTransformer and of what skops trusts unasked; this one holds "
            f"{', '.join(others)}. Save the AutoencoderTransformer alone, and build the pipeline around it anew."
        )
    return {"pipeline": torch.from_numpy(np.frombuffer(data, dtype=np.uint8).copy())}


def unpacked_pipeline(file: Stored, unpack: Callable[[bytes], AutoencoderTransformer]) -> Pipeline:
    """The pipeline in a file."""
    others = sorted({*file.content, *file.table} - {"kind", "versions", "pipeline"})
    if others:
        raise ModelFileError(f"it holds {shown(others[0])}, which is not known in a pipeline")
    data = file.arrays()["pipeline"].numpy().tobytes()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        check_archive(archive, len(data))
    pipeline = skops_io().loads(data, trusted=list(TRUSTED))
    if not isinstance(pipeline, Pipeline):
        raise ModelFileError("it holds no pipeline")
    check_made(pipeline)

    # A step may stand in a file more than once, and is unpacked once.
    unpacked: dict[int, AutoencoderTransformer] = {}

    def restored(step: Any) -> Any:
        if not isinstance(step, StoredAutoencoder):
            return step
        if id(step) not in unpacked:
            unpacked[id(step)] = unpack(step.content.tobytes())
        return unpacked[id(step)]

    return with_steps(pipeline, restored)
