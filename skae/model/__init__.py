"""Networks: architectures, bottlenecks, corruptions, and the autoencoder that combines them."""

from .autoencoder import Autoencoder, CodeMap, Head, Identity, LinearPath, Softmax, Trace, UnitInterval
from .bottlenecks import Bottleneck, Code, Deterministic, Gaussian, MultiDrawGaussian, PseudoInputGaussian, Sphere
from .codebooks import CodebookPrior, Quantizer
from .convolutional import Convolutional
from .corruptions import CORRUPTIONS, Corruption
from .custom import Custom
from .dense import Dense
from .layer_table import LayerRow, LayerTable, layer_rows, layer_table
from .layers import EncoderDecoder, SpectralNorm, StochasticModule, is_zero
from .priors import NormalMixture, Prior, Sampler, StandardNormal, UniformSphere, draw_from_prior
from .sequential import Sequence
from .wrapped_bottlenecks import NestedDropout, WithDiscriminator, WrappedBottleneck

__all__ = [
    "CORRUPTIONS",
    "Autoencoder",
    "Bottleneck",
    "Code",
    "CodeMap",
    "CodebookPrior",
    "Convolutional",
    "Corruption",
    "Custom",
    "Dense",
    "Deterministic",
    "EncoderDecoder",
    "Gaussian",
    "Head",
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
