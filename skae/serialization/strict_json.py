"""Untrusted JSON, parsed strictly: bounded length and depth, no NaN or infinity, no duplicate keys."""

from __future__ import annotations

import json
import math
from typing import Any

from skae.exceptions import ModelFileError

# Bytes. Python objects take up to 30 times the memory of their JSON.
LONGEST_JSON = 2**24


def parse(text: bytes) -> dict[str, Any]:
    """The object that JSON holds; ValueError if it is not valid, or not within the bounds above."""
    if len(text) > LONGEST_JSON:
        raise ModelFileError(f"its JSON has {len(text):,} bytes, more than {LONGEST_JSON:,}")
    try:
        content = json.loads(
            text.decode("utf-8"), parse_constant=parse_finite, parse_float=parse_finite, object_pairs_hook=make_object
        )
    except RecursionError as error:
        raise ModelFileError("its JSON is nested too deeply") from error
    if not isinstance(content, dict):
        raise ModelFileError("its JSON is not an object")
    return content


def parse_finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ModelFileError(f"its JSON holds the number {text}")
    return value


def make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ModelFileError("its JSON holds a duplicate key")
    return content
