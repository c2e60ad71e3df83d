"""The caller's own encoder and decoder modules."""

from __future__ import annotations

import copy
import inspect
from typing import Any

from sklearn.base import BaseEstimator
from torch import nn

from skae._parameters import check_bool

from .layers import EncoderDecoder, Step


class Custom(BaseEstimator):
    """Your own modules as encoder and decoder.

    Parameters
    ----------
    encoder, decoder : class, function or torch.nn.Module
        What makes the module, or the module itself, which is copied and never trained in place. A class or
        function is called with those of the keywords ``sample_shape`` (channels first, without the batch
        axis) and ``n_components`` that it names. The encoder takes float32 batches of
        (n, channels, \\*sizes), or (n, n_features) for tables, to (n, n_components); the decoder takes them back. Some
        variants ask for more: an encoder to normal codes gives twice as many, a decoder of nested codes gets twice as
        many; ``n_components`` is then what is asked of either.
    linear_path : bool
        Whether a linear path, started at the PCA solution, is added to what the modules compute.

    Notes
    -----
    Classes and functions must be importable at module level for the estimator to be pickled; joblib's workers take
    others too.

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
        """Raise TypeError if a module is not one and does not make one."""
        for name in ("encoder", "decoder"):
            value = getattr(self, name)
            if not isinstance(value, nn.Module) and not callable(value):
                raise TypeError(
                    f"The {name!r} parameter of Custom must be a torch.nn.Module, or a class or function that makes "
                    f"one. Got {value!r} of type {type(value).__name__} instead."
                )
        check_bool("Custom", "linear_path", self.linear_path)

    def build(self, shape: tuple[int, ...], n_components: int) -> EncoderDecoder:
        """The encoder and decoder for samples of ``shape`` (channels first), and their layer table."""
        known = {"sample_shape": shape, "n_components": n_components}
        encoder = made("encoder", self.encoder, known)
        decoder = made("decoder", self.decoder, known)
        return EncoderDecoder(
            encoder,
            decoder,
            (Step(type(encoder).__name__, (n_components,), module=encoder),),
            (Step(type(decoder).__name__, shape, module=decoder),),
        )


def made(name: str, value: Any, known: dict[str, Any]) -> nn.Module:
    """A fresh module from an instance (copied) or from a class or function (called)."""
    if isinstance(value, nn.Module):
        return copy.deepcopy(value)
    named = inspect.signature(value).parameters
    module = value(**{key: known[key] for key in known if key in named})
    if not isinstance(module, nn.Module):
        raise TypeError(
            f"The {name!r} parameter of Custom must make a torch.nn.Module. "
            f"Got {module!r} of type {type(module).__name__} from it instead."
        )
    return module
