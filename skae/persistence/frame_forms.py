"""The form of a fitted frame as JSON and back: column types are names in the tables here."""

from __future__ import annotations

from typing import Any

import numpy as np

from skae.exceptions import ModelFileError, shown
from skae.frames import FrameForm
from skae.parameters import warn

from .values import Decoder, NotStorableError, encoded, of_type

NUMPY = (
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "float32",
    "float64",
    "object",
)
NULLABLE = (
    "boolean",
    "Int8",
    "Int16",
    "Int32",
    "Int64",
    "UInt8",
    "UInt16",
    "UInt32",
    "UInt64",
    "Float32",
    "Float64",
)
POLARS = (
    "Boolean",
    "Int8",
    "Int16",
    "Int32",
    "Int64",
    "UInt8",
    "UInt16",
    "UInt32",
    "UInt64",
    "Float32",
    "Float64",
)
LIBRARIES = {"pandas": (*NUMPY, *NULLABLE), "polars": POLARS}


def encoded_frame(form: FrameForm | None) -> Any:
    """The form as JSON.

    Raises
    ------
    TypeError
        If a column's name or type is not one that a model file holds.
    """
    if form is None:
        return None
    columns = []
    for name, dtype in zip(form.names, form.dtypes, strict=True):
        if str(dtype) not in LIBRARIES[form.library]:
            raise NotStorableError(
                f"Column {name!r} of the fitted frame has type {dtype}, which a model file cannot hold. Fit on a frame "
                f"of plain numbers, such as float64."
            )
        columns.append([encoded(name, "The fitted frame's columns"), str(dtype)])
    levels = [encoded(name, "The names of the fitted frame's columns") for name in form.levels]
    return {"library": form.library, "columns": columns, "levels": levels}


def decoded_frame(described: Any, decode: Decoder) -> FrameForm | None:
    """The form; None with a warning where the frames' library is not installed."""
    if described is None:
        return None
    library, columns = described["library"], of_type(described["columns"], list, "columns")
    levels = tuple(map(decode, of_type(described.get("levels", []), list, "levels")))
    if library not in LIBRARIES:
        raise ModelFileError(f"it names an unknown library of frames {shown(library)}")
    names, kinds = zip(*columns, strict=True)
    unknown = [kind for kind in kinds if kind not in LIBRARIES[library]]
    if unknown:
        raise ModelFileError(f"it names an unknown type of columns {shown(unknown[0])}")
    try:
        dtypes = tuple((pandas_dtypes if library == "pandas" else polars_dtypes)(kinds))
    except ImportError:
        warn(f"The model was fitted on a {library} frame, but {library} is not installed: samples come back as arrays.")
        return None
    decoded = tuple(map(decode, names))
    if len(levels) > 1 and any(len(of_type(name, tuple, "a column's name")) != len(levels) for name in decoded):
        raise ModelFileError(f"its columns do not have {len(levels)} levels")
    return FrameForm(library, decoded, dtypes, levels)


def pandas_dtypes(kinds: tuple[str, ...]) -> list[Any]:
    """Types of pandas, by names in NUMPY or NULLABLE."""
    if set(kinds) <= set(NUMPY):
        return [np.dtype(kind) for kind in kinds]
    import pandas as pd

    return [pd.api.types.pandas_dtype(kind) for kind in kinds]


def polars_dtypes(kinds: tuple[str, ...]) -> list[Any]:
    """Types of polars, by names in POLARS."""
    import polars as pl

    known = (
        pl.Boolean,
        pl.Int8,
        pl.Int16,
        pl.Int32,
        pl.Int64,
        pl.UInt8,
        pl.UInt16,
        pl.UInt32,
        pl.UInt64,
        pl.Float32,
        pl.Float64,
    )
    table = dict(zip(POLARS, known, strict=True))
    return [table[kind]() for kind in kinds]
