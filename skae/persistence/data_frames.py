"""The names and types of the fitted columns as JSON and back: types of columns are names in the tables here."""

from __future__ import annotations

from typing import Any

import numpy as np

from skae._inputs.data_frames import FrameSchema
from skae._inputs.schema import Schema
from skae._parameters import warn
from skae.exceptions import ModelFileError, shown

from .values import Decoder, NotStorableError, encode, of_type

INTEGERS = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
NUMPY = ("bool", *INTEGERS, "float16", "float32", "float64", "object")
# The names that types of pandas with missing values, and those of polars, have in common.
CAPITALIZED = (*(f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)), "Float32", "Float64")
PYARROW = tuple(f"{name}[pyarrow]" for name in ("bool", *INTEGERS, "halffloat", "float", "double"))
# Categories are not kept: reconstructed columns hold numbers.
LIBRARIES = {
    "pandas": (*NUMPY, "boolean", *CAPITALIZED, *PYARROW, "category"),
    "polars": ("Boolean", *CAPITALIZED, "Object", "Categorical", "Enum"),
}
# Types and names that a warning lists, at most.
MOST = 5
# The type of a column whose own type a file cannot name.
OTHERWISE = {"pandas": "object", "polars": "Object"}


def encode_schema(schema: Schema) -> dict[str, Any]:
    """The names and types of the columns as JSON."""
    names = schema.feature_names
    return {
        "feature_names": None if names is None else [str(name) for name in names],
        "frame": encode_frame(schema.frame),
    }


def decode_schema(content: dict[str, Any], n_features: int, decode: Decoder) -> Schema:
    """The names and types of the columns, for samples of ``n_features`` numbers."""
    names, frame = content["feature_names"], decode_frame(content["frame"], decode)
    if names is not None:
        checked = [of_type(name, str, "a feature's name") for name in of_type(names, list, "feature_names")]
        if len(checked) != n_features:
            raise ModelFileError(f"it names {len(checked)} features of {n_features}")
        names = np.array(checked, dtype=object)
    if frame is not None and len(frame.names) != n_features:
        raise ModelFileError(f"its frame has {len(frame.names)} columns for {n_features} features")
    return Schema(n_features, names, frame)


def encode_frame(schema: FrameSchema | None) -> Any:
    """The schema as JSON; warns of types and names that a file cannot hold."""
    if schema is None:
        return None
    known = LIBRARIES[schema.library]
    kinds: list[str] = []
    unknown_kinds: list[str] = []
    unknown_names: list[Any] = []
    for dtype in schema.dtypes:
        # Types of polars may have settings, such as the categories of an Enum.
        name = str(dtype).partition("(")[0] if schema.library == "polars" else str(dtype)
        kinds.append(name if name in known else OTHERWISE[schema.library])
        unknown_kinds += [] if name in known else [str(dtype)]
    names, levels = ([encode_name(name, unknown_names) for name in given] for given in (schema.names, schema.levels))
    warn_of("name the types", unknown_kinds, "columns of them as plain numbers")
    warn_of("hold the names", unknown_names, "their text instead")
    return {
        "library": schema.library,
        "columns": [list(pair) for pair in zip(names, kinds, strict=True)],
        "levels": levels,
    }


def encode_name(name: Any, unknown: list[Any]) -> Any:
    """The name of a column as JSON; its text, and an entry in ``unknown``, if JSON cannot hold it."""
    if isinstance(name, tuple):
        return {"tuple": [encode_name(part, unknown) for part in name]}
    try:
        return encode(name, "a column's name")
    except NotStorableError:
        unknown.append(name)
        return str(name)


def warn_of(cannot: str, unknown: list[Any], instead: str) -> None:
    """Warn of types or names of columns that a file cannot hold, if there are any."""
    if unknown:
        listed = ", ".join(map(shown, dict.fromkeys(unknown[:MOST])))
        warn(
            f"A model file cannot {cannot} {listed} of the fitted data frame's columns: a loaded model gives {instead}."
        )


def decode_frame(encoded: Any, decode: Decoder) -> FrameSchema | None:
    """The schema; None, with a warning, if the library of the data frame is not installed."""
    if encoded is None:
        return None
    library, columns = encoded["library"], of_type(encoded["columns"], list, "columns")
    levels = tuple(map(decode, of_type(encoded["levels"], list, "levels")))
    if library not in LIBRARIES:
        raise ModelFileError(f"it names an unknown data frame library {shown(library)}")
    names, kinds = zip(*columns, strict=True)
    unknown = [kind for kind in kinds if kind not in LIBRARIES[library]]
    if unknown:
        raise ModelFileError(f"it names an unknown column type {shown(unknown[0])}")
    try:
        dtypes = tuple((pandas_dtypes if library == "pandas" else polars_dtypes)(kinds))
    except ImportError:
        warn(f"The model was fitted on a data frame of {library}, which is not installed: samples come back as arrays.")
        return None
    decoded = tuple(map(decode, names))
    if len(levels) > 1 and any(len(of_type(name, tuple, "a column's name")) != len(levels) for name in decoded):
        raise ModelFileError(f"its columns do not have {len(levels)} levels")
    return FrameSchema(library, decoded, dtypes, levels)


def pandas_dtypes(kinds: tuple[str, ...]) -> list[Any]:
    """Types of pandas from names in LIBRARIES."""
    if set(kinds) <= set(NUMPY):
        return [np.dtype(kind) for kind in kinds]
    import pandas as pd

    return [pd.api.types.pandas_dtype(kind) for kind in kinds]


def polars_dtypes(kinds: tuple[str, ...]) -> list[Any]:
    """Types of polars from names in LIBRARIES."""
    import polars as pl

    # The names were looked up in LIBRARIES. Categories of an Enum are not kept.
    return [getattr(pl, kind.replace("Enum", "Categorical"))() for kind in kinds]
