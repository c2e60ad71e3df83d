"""Encoders and decoders of token sequences: embeddings that all positions share, and dense layers."""

from __future__ import annotations

import collections.abc
from typing import Literal

from sklearn.base import BaseEstimator
from torch import nn

from skae._parameters import check_bool, check_choice, check_integer, check_sizes, is_auto

from .dense import Dense
from .layers import ACTIVATIONS, NORMALIZATIONS, EncoderDecoder, Step


class Sequence(BaseEstimator):
    """An autoencoder for token sequences of one length, for ``loss="cross_entropy"``.

    The encoder embeds every token, with the same embedding at every position, and maps all positions to the code with
    dense layers. The decoder mirrors it and returns logits over the tokens at every position.

    Parameters
    ----------
    embedding_size : int
        Dimension of the embedding.
    hidden_sizes : "auto" or tuple of int
        Widths of the encoder's hidden layers, as in :class:`Dense`, with ``embedding_size * length`` features.
    activation : str
        As in :class:`Dense`.
    normalization : {"auto", "batch", "layer", None}
        As in :class:`Dense`.
    linear_path : bool
        As in :class:`Dense`; PCA and the linear path are those of one-hot tokens.

    Attributes
    ----------
    is_custom : bool
        False: the modules are the package's own.

    Examples
    --------
    >>> import numpy as np
    >>> from skae import AutoencoderTransformer, Sequence
    >>> tokens = np.random.RandomState(0).randint(5, size=(100, 6))
    >>> autoencoder = AutoencoderTransformer(
    ...     2, architecture=Sequence(embedding_size=8), loss="cross_entropy", max_epochs=2, random_state=0
    ... )
    >>> autoencoder.fit(tokens).reconstruct(tokens).shape
    (100, 6)
    """

    is_custom = False

    def __init__(
        self,
        embedding_size: int = 32,
        *,
        hidden_sizes: Literal["auto"] | collections.abc.Sequence[int] = "auto",
        activation: str = "auto",
        normalization: Literal["auto", "batch", "layer"] | None = "auto",
        linear_path: bool = True,
    ):
        self.embedding_size = embedding_size
        self.hidden_sizes = hidden_sizes
        self.activation = activation
        self.normalization = normalization
        self.linear_path = linear_path

    def check(self) -> None:
        """Raise InvalidParameterError, a ValueError and TypeError, if a parameter is invalid."""
        check_integer("Sequence", "embedding_size", self.embedding_size)
        if not is_auto(self.hidden_sizes):
            check_sizes("Sequence", "hidden_sizes", self.hidden_sizes)
        check_choice("Sequence", "activation", self.activation, ("auto", *ACTIVATIONS))
        check_choice("Sequence", "normalization", self.normalization, ("auto", *NORMALIZATIONS))
        check_bool("Sequence", "linear_path", self.linear_path)

    def build(self, shape: tuple[int, ...], n_components: int) -> EncoderDecoder:
        """Build the modules and their layer table for one-hot samples of ``shape`` (n_tokens, length).

        ``n_components`` is the width of the encoder's output and of the decoder's input.
        """
        n_tokens, length = shape
        size = int(self.embedding_size)
        dense = Dense(
            self.hidden_sizes,
            activation=self.activation,
            normalization=self.normalization,
            linear_path=self.linear_path,
        ).build((size, length), n_components)
        # A convolution of kernel size 1 on one-hot tokens is an embedding.
        embedding = nn.Conv1d(n_tokens, size, 1)
        logits = nn.Conv1d(size, n_tokens, 1)
        # With the zeros of the last dense layer, the network's output is 0 at the start, and the linear path is PCA.
        nn.init.zeros_(logits.get_parameter("bias"))
        return EncoderDecoder(
            nn.Sequential(embedding, dense.encoder),
            nn.Sequential(dense.decoder, logits),
            (Step("embedding", (size, length), f"{n_tokens} -> {size}", embedding), *dense.encoder_steps),
            (*dense.decoder_steps, Step("logits", shape, f"{size} -> {n_tokens}", logits)),
        )
