"""AutoencoderNovelty in a file: each member as a file of its own inside, its distances as plain arrays."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_random_state
from torch import Tensor

from skae._estimator.transformer import AutoencoderTransformer
from skae._inner import fit_inner
from skae._inputs.schema import Schema
from skae._novelty.distances import DISTANCES, N_NEIGHBORS, Distance
from skae._novelty.novelty import AutoencoderNovelty, NoveltyResult
from skae._serialization.container import Stored, with_prefix
from skae.exceptions import ModelFileError, shown

from .values import Decoder, encoded, of_type

# Attributes that are numbers or words, and those that are arrays.
PLAIN = ("offset", "distance", "median", "sample_shape")
# Of what measures distances, beside its member: arrays, of which ``places`` are rows to look for neighbors among.
MEASURES = ("whitening", "spread")
DIGEST_BYTES = 12
MEMBERS = "members/"


def described_novelty(
    novelty: AutoencoderNovelty,
    parameters_of: Callable[[AutoencoderTransformer], dict[str, Any]],
    part_of: Callable[[AutoencoderTransformer], tuple[dict[str, Any], dict[str, Tensor]]],
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A fitted novelty detector as JSON and arrays: its autoencoder by ``parameters_of``, its members by ``part_of``.

    Raises
    ------
    TypeError
        If it holds what a file does not.
    """
    parameters = novelty.get_params(deep=False)
    autoencoder = parameters.pop("autoencoder")
    unknown = set(vars(novelty)) - {*parameters, "autoencoder", "_result", "_metadata_request"}
    if unknown:
        raise TypeError(f"A model file does not hold the attribute {sorted(unknown)[0]!r} of an AutoencoderNovelty.")
    result = novelty._result
    digests = b"".join(result.part_of)
    arrays: dict[str, np.ndarray] = {
        "typical": np.asarray(result.typical, dtype=np.float64),
        "digests": np.frombuffer(digests, dtype=np.uint8).reshape(-1, DIGEST_BYTES),
        "parts": np.array(list(result.part_of.values()), dtype=np.int64),
    }
    members: list[dict[str, Any]] = []
    arrays_of_members: dict[str, Tensor] = {}
    for number, (member, measure) in enumerate(zip(result.members, result.measures, strict=True)):
        content, arrays_of_member = part_of(member)
        members.append(content)
        arrays_of_members |= with_prefix(f"{MEMBERS}{number}/", arrays_of_member)
        for name in MEASURES:
            if hasattr(measure, name):
                arrays[f"{name}/{number}"] = np.asarray(getattr(measure, name), dtype=np.float64)
        if hasattr(measure, "neighbors"):
            arrays[f"places/{number}"] = np.asarray(measure.neighbors._fit_X, dtype=np.float64)
    names = result.schema.feature_names
    return {
        "kind": "novelty",
        "parameters": {name: encoded(value, name) for name, value in parameters.items()},
        "autoencoder": None if autoencoder is None else parameters_of(autoencoder),
        "learned": {name: encoded(getattr(result, name), name) for name in PLAIN},
        "feature_names": None if names is None else [str(name) for name in names],
        "members": members,
    }, {name: torch.from_numpy(array.copy()) for name, array in arrays.items()} | arrays_of_members


def assembled_novelty(
    file: Stored,
    decode: Decoder,
    autoencoder_of: Callable[[dict[str, Any]], AutoencoderTransformer],
    member_in: Callable[[Stored], AutoencoderTransformer],
) -> AutoencoderNovelty:
    """The novelty detector that a file describes."""
    content = file.content
    others = set(content) - {"kind", "versions", "parameters", "autoencoder", "learned", "feature_names", "members"}
    if others:
        raise ModelFileError(f"it holds {shown(sorted(others)[0])}, which is not known")
    stored = of_type(content["parameters"], dict, "parameters")
    if set(stored) != set(AutoencoderNovelty._get_param_names()) - {"autoencoder"}:
        raise ModelFileError(f"its parameters are {shown(sorted(stored))}")
    parameters = {name: decode(value) for name, value in stored.items()}
    autoencoder = None if content["autoencoder"] is None else autoencoder_of(content["autoencoder"])
    novelty = AutoencoderNovelty(autoencoder, **parameters)
    novelty._check_parameters()
    check_random_state(novelty.random_state)
    learned = decoded_learned(content["learned"], decode)
    members = decoded_members(file, learned, member_in)
    of_members = tuple(f"{MEMBERS}{number}/" for number in range(len(members)))
    arrays = {name: array.numpy() for name, array in file.arrays().items() if not name.startswith(of_members)}
    n_features = math.prod(learned["sample_shape"])
    typical = taken(arrays, "typical", learned["sample_shape"])
    measures = [
        decoded_measure(member, arrays, number, n_features, learned["distance"])
        for number, member in enumerate(members)
    ]
    part_of = decoded_parts(arrays, len(members))
    if arrays:
        raise ModelFileError(f"it holds the array {shown(sorted(arrays)[0])}, which is not known")
    names = content["feature_names"]
    if names is not None:
        if len(of_type(names, list, "feature_names")) != n_features:
            raise ModelFileError(f"it names {len(names)} features of {n_features}")
        names = np.array([of_type(name, str, "a feature's name") for name in names], dtype=object)
    schema = Schema(n_features, names)
    novelty._result = NoveltyResult(
        schema, members=members, measures=measures, part_of=part_of, typical=typical, **learned
    )
    return novelty


