"""Parameters as JSON and back. Names in a file are looked up in the tables here; nothing is imported by name.

Numbers, strings, None and lists are JSON as they are. Any other value is an object with one key, its kind in KINDS.
"""

from __future__ import annotations

import copy
import dataclasses
import datetime
import json
import math
import re
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator

from skae._estimator.settings import check_parameters
from skae._parameters import is_integer, is_real
from skae.exceptions import ModelFileError, shown
from skae.model import Convolutional, Custom, Dense, Sequence
from skae.training import TrainSpec
from skae.variants import VARIANTS, Supervised

# Prefixes of the net_params that are saved; other net_params are objects.
SAVED_NET_PARAMS = ("optimizer__", "clip_norm")
OBJECTS: dict[str, type[BaseEstimator]] = {
    kind.__name__: kind for kind in (Dense, Convolutional, Sequence, Custom, *VARIANTS.values(), Supervised)
}
DEVICES = ("cpu", "mps", "cuda")
# The fields of a TrainSpec in a file; ``load`` takes the device.
SPEC = tuple(field.name for field in dataclasses.fields(TrainSpec) if field.name not in ("device", "in_search"))
# The keys of the JSON of an autoencoder, and of its parts.
KEYS = {
    "": {"kind", "versions", "parameters", "spec", "layout", "n_components", "batch_size", "cycles", "history"}
    | {"n_epochs", "best_epoch", "feature_names", "frame", "table", "output", "target"},
    "spec": set(SPEC),
    "layout": {"sample_shape", "axes", "flattened", "dtype", "input_dtype", "n_tokens", "columns"}
    | {"scaling", "moments", "has_missing"},
    "frame": {"library", "columns", "levels"},
}
# Dates and times in ISO format, and pandas' units of them.
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{3,9})?([+]00:00)?)?")
DATES = ("date", "datetime", "Timestamp")
UNITS = ("s", "ms", "us", "ns")
# Sides of intervals of pandas.
CLOSED = ("left", "right", "both", "neither")
NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
# Largest number of layers of an architecture in a file: more would take long to build.
MAX_LAYERS = 1000
KINDS = ("number", "tuple", "dict", "date", "interval", "device", "random_state", "object", "custom")


class NotStorableError(TypeError):
    """A value that a model file cannot hold."""


def encode(value: Any, name: str) -> Any:
    """A value as JSON; if a model file cannot hold it, NotStorableError, whose message begins with ``name``."""
    if value is None or isinstance(value, (bool, np.bool_)):
        return value if value is None else bool(value)
    if isinstance(value, str):
        return str(value)
    if is_integer(value) and -(2**63) <= value < 2**64:
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else {"number": str(float(value))}
    if isinstance(value, list):
        return [encode(part, name) for part in value]
    if isinstance(value, tuple) or (isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind in "biufU"):
        return {"tuple": [encode(part, name) for part in value]}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {str(key): encode(part, f"{name}[{key!r}]") for key, part in value.items()}}
    if isinstance(value, datetime.date) and type(value).__name__ in DATES and DATE.fullmatch(value.isoformat()):
        # Timestamps of pandas have a unit.
        return {"date": [type(value).__name__, value.isoformat(), getattr(value, "unit", None)]}
    if type(value).__name__ == "Interval" and hasattr(value, "closed"):
        return {"interval": [encode(value.left, name), encode(value.right, name), value.closed]}
    if isinstance(value, torch.device):
        return {"device": str(value)}
    if isinstance(value, np.random.RandomState) and value.get_state(legacy=False)["bit_generator"] == "MT19937":
        _, keys, position, has_gauss, gauss = value.get_state()
        return {"random_state": [np.asarray(keys).tolist(), int(position), int(has_gauss), float(gauss)]}
    if hasattr(value, "get_params") and not isinstance(value, type):
        return encode_object(value, name)
    if callable(value) and name == "loss":
        return {"custom": [name, class_name(value)]}
    raise NotStorableError(f"{name} holds {value!r} of type {type(value).__name__}, which a model file cannot hold.")


def encode_object(value: Any, name: str) -> dict[str, Any]:
    """An architecture or variant: the name of its class and its parameters; of a custom class the name only."""
    kind = type(value).__name__
    if OBJECTS.get(kind) is not type(value):
        return {"custom": [name.rpartition(".")[2], kind]}
    parameters = value.get_params(deep=False)
    modules = ("encoder", "decoder") if isinstance(value, Custom) else ()
    custom = {key: {"custom": [key, class_name(parameters.pop(key))]} for key in modules}
    settings = {key: encode(part, f"{name}.{key}") for key, part in parameters.items()}
    return {"object": [kind, {**settings, **custom}]}


def is_custom(encoded: Any) -> bool:
    """Whether JSON refers to custom code."""
    return '{"custom":' in json.dumps(encoded)


def class_name(value: Any) -> str:
    """The name of a class or function, or of the class of an object."""
    return getattr(value, "__name__", type(value).__name__)


