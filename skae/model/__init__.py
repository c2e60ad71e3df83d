"""Networks: how features are computed and undone, and how they become a latent code."""

from .autoencoder import Autoencoder, Identity, LinearPath, Softmax, Trace, UnitInterval
from .bottlenecks import Code, Deterministic, Drawn, Gaussian, Nested, Quantised, Sphere
from .convolutional import Convolutional
from .corruptions import CORRUPTIONS, Corruption, GaussianNoise, Masking, SaltAndPepper, Swap
from .critic import Criticised
from .custom import Custom, check_importable
from .dense import Dense
from .layers import Drawing, Halves, SpectrallyNormalised
from .sequential import Sequence
from .table import LayerRow, LayerTable, layer_rows, layer_table

__all__ = [
    "CORRUPTIONS",
    "Autoencoder",
    "Code",
    "Convolutional",
    "Corruption",
    "Criticised",
    "Custom",
    "Dense",
    "Deterministic",
    "Drawing",
    "Drawn",
    "Gaussian",
    "GaussianNoise",
    "Halves",
    "Identity",
    "LayerRow",
    "LayerTable",
    "LinearPath",
    "Masking",
    "Nested",
    "Quantised",
    "SaltAndPepper",
    "Sequence",
    "Softmax",
    "SpectrallyNormalised",
    "Sphere",
    "Swap",
    "Trace",
    "UnitInterval",
    "check_importable",
    "layer_rows",
    "layer_table",
]
