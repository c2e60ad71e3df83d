"""JSON from strangers: no NaN, no key twice, and bounds on length, depth, numbers and memory before it is parsed."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from skae.exceptions import ModelFileError

# Bounds on what is parsed; real models stay far below.
LONGEST_JSON = 2**23
MOST_VALUES = 2**19
# Longer JSON may hold more, but not much in few bytes.
BYTES_A_VALUE = 16
DEEPEST_JSON = 40
LONGEST_NUMBER = 40
NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def parsed(text: bytes, longest: int = LONGEST_JSON) -> dict[str, Any]:
    """An object from strict JSON: no NaN, no infinity, no key twice, bounded length, depth and numbers."""
    check_json(text, longest)
    content = json.loads(
        text.decode("utf-8"),
        parse_constant=refused,
        parse_int=bounded(int),
        parse_float=bounded(float),
        object_pairs_hook=unrepeated,
    )
    if not isinstance(content, dict):
        raise ModelFileError("its JSON is no object")
    return content


def check_json(text: bytes, longest: int = LONGEST_JSON) -> None:
    """Raise ModelFileError if JSON is long, holds much, or is nested deeply."""
    plain = unquoted(text) if len(text) <= longest else b""
    if len(text) > longest or values_in(plain) > max(MOST_VALUES, len(text) // BYTES_A_VALUE):
        raise ModelFileError("its JSON holds too much")
    if depth(plain) > DEEPEST_JSON:
        raise ModelFileError("its JSON is nested too deeply")


def values_of(text: bytes) -> int:
    """About how many values there are in JSON."""
    return values_in(unquoted(text))


def unquoted(text: bytes) -> bytes:
    """JSON without its strings, in linear time and a few times its memory."""
    # Backslashes come in pairs but for those that escape something.
    plain = np.frombuffer(text.replace(b"\\\\", b"").replace(b'\\"', b""), dtype=np.uint8)
    quotes = plain == ord('"')
    inside = np.cumsum(quotes, dtype=np.uint8) % 2 == 1
    return plain[~(quotes | inside)].tobytes()


def values_in(plain: bytes) -> int:
    """About how many values there are in JSON without its strings."""
    return plain.count(b",") + plain.count(b"[") + plain.count(b"{")


def depth(plain: bytes) -> int:
    """How deeply brackets are nested in JSON without its strings. In linear time, and without recursion."""
    brackets = np.frombuffer(plain.translate(None, delete=NO_BRACKETS), dtype=np.uint8)
    steps = np.where((brackets == ord("[")) | (brackets == ord("{")), 1, -1)
    return int(np.cumsum(steps, dtype=np.int32).max(initial=0))


def bounded(kind: type) -> Any:
    """A parser of numbers that are short and finite."""

    def number(text: str) -> Any:
        value = kind(text) if len(text) <= LONGEST_NUMBER else math.inf
        return value if math.isfinite(value) else refused(text[:LONGEST_NUMBER])

    return number


def refused(text: str) -> Any:
    raise ModelFileError(f"its JSON holds the number {text}")


def unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ModelFileError("its JSON holds a key twice")
    return content
