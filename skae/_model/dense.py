"""Fully connected encoders and decoders, for tables and for samples of a few thousand numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise

from sklearn.base import BaseEstimator
from torch import nn

from skae._parameters import check_bool, check_choice, check_real, check_sizes

from .layers import ACTIVATIONS, NORMALIZATIONS, EncoderDecoder, SeededDropout, Step, normalization_layers, set_zero

# From this many features on, layers are wide, and GELU and batch normalization do better than SiLU and layer
# normalization (benchmarks/README.md).
MANY_FEATURES = 512


class Dense(BaseEstimator):
    """A fully connected autoencoder: samples are flattened, and the decoder mirrors the encoder.

    Parameters
    ----------
    hidden_sizes : "auto" or tuple of int
        Widths of the encoder's hidden layers, from the sample to the latent code. "auto" takes
        (1024, 512, 256) from 512 features on, narrower ones beyond 16,384, else (256, 128).
    activation : str
        "auto" is "gelu" from 512 features on, else "silu"; or one of "silu", "relu", "gelu", "elu", "leaky_relu",
        "tanh", "sigmoid", "identity".
    normalization : {"auto", "batch", "layer", None}
        Normalization before each activation: over the rows of a batch (Ioffe and Szegedy, 2015) or the units of a
        layer (Ba, Kiros and Hinton, 2016). "auto" is "batch" from 512 features on, else "layer".
    dropout : float in [0, 1)
        Share of hidden units dropped in training.
    linear_path : bool
        Whether a linear path, started at the PCA solution, runs beside the network.

    Examples
    --------
    >>> from skae import AutoencoderTransformer, Dense
    >>> autoencoder = AutoencoderTransformer(2, architecture=Dense(hidden_sizes=(64, 32)))
    >>> autoencoder.set_params(architecture__activation="relu").architecture
    Dense(activation='relu', hidden_sizes=(64, 32))
    """

    is_custom = False

    def __init__(self, hidden_sizes="auto", *, activation="auto", normalization="auto", dropout=0.0, linear_path=True):
        self.hidden_sizes = hidden_sizes
        self.activation = activation
        self.normalization = normalization
        self.dropout = dropout
        self.linear_path = linear_path

    def check(self) -> None:
        """Raise InvalidParameterError if a setting is wrong."""
        if not (isinstance(self.hidden_sizes, str) and self.hidden_sizes == "auto"):
            check_sizes("Dense", "hidden_sizes", self.hidden_sizes)
        check_choice("Dense", "activation", self.activation, ("auto", *ACTIVATIONS))
        check_choice("Dense", "normalization", self.normalization, ("auto", *NORMALIZATIONS))
        check_real("Dense", "dropout", self.dropout, "[0.0, 1.0)")
        check_bool("Dense", "linear_path", self.linear_path)

    def build(self, shape: tuple[int, ...], n_components: int) -> EncoderDecoder:
        """The encoder and decoder for samples of ``shape`` (channels first), and their layer table."""
        n_features = math.prod(shape)
        hidden = self._hidden_sizes(n_features)
        wide = n_features >= MANY_FEATURES
        kind = self.normalization if self.normalization != "auto" else "batch" if wide else "layer"
        name = self.activation if self.activation != "auto" else "gelu" if wide else "silu"
        make = partial(build_hidden_block, normalization=kind, activation=name, dropout=self.dropout)
        encoder, encoder_steps = self._stack("encoder", (n_features, *hidden), n_components, make)
        decoder, decoder_steps = self._stack("decoder", (n_components, *hidden[::-1]), n_features, make)
        if len(shape) > 1:
            encoder = nn.Sequential(nn.Flatten(), *encoder)
            decoder = nn.Sequential(*decoder, nn.Unflatten(1, shape))
            encoder_steps.insert(0, Step("flatten", (n_features,)))
            decoder_steps.append(Step("unflatten", shape))
        return EncoderDecoder(encoder, decoder, tuple(encoder_steps), tuple(decoder_steps))

    def _hidden_sizes(self, n_features: int) -> tuple[int, ...]:
        if not isinstance(self.hidden_sizes, str):
            return tuple(int(size) for size in self.hidden_sizes)
        if n_features < MANY_FEATURES:
            return (256, 128)
        # Beyond 16,384 features the layers narrow, so that the first one has about as many weights as there.
        width = max(128, 1024 // 2 ** max(0, math.ceil(math.log2(n_features / 2**14))))
        return (width, width // 2, width // 4)

    def _stack(self, name: str, widths: tuple[int, ...], n_out: int, make: Callable[[int, int], list[nn.Module]]):
        layers: list[nn.Module] = []
        steps = []
        for number, (n_in, width) in enumerate(pairwise(widths), start=1):
            block = make(n_in, width)
            layers += block
            steps.append(Step(f"{name} dense {number}", (width,), f"{n_in} -> {width}", nn.Sequential(*block)))
        last = nn.Linear(widths[-1], n_out)
        layers.append(set_zero(last) if self.linear_path else last)
        steps.append(Step(f"{name} dense {len(widths)}", (n_out,), f"{widths[-1]} -> {n_out}", last))
        return nn.Sequential(*layers), steps


def build_hidden_block(
    n_in: int, width: int, *, normalization: str | None, activation: str, dropout: float
) -> list[nn.Module]:
    """One hidden layer."""
    block = [nn.Linear(n_in, width), *normalization_layers(normalization, width, 0), ACTIVATIONS[activation]()]
    return [*block, SeededDropout(dropout)] if dropout > 0 else block
