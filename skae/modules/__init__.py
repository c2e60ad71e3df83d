"""The fitted network as torch modules of raw samples, and their ONNX graphs."""

from .raw import RawAutoencoder, RawDecoder, RawEncoder, TokenScores

__all__ = ["RawAutoencoder", "RawDecoder", "RawEncoder", "TokenScores"]
