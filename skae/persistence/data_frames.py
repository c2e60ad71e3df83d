"""The names and types of the fitted columns as JSON and back. Names of types are looked up in the tables here."""

from __future__ import annotations

from typing import Any

import numpy as np

from skae._inputs.data_frames import FrameSchema
from skae._inputs.schema import Schema
from skae._parameters import warn
from skae.exceptions import ModelFileError, shown

from .column_types import NAMES, decode_dtype, encode_dtype
from .table_columns import decode_encoder, encode_encoder
from .values import Decoder, NotStorableError, check_name, check_type, encode

# Largest number of types or names in a warning.
MAX_LISTED = 5


def encode_schema(schema: Schema) -> dict[str, Any]:
    """The names and types of the columns as JSON."""
    names = schema.feature_names
    return {
        "feature_names": None if names is None else [str(name) for name in names],
        "table": encode_encoder(schema.encoder),
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
    labels = tuple(range(n_features)) if names is None else tuple(names)
    encoder = decode_encoder(content["table"], labels if frame is None else frame.names, decode)
    return Schema(n_features, names, frame, encoder)


def encode_frame(schema: FrameSchema | None) -> Any:
    """The schema as JSON; warns of types and names that a file cannot hold."""
    if schema is None:
        return None
    unknown_dtypes: list[str] = []
    unknown_names: list[Any] = []
    dtypes = [encode_dtype(schema.library, dtype, unknown_dtypes) for dtype in schema.dtypes]
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
    check_name(library, NAMES, "data frame library")
    names, dtype_names = zip(*columns, strict=True)
    try:
        dtypes = tuple(decode_dtype(library, name, decode) for name in dtype_names)
    except ImportError:
        warn(f"The model was fitted on a data frame of {library}, which is not installed: samples come back as arrays.")
        return None
    decoded = tuple(map(decode, names))
    if len(levels) > 1 and any(len(check_type(name, tuple, "a column's name")) != len(levels) for name in decoded):
        raise ModelFileError(f"its columns do not have {len(levels)} levels")
    return FrameSchema(library, decoded, dtypes, levels)
