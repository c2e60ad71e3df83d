"""Networks: architectures, bottlenecks, corruptions, and the autoencoder that combines them."""

from .autoencoder import Autoencoder, CodeMap, Head, Identity, LinearPath, Softmax, Trace, UnitInterval
from .bottlenecks import Bottleneck, Code, Deterministic, Gaussian, MultiDrawGaussian, PseudoInputGaussian, Sphere
from .codebooks import CodebookPrior, Quantizer
from .convolutional import Convolutional
from .corruptions import CORRUPTIONS
from .custom import Custom
from .dense import Dense
from .layer_table import LayerRow, LayerTable, layer_rows, layer_table
from .layers import EncoderDecoder, SpectralNorm, StochasticModule, is_zero
from .missing import MissingValues
from .priors import NormalMixture, Prior, Sampler, StandardNormal, UniformSphere, draw_from_prior
from .projection import Projection
from .sequential import Sequence
from .wrapped_bottlenecks import NestedDropout, WithDiscriminator, WrappedBottleneck
