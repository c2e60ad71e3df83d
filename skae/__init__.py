"""Autoencoders that are scikit-learn transformers."""

import importlib

from ._estimator import AutoencoderTransformer
from ._model import Convolutional, Custom, Dense, Sequence
from ._novelty import AutoencoderNovelty
from ._persistence import load, save
from ._search import BottleneckSearchCV
from ._version import __version__
from .exceptions import DivergenceError, ModelFileError, OutOfMemoryError

__all__ = [
    "AutoencoderNovelty",
    "AutoencoderTransformer",
    "BottleneckSearchCV",
    "Convolutional",
    "Custom",
    "Dense",
    "DivergenceError",
    "ModelFileError",
    "OutOfMemoryError",
    "Sequence",
    "__version__",
    "load",
    "save",
]
# The public modules. Those that nothing above needs are imported where they are first asked for.
MODULES = ("exceptions", "inspection", "metrics", "text", "variants")


def __getattr__(name):
    if name in MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *MODULES})
