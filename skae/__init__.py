"""Autoencoders that are scikit-learn transformers."""

import importlib
from typing import TYPE_CHECKING

from ._estimator.transformer import AutoencoderTransformer
from ._imputer.imputer import AutoencoderImputer
from ._novelty.novelty import AutoencoderNovelty
from ._search.search import BottleneckSearchCV
from ._version import __version__
from .exceptions import DivergenceError, ModelFileError, OutOfMemoryError
from .model import Convolutional, Custom, Dense, Sequence
from .persistence import load, save

if TYPE_CHECKING:
    from .export import from_pretrained, push_to_hub, save_pretrained, to_onnx

__all__ = [
    "AutoencoderImputer",
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
    "from_pretrained",
    "load",
    "push_to_hub",
    "save",
    "save_pretrained",
    "to_onnx",
]
# Public modules, and packages that can be imported to extend this one (CONTRIBUTING.md); imported on first use.
MODULES = ("exceptions", "inspection", "metrics", "modules", "text", "variants")
PACKAGES = ("data", "export", "model", "objectives", "persistence", "sampling", "serialization", "training")
# Functions of ``export``, imported on first use.
EXPORTS = ("from_pretrained", "push_to_hub", "save_pretrained", "to_onnx")


def __getattr__(name):
    if name in EXPORTS:
        return getattr(importlib.import_module(f"{__name__}.export"), name)
    if name in (*MODULES, *PACKAGES):
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *MODULES, *PACKAGES, *EXPORTS})