def decoded_learned(described: Any, decode: Decoder) -> dict[str, Any]:
    """What was learned and is no array, each checked to be of its kind."""
    if set(of_type(described, dict, "what it learned")) != set(PLAIN):
        raise ModelFileError(f"what it learned is {shown(sorted(described))}")
    learned = {name: decode(value) for name, value in described.items()}
    for name in ("offset", "median"):
        if not math.isfinite(of_type(learned[name], float, name)):
            raise ModelFileError(f"its {name} is {learned[name]}")
    shape = tuple(of_type(size, int, "a size") for size in of_type(learned["sample_shape"], tuple, "sample_shape"))
    if min(shape, default=0) < 1 or learned["distance"] not in DISTANCES:
        raise ModelFileError(f"its samples have shape {shown(shape)}, its distance is {shown(learned['distance'])}")
    return learned


def decoded_members(
    file: Stored, learned: dict[str, Any], member_in: Callable[[Stored], AutoencoderTransformer]
) -> list[AutoencoderTransformer]:
    """The members; each is of the samples that the detector is of."""
    contents = of_type(file.content["members"], list, "members")
    members = [member_in(file.part(content, f"{MEMBERS}{number}/")) for number, content in enumerate(contents)]
    if len(members) < 2:
        raise ModelFileError(f"it holds {len(members)} members")
    for number, member in enumerate(members):
        if member.sample_shape_ != learned["sample_shape"]:
            raise ModelFileError(f"its member {number} is of other samples")
    return members


def decoded_measure(
    member: AutoencoderTransformer, arrays: dict[str, np.ndarray], number: int, n_features: int, kind: str
) -> Distance:
    """What measures distances from the rows that a member was trained on."""
    measure = object.__new__(Distance)
    measure.member = member
    whitening = arrays.get(f"whitening/{number}", np.empty(0))
    shapes = ((), (n_features,), (n_features, n_features))
    measure.whitening = taken(arrays, f"whitening/{number}", *(shape for shape in shapes if shape == whitening.shape))
    if kind == "neighbors":
        measure.spread = float(taken(arrays, f"spread/{number}", ()))
        places = arrays.get(f"places/{number}", np.empty(0))
        rows = taken(arrays, f"places/{number}", (max(1, len(places)), 2 * n_features))
        measure.neighbors = fit_inner(NearestNeighbors(n_neighbors=min(N_NEIGHBORS, len(rows))), rows)
        if measure.spread <= 0:
            raise ModelFileError(f"its spread is {measure.spread}")
    return measure


def decoded_parts(arrays: dict[str, np.ndarray], n_members: int) -> dict[bytes, int]:
    """The member that lacked each row of ``fit``, by the digest of the row."""
    digests, parts = arrays.pop("digests"), arrays.pop("parts")
    fits = digests.dtype == np.uint8 and digests.shape == (len(parts), DIGEST_BYTES) and parts.dtype == np.int64
    if not fits or parts.ndim != 1 or (len(parts) and not 0 <= parts.min() <= parts.max() < n_members):
        raise ModelFileError("its rows are not parts of its members")
    return {digest.tobytes(): number for digest, number in zip(digests, parts.tolist(), strict=True)}


def taken(arrays: dict[str, np.ndarray], name: str, *shapes: tuple[int, ...]) -> np.ndarray:
    """An array of finite float64 of one of the shapes, taken out of ``arrays``."""
    array = arrays.pop(name)
    if array.dtype != np.float64 or array.shape not in shapes or not np.isfinite(array).all():
        raise ModelFileError(f"its array {shown(name)} is {array.dtype} of shape {array.shape}, or not finite")
    return array
