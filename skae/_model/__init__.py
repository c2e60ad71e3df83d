"""Networks: how features are computed and undone, and how they become a latent code."""

from .autoencoder import Autoencoder, Identity, LinearPath, Softmax, Trace, UnitInterval
from .bottlenecks import Code, Deterministic, Gaussian, MultiDrawGaussian, NestedDropout, Quantizer, Sphere
from .convolutional import Convolutional
from .corruptions import CORRUPTIONS, Corruption, GaussianNoise, Masking, SaltAndPepper, Swap
from .custom import Custom
from .dense import Dense
from .discriminator import WithDiscriminator
from .layer_table import LayerRow, LayerTable, layer_rows, layer_table
from .layers import EncoderDecoder, SpectralNorm, StochasticModule
from .sequential import Sequence

__all__ = [
    "CORRUPTIONS",
    "Autoencoder",
    "Code",
    "Convolutional",
    "Corruption",
    "Custom",
    "Dense",
    "Deterministic",
    "EncoderDecoder",
    "Gaussian",
    "GaussianNoise",
    "Identity",
    "LayerRow",
    "LayerTable",
    "LinearPath",
    "Masking",
    "MultiDrawGaussian",
    "NestedDropout",
    "Quantizer",
    "SaltAndPepper",
    "Sequence",
    "Softmax",
    "SpectralNorm",
    "Sphere",
    "StochasticModule",
    "Swap",
    "Trace",
    "UnitInterval",
    "WithDiscriminator",
    "layer_rows",
    "layer_table",
]
