"""AutoencoderNovelty as JSON and arrays and back: each member is a part of the file, distances are arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Set
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state
from torch import Tensor

from skae._estimator.launching import OF_CALLBACKS
from skae._estimator.transformer import AutoencoderTransformer
from skae._novelty.distances import DISTANCES, Distance, index_neighbors
from skae._novelty.novelty import AutoencoderNovelty
from skae._novelty.scores import NoveltyResult
from skae.exceptions import ModelFileError, shown
from skae.serialization.container import Stored, with_prefix

from .data_frames import decode_schema, encode_schema
from .results import decode_parameters
from .values import Decoder, check_type, encode

KEYS = {"kind", "versions", "parameters", "autoencoder", "learned", "feature_names", "frame", "table", "members"}
# Fields of the result that are saved as JSON, and attributes of a Distance that are saved as arrays.
JSON_FIELDS = ("offset", "distance", "median", "sample_shape")
DISTANCE_ARRAYS = ("whitening", "spread", "columns")
DIGEST_BYTES = 12
MEMBERS = "members/"


def encode_novelty(
    novelty: AutoencoderNovelty,
    encode_settings: Callable[[AutoencoderTransformer], dict[str, Any]],
    encode_member: Callable[[AutoencoderTransformer], tuple[dict[str, Any], dict[str, Tensor]]],
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A fitted novelty detector as JSON and arrays; TypeError if it has an attribute that a file cannot hold."""
    parameters = novelty.get_params(deep=False)
    autoencoder = parameters.pop("autoencoder")
    unknown = set(vars(novelty)) - {*parameters, "autoencoder", "_result", "_metadata_request", OF_CALLBACKS}
    if unknown:
        raise TypeError(f"A model file cannot hold the attribute {sorted(unknown)[0]!r} of an AutoencoderNovelty.")
    content, arrays = encode_result(novelty._result, encode_member)
    return {
        "kind": "novelty",
        "parameters": {name: encode(value, name) for name, value in parameters.items()},
        "autoencoder": None if autoencoder is None else encode_settings(autoencoder),
        **content,
    }, arrays


def decode_novelty(
    file: Stored, decode: Decoder, decode_member: Callable[[Stored], AutoencoderTransformer]
) -> AutoencoderNovelty:
    """The novelty detector that a file describes."""
    novelty = decode_outer(AutoencoderNovelty, file, decode, KEYS)
    novelty._result = decode_result(file, decode, decode_member)
    return novelty


def decode_outer(cls: Any, file: Stored, decode: Decoder, keys: Set[str]) -> Any:
    """An estimator with the parameter ``autoencoder``, not fitted, from a file that can have ``keys``."""
    content = file.content
    unknown = set(content) - keys
    if unknown:
        raise ModelFileError(f"it holds {shown(sorted(unknown)[0])}, which is not known")
    stored = check_type(content["parameters"], dict, "parameters")
    if set(stored) != set(cls._get_param_names()) - {"autoencoder"}:
        raise ModelFileError(f"its parameters are {shown(sorted(stored))}")
    parameters = {name: decode(value) for name, value in stored.items()}
    autoencoder = None if content["autoencoder"] is None else decode_parameters(content["autoencoder"], decode)
    estimator = cls(autoencoder, **parameters)
    estimator._check_parameters()
    check_random_state(estimator.random_state)
    return estimator


