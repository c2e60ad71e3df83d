"""Fully connected encoders and decoders, for tables and for samples of a few thousand features."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Literal

from sklearn.base import BaseEstimator
from torch import nn

from skae._parameters import check_bool, check_choice, check_real, check_sizes, is_auto

from .layers import ACTIVATIONS, NORMALIZATIONS, EncoderDecoder, SeededDropout, Step, normalization_layers, set_zero

# With at least this many features, layers are wide, and GELU and batch normalization are better than SiLU and layer
# normalization (benchmarks/README.md).
MANY_FEATURES = 512


class Dense(BaseEstimator):
    """A fully connected autoencoder: samples are flattened, and the decoder mirrors the encoder.

    Parameters
    ----------
    hidden_sizes : "auto" or tuple of int
        Widths of the encoder's hidden layers, from the sample to the code. "auto" is (256, 128) below 512 features and
        (1024, 512, 256) from 512 features. Above 16,384 features all three widths are halved with every doubling of the
        features, down to (128, 64, 32).
    activation : {"auto", "silu", "relu", "gelu", "elu", "leaky_relu", "tanh", "sigmoid", "identity"}
        Activation of the hidden layers. "auto" is "silu" below 512 features, else "gelu".
    normalization : {"auto", "batch", "layer", None}
        Normalization before each activation: over a batch (Ioffe and Szegedy, 2015) or over the units of a layer (Ba,
        Kiros and Hinton, 2016). "auto" is "layer" below 512 features, else "batch".
    dropout : float
        Share of hidden units dropped in training, in [0, 1) (Srivastava et al., 2014).
    linear_path : bool
        Whether to add a linear encoder and decoder in parallel to the network, initialized with PCA and trained with
        it. Without it, ``fit`` does not start from PCA and does not fall back to it.
    projection : {"auto", None}
        "auto": the network reads and reconstructs wide samples as coordinates along the leading principal axes of the
        rows of ``fit``. These are computed once and not trained, so that the time of training does not depend on the
        number of features. It applies to samples of at least 1,024 features, up to four rows per feature, with
        ``loss="mse"`` and a variant without corruption of samples or a Jacobian penalty. There are four coordinates
        per component, at least 128 and at most 511, or ``n_components`` if that is more; n rows have at most n - 1.
        "auto" is then (512, 256), GELU and batch normalization. With early stopping, a network of the sizes for few
        features is tried first: if it is not better than PCA after about 300 steps, it is trained instead, as PCA will
        probably be kept. None: the layers read all features.

    Attributes
    ----------
    is_custom : bool
        False: the modules are the package's own.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer, Dense
    >>> autoencoder = AutoencoderTransformer(2, architecture=Dense((64, 32)), max_epochs=3, random_state=0)
    >>> autoencoder.fit(load_iris().data).transform(load_iris().data).shape
    (150, 2)
    >>> autoencoder.set_params(architecture__activation="relu").architecture
    Dense(activation='relu', hidden_sizes=(64, 32))
    """

    is_custom = False

    def __init__(
        self,
        hidden_sizes: Literal["auto"] | Sequence[int] = "auto",
        *,
        activation: str = "auto",
        normalization: Literal["auto", "batch", "layer"] | None = "auto",
        dropout: float = 0.0,
        linear_path: bool = True,
        projection: Literal["auto"] | None = "auto",
    ):
        self.hidden_sizes = hidden_sizes
        self.activation = activation
        self.normalization = normalization
        self.dropout = dropout
        self.linear_path = linear_path
        self.projection = projection

    def check(self) -> None:
        """Raise InvalidParameterError, a ValueError and TypeError, if a parameter is invalid."""
        if not is_auto(self.hidden_sizes):
            check_sizes("Dense", "hidden_sizes", self.hidden_sizes)
        check_choice("Dense", "activation", self.activation, ("auto", *ACTIVATIONS))
        check_choice("Dense", "normalization", self.normalization, ("auto", *NORMALIZATIONS))
        check_real("Dense", "dropout", self.dropout, "[0.0, 1.0)")
        check_bool("Dense", "linear_path", self.linear_path)
        check_choice("Dense", "projection", self.projection, ("auto", None))

    def build(self, shape: tuple[int, ...], n_components: int) -> EncoderDecoder:
        """Build the modules and their layer table for samples of ``shape``, channels first; (n_features,) for tables.

        ``n_components`` is the width of the encoder's output and of the decoder's input.
        """
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
        # Above 16,384 features widths decrease, so that the first layer keeps about the same number of weights.
        width = max(128, 1024 // 2 ** max(0, math.ceil(math.log2(n_features / 2**14))))
        return (width, width // 2, width // 4)

    def _stack(
        self, name: str, widths: tuple[int, ...], n_out: int, make: Callable[[int, int], list[nn.Module]]
    ) -> tuple[nn.Sequential, list[Step]]:
        """Hidden layers of ``widths`` and a linear layer to ``n_out``."""
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
    """The modules of one hidden layer: linear, normalization, activation and dropout."""
    block = [nn.Linear(n_in, width), *normalization_layers(normalization, width, 0), ACTIVATIONS[activation]()]
    return [*block, SeededDropout(dropout)] if dropout > 0 else block
