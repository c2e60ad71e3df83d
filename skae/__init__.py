"""Autoencoders that are scikit-learn transformers."""

import importlib

from .estimator import AutoencoderTransformer
from .exceptions import DivergenceError, ModelFileError, OutOfMemoryError
from .model import Convolutional, Custom, Dense, Sequence
from .novelty import AutoencoderNovelty
from .persistence import load, save
from .search import BottleneckSearchCV
from .version import __version__

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
# Public modules that nothing above needs; imported where they are first asked for.
MODULES = ("inspection", "metrics", "text", "variants")


def __getattr__(name):
    if name in MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *MODULES})
