"""Custom modules as encoder and decoder."""

from __future__ import annotations

import copy
import inspect
from typing import Any

from sklearn.base import BaseEstimator
from torch import nn

from skae._parameters import check_bool

from .layers import EncoderDecoder, Step


class Custom(BaseEstimator):
    """Custom modules as encoder and decoder.

    Parameters
    ----------
    encoder, decoder : torch.nn.Module, or a class or function that returns one
        A module is copied, and the given one is never trained. A class or function is called with those of the
        keyword arguments ``sample_shape`` (channels first, without the batch axis) and ``n_components`` that it has.
        The encoder maps float32 batches of shape (n, channels, \\*sizes), or (n, n_features) for tables, to
        (n, n_components); the decoder maps them back. Some variants need more outputs of the encoder (variational
        codes: mean and log variance) or more inputs of the decoder (nested codes); a class or function gets that
        number as ``n_components``.
    linear_path : bool, default=False
        Whether to add a linear path, initialized with PCA, to the outputs of the modules.

    Notes
    -----
    To pickle the estimator, define classes and functions at module level, where pickle can import them. Workers of
    joblib, and ``copy.deepcopy``, take local ones too.

    Examples
    --------
    >>> from torch import nn
    >>> from skae import AutoencoderTransformer, Custom
    >>> autoencoder = AutoencoderTransformer(2, architecture=Custom(nn.Linear(64, 2), nn.Linear(2, 64)))
    """

    # Custom modules may need real tensors to be built, and may draw from torch's global generators.
    is_custom = True

    def __init__(self, encoder, decoder, *, linear_path=False):
        self.encoder = encoder
        self.decoder = decoder
        self.linear_path = linear_path

    def check(self) -> None:
        """Raise TypeError unless encoder and decoder are modules, classes or functions."""
        for name in ("encoder", "decoder"):
            value = getattr(self, name)
            if not isinstance(value, nn.Module) and not callable(value):
                raise TypeError(
                    f"The {name!r} parameter of Custom must be a torch.nn.Module, or a class or function that "
                    f"returns one. Got {value!r} of type {type(value).__name__} instead."
                )
        check_bool("Custom", "linear_path", self.linear_path)

    def build(self, shape: tuple[int, ...], n_components: int) -> EncoderDecoder:
        """Build the modules and their layer table for samples of ``shape``, channels first."""
        arguments = {"sample_shape": shape, "n_components": n_components}
        encoder = build_module("encoder", self.encoder, arguments)
        decoder = build_module("decoder", self.decoder, arguments)
        return EncoderDecoder(
            encoder,
            decoder,
            (Step(type(encoder).__name__, (n_components,), module=encoder),),
            (Step(type(decoder).__name__, shape, module=decoder),),
        )


def build_module(name: str, value: Any, arguments: dict[str, Any]) -> nn.Module:
    """Copy a module, or call a class or function with those of the arguments that it has."""
    if isinstance(value, nn.Module):
        return copy.deepcopy(value)
    parameters = inspect.signature(value).parameters
    module = value(**{key: argument for key, argument in arguments.items() if key in parameters})
    if not isinstance(module, nn.Module):
        raise TypeError(
            f"The {name!r} parameter of Custom must return a torch.nn.Module. "
            f"It returned {module!r} of type {type(module).__name__} instead."
        )
    return module
