"""The categories, dates and booleans of a fitted table as JSON and back."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from skae._inputs.table_columns import FAMILIES, LIMITS, MAX_CATEGORIES, Booleans, Categories, Dates
from skae._inputs.table_encoding import Column, TableEncoder
from skae.exceptions import ModelFileError, shown

from .values import Decoder, check_name, check_type, encode

DATE_UNITS = ("D", "s", "ms", "us", "ns")
FIELDS = ("origin", "span", "step", "has_zone")


def encode_encoder(encoder: TableEncoder | None) -> Any:
    """The columns of a table as JSON; NotStorableError names a column whose categories a file cannot hold."""
    if encoder is None:
        return None
    return [encode_column(name, column) for name, column in zip(encoder.names, encoder.columns, strict=True)]


def encode_column(name: Any, column: Column) -> Any:
    """How a column is converted, as JSON; None for a column of numbers."""
    if isinstance(column, Categories):
        return {"categories": encode(list(column.values), f"column {name!r}"), "counts": list(column.counts)}
    if isinstance(column, Dates):
        return {"dates": [column.kind, column.unit], **{key: getattr(column, key) for key in FIELDS}}
    return None if column is None else {"booleans": True}


def decode_encoder(encoded: Any, names: tuple[Any, ...], decode: Decoder) -> TableEncoder | None:
    """The encoder of a table with these columns."""
    if encoded is None:
        return None
    columns = tuple(decode_column(part, decode) for part in check_type(encoded, list, "table"))
    if len(columns) != len(names):
        raise ModelFileError(f"its table has {len(columns)} columns for {len(names)} names")
    return TableEncoder(names, columns)


def decode_column(encoded: Any, decode: Decoder) -> Column:
    """How a column is converted; ModelFileError for JSON that ``encode_column`` does not make."""
    if encoded is None or encoded == {"booleans": True}:
        return None if encoded is None else Booleans()
    if set(check_type(encoded, dict, "a column")) == {"categories", "counts"}:
        values = check_type(decode(encoded["categories"]), list, "categories")
        counts = [check_type(count, int, "a number of rows") for count in check_type(encoded["counts"], list, "counts")]
        kinds = tuple(kind for family in FAMILIES.values() for kind in family)
        is_known = all((isinstance(v, kinds) or type(v).__name__ == "Interval") and v == v for v in values)
        is_valid = len(values) == len(counts) <= MAX_CATEGORIES and all(0 < count < 2**53 for count in counts)
        if not values or not is_valid or not is_known:
            raise ModelFileError(f"it holds the categories {shown(values)} of {shown(counts)} rows")
        if any(not a < b for a, b in pairwise(values)):
            raise ModelFileError(f"its categories {shown(values)} are not in order")
        return Categories(tuple(values), tuple(counts))
    if set(encoded) != {"dates", *FIELDS}:
        raise ModelFileError(f"it holds a column with {shown(sorted(encoded))}")
    kind, unit = check_type(encoded["dates"], list, "dates")
    origin, span, step = (check_type(encoded[key], int, key) for key in FIELDS[:3])
    has_zone = check_type(encoded["has_zone"], bool, "has_zone")
    if not (-(2**63) <= origin <= origin + span < 2**63 and 0 < step <= max(span, 1)):
        raise ModelFileError(f"it holds dates from {shown(origin)} on with steps of {shown(step)}")
    kind, unit = check_name(kind, LIMITS, "kind of dates"), check_name(unit, DATE_UNITS, "unit")
    return Dates(kind, unit, origin, span, step, has_zone)
