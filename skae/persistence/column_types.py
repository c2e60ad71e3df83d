"""The types of the columns of data frames as JSON and back. Names of types are looked up in the tables here."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from skae.exceptions import ModelFileError, shown

from .values import Decoder, NotStorableError, check_name, check_type, encode

INTEGERS = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
NUMPY = ("bool", *INTEGERS, "float16", "float32", "float64", "object")
# Types of pandas that allow missing values, and types of polars.
CAPITALIZED = (*(f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)), "Float32", "Float64")
ARROW = ("bool", *INTEGERS, "halffloat", "float", "double", "string", "large_string")
PYARROW = tuple(f"{name}[pyarrow]" for name in ARROW)
UNITS = "(s|ms|us|ns)"
ZONE = "[A-Za-z0-9_+:/-]+"
ARROW_DATES = rf"(timestamp\[{UNITS}(, tz={ZONE})?\]|duration\[{UNITS}\]|date32\[day\])"
NAMES: dict[str, tuple[str, ...]] = {
    "pandas": (*NUMPY, "boolean", *CAPITALIZED, *PYARROW, "str", "string"),
    "polars": ("Boolean", *CAPITALIZED, "Object", "String", "Date", "Categorical"),
    "pyarrow": ARROW,
}
# Dates and time spans with a unit and a time zone.
PATTERNS = {
    "pandas": re.compile(rf"(datetime64\[{UNITS}(, {ZONE})?\]|timedelta64\[{UNITS}\]|{ARROW_DATES}\[pyarrow\])"),
    "polars": re.compile(
        rf"(Datetime\(time_unit='{UNITS}', time_zone=(None|'{ZONE}')\)|Duration\(time_unit='{UNITS}'\))"
    ),
    "pyarrow": re.compile(ARROW_DATES),
}
# The type in a file of a column whose own type is in no table.
FALLBACK = {"pandas": "object", "polars": "Object", "pyarrow": "double"}
# Types of the categories of pandas and pyarrow.
OF_CATEGORIES = (*NUMPY, "str", "string", "large_string", *(f"datetime64[{unit}]" for unit in ("s", "ms", "us", "ns")))
INTERVALS = re.compile(rf"interval\[(int64|float64|datetime64\[{UNITS}\]), (left|right|both|neither)\]")


def is_type_of_categories(name: str) -> bool:
    """Whether a file can hold categories of pandas of the type with this name."""
    return name in OF_CATEGORIES or INTERVALS.fullmatch(name) is not None


def encode_dtype(library: str, dtype: Any, unknown: list[str]) -> Any:
    """The type as JSON: its name, or an object for one with categories; an unknown one is added to ``unknown``."""
    name = str(dtype)
    try:
        if name == "category" and is_type_of_categories(str(dtype.categories.dtype)):
            values = dtype.categories
            return {"category": [str(values.dtype), encode(list(values), "categories"), bool(dtype.ordered)]}
        if name.startswith("Enum"):
            return {"enum": encode(dtype.categories.to_list(), "categories")}
        if name.startswith("dictionary"):
            arrow = getattr(dtype, "pyarrow_dtype", dtype)
            of, index = str(arrow.value_type), str(arrow.index_type)
            if of in ARROW and index in INTEGERS:
                return {"dictionary": [of, index, bool(arrow.ordered)]}
    except NotStorableError:
        pass
    # Categorical of polars may have settings.
    name = "Categorical" if name.startswith("Categorical") else name
    if name in NAMES[library] or PATTERNS[library].fullmatch(name):
        return name
    unknown.append(name)
    return FALLBACK[library]


def decode_dtype(library: str, encoded: Any, decode: Decoder) -> Any:
    """The type; ModelFileError for JSON that ``encode_dtype`` does not make; ImportError if the library is missing."""
    if isinstance(encoded, dict):
        return categories_from(library, encoded, decode)
    if not (isinstance(encoded, str) and PATTERNS[library].fullmatch(encoded)):
        check_name(encoded, NAMES[library], "column type")
    if library == "pandas":
        return pandas_dtype(encoded)
    return polars_dtype(encoded) if library == "polars" else arrow_dtype(encoded)


def categories_from(library: str, encoded: dict[str, Any], decode: Decoder) -> Any:
    """A type with categories from its JSON."""
    ((kind, part),) = encoded.items()
    part = check_type(part, list, "categories")
    if kind == "category" and library == "pandas":
        import pandas as pd

        of, values, ordered = part
        values = check_type(decode(values), list, "categories")
        if not (isinstance(of, str) and is_type_of_categories(of)):
            raise ModelFileError(f"it names an unknown type of categories {shown(of)}")
        index = pd.Index(values, dtype=pandas_dtype(of))
        return pd.CategoricalDtype(index, check_type(ordered, bool, "the order of categories"))
    if kind == "enum" and library == "polars":
        import polars as pl

        return pl.Enum([check_type(value, str, "a category") for value in part])
    if kind == "dictionary" and library in ("pandas", "pyarrow"):
        import pyarrow as pa

        of, index, ordered = part
        check_name(index, INTEGERS, "type of codes")
        types = (arrow_dtype(check_name(name, ARROW, "type of categories")) for name in (index, of))
        dtype = pa.dictionary(*types, ordered=check_type(ordered, bool, "the order of categories"))
        if library == "pyarrow":
            return dtype
        import pandas as pd

        return pd.ArrowDtype(dtype)
    raise ModelFileError(f"it holds a column type of an unknown kind {shown(kind)}")


def pandas_dtype(name: str) -> Any:
    """A type of pandas from its name; pandas is imported only if numpy does not have the type."""
    if name in NUMPY:
        return np.dtype(name)
    import pandas as pd

    if name.endswith("[pyarrow]"):
        return pd.ArrowDtype(arrow_dtype(name.removesuffix("[pyarrow]")))
    # Versions of pandas before 3 have no type of text by this name.
    dtype = pd.api.types.pandas_dtype(name)
    return np.dtype(object) if isinstance(dtype, np.dtype) and dtype.kind == "U" else dtype


def polars_dtype(name: str) -> Any:
    """A type of polars from its name."""
    import polars as pl

    kind, _, settings = name.partition("(")
    return getattr(pl, kind)(*re.findall(rf"'({ZONE})'", settings))


def arrow_dtype(name: str) -> Any:
    """A type of pyarrow from its name."""
    import pyarrow as pa

    kind, _, settings = name.rstrip("]").partition("[")
    if kind in ("timestamp", "duration"):
        return getattr(pa, kind)(*settings.split(", tz="))
    return pa.type_for_alias(kind)