def encode_result(
    result: NoveltyResult, encode_member: Callable[[AutoencoderTransformer], tuple[dict[str, Any], dict[str, Tensor]]]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The result as JSON and arrays."""
    numbers: dict[str, np.ndarray] = {
        "typical": np.asarray(result.typical_error, dtype=np.float64),
        "digests": np.frombuffer(b"".join(result.part_of), dtype=np.uint8).reshape(-1, DIGEST_BYTES),
        "parts": np.array(list(result.part_of.values()), dtype=np.int64),
    }
    members: list[dict[str, Any]] = []
    arrays: dict[str, Tensor] = {}
    for number, (member, measure) in enumerate(zip(result.members, result.measures, strict=True)):
        content, member_arrays = encode_member(member)
        members.append(content)
        arrays |= with_prefix(f"{MEMBERS}{number}/", member_arrays)
        for name in DISTANCE_ARRAYS:
            if hasattr(measure, name):
                numbers[f"{name}/{number}"] = np.asarray(getattr(measure, name), dtype=np.float64)
        if hasattr(measure, "neighbors"):
            numbers[f"places/{number}"] = np.asarray(measure.neighbors._fit_X, dtype=np.float64)
    fields = {name: encode(getattr(result, name), name) for name in JSON_FIELDS}
    # Members are fitted on arrays, so the types of columns are not needed.
    content = {"learned": fields, **encode_schema(replace(result.schema, frame=None)), "members": members}
    return content, arrays | {name: torch.from_numpy(array.copy()) for name, array in numbers.items()}


def decode_result(
    file: Stored, decode: Decoder, decode_member: Callable[[Stored], AutoencoderTransformer]
) -> NoveltyResult:
    """The result that a file describes."""
    fields = decode_fields(file.content["learned"], decode)
    members = decode_members(file, fields, decode_member)
    prefixes = tuple(f"{MEMBERS}{number}/" for number in range(len(members)))
    arrays = {name: array.numpy() for name, array in file.arrays().items() if not name.startswith(prefixes)}
    n_errors = math.prod(fields["sample_shape"])
    result = NoveltyResult(
        schema=decode_schema(file.content, n_errors, decode),
        members=members,
        measures=[
            decode_measure(member, arrays, number, n_errors, fields["distance"])
            for number, member in enumerate(members)
        ],
        part_of=decode_parts(arrays, len(members)),
        typical_error=pop_array(arrays, "typical", fields["sample_shape"]),
        **fields,
    )
    if arrays:
        raise ModelFileError(f"it holds the array {shown(sorted(arrays)[0])}, which is not known")
    return result


def decode_fields(encoded: Any, decode: Decoder) -> dict[str, Any]:
    """The fields of the result that are JSON, checked."""
    if set(check_type(encoded, dict, "its result")) != set(JSON_FIELDS):
        raise ModelFileError(f"its result has the fields {shown(sorted(encoded))}")
    fields = {name: decode(value) for name, value in encoded.items()}
    for name in ("offset", "median"):
        if not math.isfinite(check_type(fields[name], float, name)):
            raise ModelFileError(f"its {name} is {fields[name]}")
    shape = tuple(check_type(size, int, "a size") for size in check_type(fields["sample_shape"], tuple, "sample_shape"))
    if min(shape, default=0) < 1 or fields["distance"] not in DISTANCES:
        raise ModelFileError(f"its samples have shape {shown(shape)}, its distance is {shown(fields['distance'])}")
    return fields


def decode_members(
    file: Stored, fields: dict[str, Any], decode_member: Callable[[Stored], AutoencoderTransformer]
) -> list[AutoencoderTransformer]:
    """The members, at least two, each fitted on samples of the same shape."""
    contents = check_type(file.content["members"], list, "members")
    members = [decode_member(file.part(content, f"{MEMBERS}{number}/")) for number, content in enumerate(contents)]
    if len(members) < 2:
        raise ModelFileError(f"it holds {len(members)} members")
    for number, member in enumerate(members):
        if member.sample_shape_ != fields["sample_shape"]:
            raise ModelFileError(f"its member {number} was fitted on samples of shape {shown(member.sample_shape_)}")
    return members


def decode_measure(
    member: AutoencoderTransformer, arrays: dict[str, np.ndarray], number: int, n_errors: int, kind: str
) -> Distance:
    """The ``Distance`` of a member."""
    n_features = member._result.layout.n_features
    measure = object.__new__(Distance)
    measure.member = member
    whitening_shapes = ((), (n_errors,), (n_errors, n_errors))
    measure.whitening = pop_array(arrays, f"whitening/{number}", *whitening_shapes)
    if kind == "neighbors":
        # Pictures have a spread instead.
        if f"columns/{number}" in arrays:
            measure.columns = deviations = pop_array(arrays, f"columns/{number}", (n_features,))
        else:
            deviations = pop_array(arrays, f"spread/{number}", ())
            measure.spread = float(deviations)
        n_rows = max(1, len(arrays[f"places/{number}"]))
        rows = pop_array(arrays, f"places/{number}", (n_rows, n_features + n_errors))
        measure.neighbors = index_neighbors(rows, n_features)
        if deviations.min() <= 0:
            raise ModelFileError(f"the deviation of its rows is {deviations.min()}")
    return measure


def decode_parts(arrays: dict[str, np.ndarray], n_members: int) -> dict[bytes, int]:
    """The member that was not trained on each row of ``fit``, by the digest of the row."""
    digests, parts = arrays.pop("digests"), arrays.pop("parts")
    is_valid = digests.dtype == np.uint8 and digests.shape == (len(parts), DIGEST_BYTES) and parts.dtype == np.int64
    if not is_valid or parts.ndim != 1 or (len(parts) and not 0 <= parts.min() <= parts.max() < n_members):
        raise ModelFileError("its arrays 'digests' and 'parts' do not assign rows to its members")
    return {digest.tobytes(): number for digest, number in zip(digests, parts.tolist(), strict=True)}


def pop_array(arrays: dict[str, np.ndarray], name: str, *shapes: tuple[int, ...]) -> np.ndarray:
    """Remove an array from ``arrays``; ModelFileError unless it is finite float64 of one of the shapes."""
    array = arrays.pop(name)
    if array.dtype != np.float64 or array.shape not in shapes or not np.isfinite(array).all():
        raise ModelFileError(f"its array {shown(name)} is {array.dtype} of shape {array.shape}, or not finite")
    return array
