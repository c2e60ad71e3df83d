"""Checks of parameters. Each error names the parameter, the expected value and the actual value."""

from __future__ import annotations

import difflib
import math
import sys
import warnings
from collections.abc import Callable, Collection
from numbers import Integral, Real
from typing import Any

from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils._param_validation import InvalidParameterError


def invalid(owner: str, name: str, expected: str, value: Any) -> InvalidParameterError:
    """Make the error for a parameter with an invalid value."""
    return InvalidParameterError(f"The {name!r} parameter of {owner} must be {expected}. Got {value!r} instead.")


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn with the stack level of the caller: the first frame outside this package and scikit-learn."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in ("skae", "sklearn"):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def undefined_score() -> float:
    """NaN, with scikit-learn's warning, as the score of samples without a known value."""
    warn("X has no known value, so its score is not defined: it is NaN.", UndefinedMetricWarning)
    return math.nan


def check_nested(estimator: Any, params: dict[str, Any], objects: dict[str, Callable[[Any, str], str]]) -> None:
    """Raise ValueError if ``set_params`` gets a nested parameter of a name, a number or None.

    ``objects`` maps parameters that may be objects to a function that returns the class to suggest in the message.
    """
    for key, value in params.items():
        name, separator, nested = key.partition("__")
        if not separator or name not in estimator.get_params(deep=False):
            continue
        current = params.get(name, getattr(estimator, name))
        if name in objects:
            if current is None or isinstance(current, str):
                raise ValueError(
                    f"{name}={current!r} has no parameter {nested!r} to set. Pass an object: "
                    f"{name}={objects[name](current, nested)}({nested}={value!r})."
                )
        elif not hasattr(current, "set_params"):
            hint = f" Pass net_params={{{key!r}: {value!r}}}." if name == "optimizer" else ""
            raise ValueError(f"{name}={current!r} has no parameter {nested!r} to set.{hint}")


def suggest_class(parameter: str, classes: Collection[Any], default: Any) -> str:
    """Return the name of the first class with the parameter; ``default`` is tried first, and used if none has it."""
    return next((cls for cls in (default, *classes) if parameter in cls._get_param_names()), default).__name__


def is_integer(value: Any) -> bool:
    """Whether value is a Python or numpy integer, not a boolean."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_real(value: Any) -> bool:
    """Whether value is a finite real number, not a boolean."""
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # An int outside the range of float.
        return False


def is_fraction(value: Any) -> bool:
    """Whether value is a float in (0, 1)."""
    return is_real(value) and not is_integer(value) and 0 < value < 1


def is_auto(value: Any) -> bool:
    """Whether value is "auto"; arrays are not compared."""
    return isinstance(value, str) and value == "auto"


def check_integer(owner: str, name: str, value: Any, minimum: int = 1, *, otherwise: str = "") -> None:
    """Raise InvalidParameterError unless value is an int of at least ``minimum``."""
    if not is_integer(value) or value < minimum:
        raise invalid(owner, name, f"an int in the range [{minimum}, inf){otherwise}", value)


def check_real(owner: str, name: str, value: Any, interval: str, *, otherwise: str = "") -> None:
    """Raise InvalidParameterError unless value is a number in ``interval``, such as ``"[0.0, 1.0)"``."""
    low, high = (float(end) for end in interval[1:-1].split(","))
    if is_real(value):
        above = value >= low if interval[0] == "[" else value > low
        below = value <= high if interval[-1] == "]" else value < high
        if above and below:
            return
    raise invalid(owner, name, f"a float in the range {interval}{otherwise}", value)


def check_bool(owner: str, name: str, value: Any) -> None:
    """Raise InvalidParameterError unless value is True or False."""
    if type(value).__name__ not in ("bool", "bool_"):
        raise invalid(owner, name, "True or False", value)


def check_choice(owner: str, name: str, value: Any, choices: Collection[str | None], *, otherwise: str = "") -> None:
    """Raise InvalidParameterError unless value is in ``choices``; the message suggests the closest one."""
    if (value is None or isinstance(value, str)) and value in choices:
        return
    names = [choice for choice in choices if choice is not None]
    matches = difflib.get_close_matches(value, names, n=1) if isinstance(value, str) else []
    hint = f" Did you mean {matches[0]!r}?" if matches else ""
    error = invalid(owner, name, f"one of {', '.join(map(repr, choices))}{otherwise}", value)
    raise InvalidParameterError(f"{error}{hint}")


def check_sizes(
    owner: str, name: str, value: Any, minimum: int = 1, *, may_be_empty: bool = False, otherwise: str = ""
) -> None:
    """Raise InvalidParameterError unless value is a sequence of ints; the message names the invalid element."""
    if isinstance(value, str) or not hasattr(value, "__len__") or (len(value) == 0 and not may_be_empty):
        kind = "a tuple" if may_be_empty else "a non-empty tuple"
        raise invalid(owner, name, f"{kind} of ints in the range [{minimum}, inf){otherwise}", value)
    for index, size in enumerate(value):
        if not is_integer(size) or size < minimum:
            raise InvalidParameterError(
                f"The {name!r} parameter of {owner} must hold ints in the range [{minimum}, inf). "
                f"Got {size!r} at index {index} of {value!r} instead."
            )
