"""Encoders and decoders of token sequences: embeddings shared by all places, dense layers between."""

from __future__ import annotations

from sklearn.base import BaseEstimator
from torch import nn

from skae._parameters import check_bool, check_choice, check_integer, check_sizes

from .dense import Dense
from .layers import ACTIVATIONS, NORMALIZATIONS, EncoderDecoder, Step


class Sequence(BaseEstimator):
    """An autoencoder of token sequences: every token is embedded, the places are taken together by dense layers, and
    the way back ends in one number for each token at each place (logits).

    Parameters
    ----------
    embedding_size : int
        Numbers a token becomes, the same wherever it stands.
    hidden_sizes : "auto" or tuple of int
        Widths of the encoder's hidden layers, as in :class:`Dense`.
    activation : str
        As in :class:`Dense`.
    normalization : {"auto", "batch", "layer", None}
        As in :class:`Dense`.
    linear_path : bool
        Whether a linear path on one-hot tokens, started at the PCA solution, runs beside the network.

    Examples
    --------
    >>> from skae import AutoencoderTransformer, Sequence
    >>> autoencoder = AutoencoderTransformer(16, architecture=Sequence(embedding_size=8), loss="cross_entropy")
    """

    is_custom = False

    def __init__(
        self, embedding_size=32, *, hidden_sizes="auto", activation="auto", normalization="auto", linear_path=True
    ):
        self.embedding_size = embedding_size
        self.hidden_sizes = hidden_sizes
        self.activation = activation
        self.normalization = normalization
        self.linear_path = linear_path

    def check(self) -> None:
        """Raise InvalidParameterError if a setting is wrong."""
        check_integer("Sequence", "embedding_size", self.embedding_size)
        if not (isinstance(self.hidden_sizes, str) and self.hidden_sizes == "auto"):
            check_sizes("Sequence", "hidden_sizes", self.hidden_sizes)
        check_choice("Sequence", "activation", self.activation, ("auto", *ACTIVATIONS))
        check_choice("Sequence", "normalization", self.normalization, ("auto", *NORMALIZATIONS))
        check_bool("Sequence", "linear_path", self.linear_path)

    def build(self, shape: tuple[int, ...], n_components: int) -> EncoderDecoder:
        """The encoder and decoder for samples of ``shape`` (n_tokens, length), and their layer table."""
        n_tokens, length = shape
        size = int(self.embedding_size)
        dense = Dense(
            self.hidden_sizes,
            activation=self.activation,
            normalization=self.normalization,
            linear_path=self.linear_path,
        )
        between = dense.build((size, length), n_components)
        # One-hot numbers times a matrix, place by place, are an embedding.
        embedding = nn.Conv1d(n_tokens, size, 1)
        logits = nn.Conv1d(size, n_tokens, 1)
        # The dense layers end in zeros, and so does this one's bias: the network starts as nothing beside the path.
        nn.init.zeros_(logits.get_parameter("bias"))
        return EncoderDecoder(
            nn.Sequential(embedding, between.encoder),
            nn.Sequential(between.decoder, logits),
            (Step("embedding", (size, length), f"{n_tokens} -> {size}", embedding), *between.encoder_steps),
            (*between.decoder_steps, Step("logits", shape, f"{size} -> {n_tokens}", logits)),
        )
