"""Pipelines: their other steps go through skops, the autoencoders among them through files of their own inside."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from skae.estimator import AutoencoderTransformer
from skae.exceptions import ModelFileError
from skae.files import Stored
from skae.strict_json import check_json, parsed

# Beside what skops trusts itself: types of scikit-learn, numpy and scipy that run no code of a file.
TRUSTED = ("skae.persistence.pipelines.StoredAutoencoder", "skae.text.CharacterEncoder")
# What skops writes beside the arrays.
SCHEMA = "schema.json"


# How much smaller skops makes a sparse matrix, at most.
SPARSE_RATIO = 32


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
            f"A model file holds pipelines of scikit-learn's own steps and AutoencoderTransformer; this one holds "
            f"{', '.join(others)}. Save the AutoencoderTransformer alone, and build the pipeline around it anew."
        )
    return {"pipeline": torch.from_numpy(np.frombuffer(data, dtype=np.uint8).copy())}


def unpacked_pipeline(file: Stored, unpack: Callable[[bytes], AutoencoderTransformer]) -> Pipeline:
    """The pipeline in a file."""
    others = sorted({*file.content, *file.table} - {"kind", "versions", "pipeline"})
    if others:
        raise ModelFileError(f"it holds {others[0]!r}, which is not known in a pipeline")
    data = file.arrays()["pipeline"].numpy().tobytes()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        check_archive(archive, len(data))
    pipeline = skops_io().loads(data, trusted=list(TRUSTED))
    if not isinstance(pipeline, Pipeline):
        raise ModelFileError("it holds no pipeline")

    # A step may stand in a file more than once, and is unpacked once.
    unpacked: dict[int, AutoencoderTransformer] = {}

    def restored(step: Any) -> Any:
        if not isinstance(step, StoredAutoencoder):
            return step
        if id(step) not in unpacked:
            unpacked[id(step)] = unpack(step.content.tobytes())
        return unpacked[id(step)]

    return with_steps(pipeline, restored)


def check_archive(archive: zipfile.ZipFile, length: int) -> None:
    """Raise ModelFileError if a file would take more memory than its bytes: skops packs without compressing.

    Its JSON has to be as strict as that of any model file, and its arrays as large as they say.
    """
    entries = archive.infolist()
    if any(e.compress_type != zipfile.ZIP_STORED for e in entries) or sum(e.file_size for e in entries) > length:
        raise ModelFileError("its pipeline would take more bytes than the file has")
    check_tree(parsed(archive.read(SCHEMA)))
    for entry in entries:
        if entry.filename.endswith(".npz"):
            with archive.open(entry) as file, zipfile.ZipFile(file) as inner:
                if sum(each.file_size for each in inner.infolist()) > 2**20 + SPARSE_RATIO * entry.file_size:
                    raise ModelFileError("its sparse matrix would take far more bytes than the file has")
        if not entry.filename.endswith(".npy"):
            continue
        with archive.open(entry) as file:
            version = np.lib.format.read_magic(file)
            read_header = (
                np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            )
            shape, _, dtype = read_header(file)
        if not dtype.hasobject and math.prod(shape) * dtype.itemsize > entry.file_size:
            raise ModelFileError(f"its array of shape {shape} is not in the file")


def check_tree(schema: dict[str, Any]) -> None:
    """Raise ModelFileError if what skops would go through is more than stands there: parts are referred to by number.

    Each is counted as often as it is referred to; JSON within a string is as bounded as that around it.
    """
    sizes: dict[Any, int] = {}
    stored = 0

    def size(node: Any) -> int:
        nonlocal stored
        stored += 1
        if isinstance(node, list):
            return 1 + sum(map(size, node))
        if not isinstance(node, dict):
            return 1
        if node.get("__loader__") == "JsonNode" and isinstance(node.get("content"), str):
            check_json(node["content"].encode())
        name = node.get("__id__")
        if name in sizes:
            return sizes[name]
        if isinstance(name, int):
            sizes[name] = 1  # while its own parts are counted
        found = 1 + sum(map(size, node.values()))
        if isinstance(name, int):
            sizes[name] = found
        return found

    if size(schema) > 4 * stored + 10_000:
        raise ModelFileError("its pipeline refers to parts of itself too often")
