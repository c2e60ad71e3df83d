"""Autoencoders that are scikit-learn transformers."""

from .estimator import AutoencoderTransformer
from .exceptions import DivergenceError, OutOfMemoryError
from .model import Convolutional, Custom, Dense, Sequence
from .novelty import AutoencoderNovelty
from .search import BottleneckSearchCV

__all__ = [
    "AutoencoderNovelty",
    "AutoencoderTransformer",
    "BottleneckSearchCV",
    "Convolutional",
    "Custom",
    "Dense",
    "DivergenceError",
    "OutOfMemoryError",
    "Sequence",
]
__version__ = "0.1.0"
