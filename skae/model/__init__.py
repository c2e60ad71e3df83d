"""Networks: architectures, bottlenecks, corruptions, and the autoencoder that combines them."""

from .autoencoder import Autoencoder, Identity, LinearPath, Softmax, Trace, UnitInterval
from .bottlenecks import (
    Bottleneck,
    Code,
    Deterministic,
    Gaussian,
    MultiDrawGaussian,
    NestedDropout,
    PseudoInputGaussian,
    Quantizer,
    Sphere,
    WrappedBottleneck,
)
from .convolutional import Convolutional
from .corruptions import CORRUPTIONS, Corruption
from .custom import Custom
from .dense import Dense
from .discriminator import WithDiscriminator
from .layer_table import LayerRow, LayerTable, layer_rows, layer_table
from .layers import EncoderDecoder, SpectralNorm, StochasticModule, is_zero
from .priors import CodebookPrior, NormalMixture, Prior, Sampler, StandardNormal, UniformSphere, draw_from_prior
from .sequential import Sequence

__all__ = [
    "CORRUPTIONS",
    "Autoencoder",
    "Bottleneck",
    "Code",
    "CodebookPrior",
    "Convolutional",
    "Corruption",
    "Custom",
    "Dense",
    "Deterministic",
    "EncoderDecoder",
    "Gaussian",
    "Identity",
    "LayerRow",
    "LayerTable",
    "LinearPath",
    "MultiDrawGaussian",
    "NestedDropout",
    "NormalMixture",
    "Prior",
    "PseudoInputGaussian",
    "Quantizer",
    "Sampler",
    "Sequence",
    "Softmax",
    "SpectralNorm",
    "Sphere",
    "StandardNormal",
    "StochasticModule",
    "Trace",
    "UniformSphere",
    "UnitInterval",
    "WithDiscriminator",
    "WrappedBottleneck",
    "draw_from_prior",
    "is_zero",
    "layer_rows",
    "layer_table",
]
