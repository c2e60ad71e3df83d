"""Autoencoders that are scikit-learn transformers."""

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
