"""The form of a fitted frame as JSON and back: column types are names in the tables here."""

from __future__ import annotations

from typing import Any

import numpy as np

from skae._inputs.data_frames import FrameSchema
from skae._parameters import warn
from skae.exceptions import ModelFileError, shown

from .values import Decoder, NotStorableError, encoded, of_type

INTEGERS = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
NUMPY = (
    "bool",
    *INTEGERS,
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
# As pandas names types that pyarrow keeps.
PYARROW = tuple(
    f"{name}[pyarrow]"
    for name in (
        "bool",
        *INTEGERS,
        "halffloat",
        "float",
        "double",
    )
)
# Categories are not kept: samples come back as plain numbers anyway.
CATEGORIES = {"pandas": ("category",), "polars": ("Categorical", "Enum")}
LIBRARIES = {
    "pandas": (*NUMPY, *NULLABLE, *PYARROW, *CATEGORIES["pandas"]),
    "polars": (*POLARS, "Object", *CATEGORIES["polars"]),
}
# Odd ones that a warning names.
MOST = 5
# What stands for a type that a file cannot name: its columns come back as plain numbers.
OTHERWISE = {"pandas": "object", "polars": "Object"}


def encoded_frame(form: FrameSchema | None) -> Any:
    """The form as JSON, with a warning of types and names that a file cannot hold."""
    if form is None:
        return None
    known = LIBRARIES[form.library]
    kinds: list[str] = []
    odd_kinds: list[str] = []
    odd_names: list[Any] = []
    for dtype in form.dtypes:
        # Of polars' types with settings, such as the categories of an Enum, the name without them.
        name = str(dtype).partition("(")[0] if form.library == "polars" else str(dtype)
        kinds.append(name if name in known else OTHERWISE[form.library])
        odd_kinds += [] if name in known else [str(dtype)]
    names, levels = ([encoded_name(name, odd_names) for name in given] for given in (form.names, form.levels))
    warn_of("name the types", odd_kinds, "columns of them as plain numbers")
    warn_of("hold the names", odd_names, "their text in place of them")
    return {
        "library": form.library,
        "columns": [list(pair) for pair in zip(names, kinds, strict=True)],
        "levels": levels,
    }


def encoded_name(name: Any, odd: list[Any]) -> Any:
    """The name of a column as JSON; text of what JSON does not hold, which is noted in ``odd``."""
    if isinstance(name, tuple):
        return {"tuple": [encoded_name(part, odd) for part in name]}
    try:
        return encoded(name, "a column's name")
    except NotStorableError:
        odd.append(name)
        return str(name)


def warn_of(cannot: str, odd: list[Any], instead: str) -> None:
    """Warn of what about columns a file cannot hold, if there is anything."""
    if odd:
        told = ", ".join(map(shown, dict.fromkeys(odd[:MOST])))
        warn(f"A model file cannot {cannot} {told} of the fitted data frame's columns: a loaded model gives {instead}.")


def decoded_frame(described: Any, decode: Decoder) -> FrameSchema | None:
    """The form; None with a warning where the frames' library is not installed."""
    if described is None:
        return None
    library, columns = described["library"], of_type(described["columns"], list, "columns")
    levels = tuple(map(decode, of_type(described["levels"], list, "levels")))
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
    return FrameSchema(library, decoded, dtypes, levels)


def pandas_dtypes(kinds: tuple[str, ...]) -> list[Any]:
    """Types of pandas, by names in LIBRARIES."""
    if set(kinds) <= set(NUMPY):
        return [np.dtype(kind) for kind in kinds]
    import pandas as pd

    return [pd.api.types.pandas_dtype(kind) for kind in kinds]


def polars_dtypes(kinds: tuple[str, ...]) -> list[Any]:
    """Types of polars, by names in LIBRARIES."""
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
    # Categories of an Enum are not kept.
    table = dict(zip(POLARS, known, strict=True)) | {"Object": pl.Object, "Categorical": pl.Categorical}
    return [table[kind.replace("Enum", "Categorical")]() for kind in kinds]
