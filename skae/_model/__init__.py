"""Networks: how features are computed and undone, and how they become a latent code."""

from .autoencoder import Autoencoder, Identity, LinearPath, Softmax, Trace, UnitInterval
from .bottlenecks import Code, Deterministic, Drawn, Gaussian, NestedDropout, Quantized, Sphere
from .convolutional import Convolutional
from .corruptions import CORRUPTIONS, Corruption, GaussianNoise, Masking, SaltAndPepper, Swap
from .custom import Custom, check_importable
from .dense import Dense
from .discriminator import Criticised
from .layer_table import LayerRow, LayerTable, layer_rows, layer_table
from .layers import Drawing, EncoderDecoder, SpectrallyNormalized
from .sequential import Sequence

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
    "EncoderDecoder",
    "Gaussian",
    "GaussianNoise",
    "Identity",
    "LayerRow",
    "LayerTable",
    "LinearPath",
    "Masking",
    "NestedDropout",
    "Quantized",
    "SaltAndPepper",
    "Sequence",
    "Softmax",
    "SpectrallyNormalized",
    "Sphere",
    "Swap",
    "Trace",
    "UnitInterval",
    "check_importable",
    "layer_rows",
    "layer_table",
]
