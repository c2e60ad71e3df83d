"""The names and types of the fitted columns as JSON and back. Names of types are looked up in the tables here."""

from __future__ import annotations

from typing import Any

import numpy as np

from skae._inputs.data_frames import FrameSchema
from skae._inputs.schema import Schema
from skae._parameters import warn
from skae.exceptions import ModelFileError, shown

from .values import Decoder, NotStorableError, check_name, check_type, encode

INTEGERS = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
NUMPY = ("bool", *INTEGERS, "float16", "float32", "float64", "object")
# Types of pandas that allow missing values, and types of polars.
CAPITALIZED = (*(f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)), "Float32", "Float64")
PYARROW = tuple(f"{name}[pyarrow]" for name in ("bool", *INTEGERS, "halffloat", "float", "double"))
# Categories are not saved: reconstructed columns hold numbers.
LIBRARIES = {
    "pandas": (*NUMPY, "boolean", *CAPITALIZED, *PYARROW, "category"),
    "polars": ("Boolean", *CAPITALIZED, "Object", "Categorical", "Enum"),
}
# Largest number of types or names in a warning.
MAX_LISTED = 5
# The type in a file of a column whose own type is in no table.
FALLBACK = {"pandas": "object", "polars": "Object"}


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
        names = [check_type(name, str, "a feature name") for name in check_type(names, list, "feature_names")]
        if len(names) != n_features:
            raise ModelFileError(f"it names {len(names)} features of {n_features}")
        names = np.array(names, dtype=object)
    if frame is not None and len(frame.names) != n_features:
        raise ModelFileError(f"its data frame has {len(frame.names)} columns for {n_features} features")
    return Schema(n_features, names, frame)


def encode_frame(schema: FrameSchema | None) -> Any:
    """The schema as JSON; warns of types and names that a file cannot hold."""
    if schema is None:
        return None
    dtypes, unknown_dtypes = [], []
    unknown_names: list[Any] = []
    for dtype in map(str, schema.dtypes):
        # Types of polars may have settings, such as the categories of an Enum.
        name = dtype.partition("(")[0] if schema.library == "polars" else dtype
        is_known = name in LIBRARIES[schema.library]
        dtypes.append(name if is_known else FALLBACK[schema.library])
        unknown_dtypes += [] if is_known else [dtype]
    names = [encode_name(name, unknown_names) for name in schema.names]
    levels = [encode_name(name, unknown_names) for name in schema.levels]
    warn_of_columns("name the types", unknown_dtypes, "columns of them as plain numbers")
    warn_of_columns("hold the names", unknown_names, "their text instead")
    columns = [list(pair) for pair in zip(names, dtypes, strict=True)]
    return {"library": schema.library, "columns": columns, "levels": levels}


def encode_name(name: Any, unknown: list[Any]) -> Any:
    """The name of a column as JSON; its text, and an entry in ``unknown``, if JSON cannot hold it."""
    if isinstance(name, tuple):
        return {"tuple": [encode_name(part, unknown) for part in name]}
    try:
        return encode(name, "a column's name")
    except NotStorableError:
        unknown.append(name)
        return str(name)


def warn_of_columns(verb: str, unknown: list[Any], fallback: str) -> None:
    """Warn of types or names of columns that a file cannot hold, if there are any."""
    if unknown:
        listed = ", ".join(map(shown, dict.fromkeys(unknown[:MAX_LISTED])))
        warn(
            f"A model file cannot {verb} {listed} of the fitted data frame's columns: a loaded model gives {fallback}."
        )


def decode_frame(encoded: Any, decode: Decoder) -> FrameSchema | None:
    """The schema; None, with a warning, if the library of the data frame is not installed."""
    if encoded is None:
        return None
    library, columns = encoded["library"], check_type(encoded["columns"], list, "columns")
    levels = tuple(map(decode, check_type(encoded["levels"], list, "levels")))
    check_name(library, LIBRARIES, "data frame library")
    names, dtype_names = zip(*columns, strict=True)
    for name in dtype_names:
        check_name(name, LIBRARIES[library], "column type")
    try:
        dtypes = tuple((pandas_dtypes if library == "pandas" else polars_dtypes)(dtype_names))
    except ImportError:
        warn(f"The model was fitted on a data frame of {library}, which is not installed: samples come back as arrays.")
        return None
    decoded = tuple(map(decode, names))
    if len(levels) > 1 and any(len(check_type(name, tuple, "a column's name")) != len(levels) for name in decoded):
        raise ModelFileError(f"its columns do not have {len(levels)} levels")
    return FrameSchema(library, decoded, dtypes, levels)


def pandas_dtypes(names: tuple[str, ...]) -> list[Any]:
    """Types of pandas from names in LIBRARIES."""
    if set(names) <= set(NUMPY):
        return [np.dtype(name) for name in names]
    import pandas as pd

    return [pd.api.types.pandas_dtype(name) for name in names]


def polars_dtypes(names: tuple[str, ...]) -> list[Any]:
    """Types of polars from names in LIBRARIES."""
    import polars as pl

    # Categories of an Enum are not saved.
    return [getattr(pl, name.replace("Enum", "Categorical"))() for name in names]