def check_settings(estimator: Any) -> None:
    """Raise InvalidParameterError if a parameter other than the device, which may be of another machine, is invalid."""
    checked = copy.copy(estimator)
    checked.device = "cpu"
    check_parameters(checked)


def check_keys(content: dict[str, Any]) -> None:
    """Raise ModelFileError if the JSON has an unknown key."""
    for name, known in KEYS.items():
        part = content if not name else content[name]
        unknown = set(part) - known if isinstance(part, dict) else set()
        if unknown:
            raise ModelFileError(
                f"it holds {shown(sorted(unknown)[0])}, which is not known{name and f' in its {name}'}"
            )


class Decoder:
    """Values from their JSON; ``custom_modules`` are those of ``load``."""

    def __init__(self, custom_modules: dict[str, Any]):
        self.custom_modules = custom_modules

    def __call__(self, value: Any) -> Any:
        """The value of JSON from ``encode``; ModelFileError for other JSON."""
        if isinstance(value, list):
            return [self(part) for part in value]
        if not isinstance(value, dict):
            return value
        ((kind, part),) = value.items() if len(value) == 1 else (("", None),)
        if kind not in KINDS:
            raise ModelFileError(f"it holds a value of an unknown kind {shown(kind)}")
        return getattr(self, f"_{kind}")(part)

    def _number(self, part: Any) -> float:
        return NOT_FINITE[part]

    def _tuple(self, part: Any) -> tuple[Any, ...]:
        return tuple(self(entry) for entry in check_type(part, list, "a tuple"))

    def _dict(self, part: Any) -> dict[str, Any]:
        return {key: self(entry) for key, entry in check_type(part, dict, "a dict").items()}

    def _date(self, part: Any) -> datetime.date:
        kind, text, unit = check_type(part, list, "a date")
        if not DATE.fullmatch(check_type(text, str, "a date")):
            raise ModelFileError(f"it holds the date {shown(text)}")
        if kind == "Timestamp" and unit in UNITS:
            import pandas as pd

            return pd.Timestamp(text).as_unit(unit)
        if kind not in ("date", "datetime"):
            raise ModelFileError(f"it holds a date of an unknown kind {shown(kind)}")
        return getattr(datetime, kind).fromisoformat(text)

    def _interval(self, part: Any) -> Any:
        left, right, closed = check_type(part, list, "an interval")
        ends = self(left), self(right)
        if type(ends[0]) is not type(ends[1]) or not (is_real(ends[0]) or type(ends[0]).__name__ == "Timestamp"):
            raise ModelFileError(f"it holds the interval {shown(part)}")
        import pandas as pd

        return pd.Interval(*ends, closed=check_name(closed, CLOSED, "interval"))

    def _device(self, part: Any) -> torch.device:
        name, _, index = check_type(part, str, "a device").partition(":")
        if name not in DEVICES or (index and not (index.isdecimal() and len(index) < 4)):
            raise ModelFileError(f"it names an unknown device {shown(part)}")
        return torch.device(part)

    def _random_state(self, part: Any) -> np.random.RandomState:
        keys, position, has_gauss, gauss = check_type(part, list, "a random state")
        # numpy does not check the position, and would read memory outside the keys.
        if (
            len(check_type(keys, list, "a random state")) != 624
            or type(position) is not int
            or not 0 <= position <= 624
        ):
            raise ModelFileError("its random state is invalid")
        random_state = np.random.RandomState(0)
        random_state.set_state(("MT19937", np.array(keys, dtype=np.uint32), position, has_gauss, gauss))
        return random_state

    def _object(self, part: Any) -> Any:
        name, settings = check_type(part, list, "an object")
        kind = OBJECTS[check_name(name, OBJECTS, "class")]
        parameters = self._dict(settings)
        unknown = set(parameters) - set(kind._get_param_names())
        if unknown:
            raise ModelFileError(f"it names parameters that {name} does not have: {shown(sorted(unknown))}")
        sizes = [len(value) if isinstance(value, (list, tuple)) else 0 for value in parameters.values()]
        depth = parameters.get("depth", 0)
        if max([*sizes, depth if isinstance(depth, int) else 0]) > MAX_LAYERS:
            raise ModelFileError(f"it asks {name} for more than {MAX_LAYERS} layers")
        return kind(**parameters)

    def _custom(self, part: Any) -> Any:
        name, kind = check_type(part, list, "a custom object")
        if name not in self.custom_modules:
            raise ModelFileError(
                f"the {name} is custom ({kind}), and a model file does not hold its code. Pass "
                f"custom_modules={{{shown(name)}: ...}} with the value that the model was fitted with"
            )
        return self.custom_modules[name]


def check_type(value: Any, kind: type, name: str) -> Any:
    """Return the value; ModelFileError unless it is of the type."""
    if type(value) is not kind:
        raise ModelFileError(f"{name} is stored as {type(value).__name__}, not as {kind.__name__}")
    return value


def check_name(name: Any, known: Any, kind: str) -> str:
    """Return the name; ModelFileError unless it is known."""
    if not isinstance(name, str) or name not in known:
        raise ModelFileError(f"it names an unknown {kind} {shown(name)}")
    return name
