"""The fitted network as torch modules, and the methods by which skl2onnx converts an estimator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from skae.modules import RawAutoencoder, RawDecoder, RawEncoder
from skae.training import FitResult

Module = TypeVar("Module", RawEncoder, RawDecoder, RawAutoencoder)


class ModulesMixin:
    """``encoder_``, ``decoder_`` and ``autoencoder_``."""

    _learned: FitResult

    @property
    def encoder_(self) -> RawEncoder:
        """Torch module from raw samples (n, \\*sample_shape_) to codes (n, n_components_); a copy."""
        return self._raw(RawEncoder)

    @property
    def decoder_(self) -> RawDecoder:
        """Torch module from codes (n, n_components_) to samples (n, \\*sample_shape_) in the units of X; a copy."""
        return self._raw(RawDecoder)

    @property
    def autoencoder_(self) -> RawAutoencoder:
        """Torch module from raw samples to their reconstructions, in the shape and units of its input; a copy."""
        return self._raw(RawAutoencoder)

    def _raw(self, kind: type[Module]) -> Module:
        """A new module of the last fit; AttributeError if there can be none."""
        result = self._learned
        try:
            return kind(result.net.module_, result.layout)
        except TypeError as error:
            raise AttributeError(str(error)) from error

    def onnx_parser(self) -> Callable[..., Any]:
        """The function by which ``skl2onnx.to_onnx`` names the output."""
        from skae.modules.converter import name_output

        return name_output

    def onnx_shape_calculator(self) -> Callable[[Any], None]:
        """The function by which ``skl2onnx.to_onnx`` infers the shape of codes."""
        from skae.modules.converter import infer_output

        return infer_output

    def onnx_converter(self) -> Callable[..., None]:
        """The function by which ``skl2onnx.to_onnx`` converts ``transform``."""
        from skae.modules.converter import convert

        return convert
