"""The estimator: parameters, order of calls, sampling."""

from .transformer import AutoencoderTransformer

__all__ = ["AutoencoderTransformer"]
