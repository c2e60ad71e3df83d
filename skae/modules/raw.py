"""Torch modules from raw samples to codes and back. Each holds the scaling and its half of the fitted network."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from skae.data import EXACT_IN_FLOAT32, SampleLayout, Scaling, TableLayout, TokenLayout
from skae.model import Autoencoder, Softmax


class TokenScores(NamedTuple):
    """Reconstructed tokens.

    Parameters
    ----------
    logits : Tensor of shape (n, n_tokens, length)
        The classes are the second axis, as ``torch.nn.functional.cross_entropy`` takes them. If the loss of the fit was
        not "cross_entropy": reconstructed one-hot vectors.
    ids : Tensor of shape (n, length), int64
        The most likely tokens.
    """

    logits: Tensor
    ids: Tensor


class RawScaling(nn.Module):
    """The learned scaling of samples, as buffers.

    They stay float64 if the network around them is cast, as by ``half()``: float32 would lose digits of values that
    are far from 0. MPS has no float64, so buffers stay on the CPU there, and samples are scaled on the CPU.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, scaling: Scaling):
        super().__init__()
        self.register_buffer("mean", scaling.mean.detach().clone())
        self.register_buffer("scale", scaling.scale.detach().clone())
        self.float32_suffices = scaling.float32_suffices

    def forward(self, rows: Tensor) -> Tensor:
        """Scaled rows (n, n_features), float32, on the device of ``rows``."""
        device, rows = rows.device, rows.to(self.mean.device)
        is_exact = rows.dtype in EXACT_IN_FLOAT32 and self.float32_suffices
        dtype = torch.float32 if is_exact else torch.float64
        scaled = (rows.to(dtype) - self.mean.to(dtype)) / self.scale.to(dtype)
        return scaled.to(device, torch.float32)

    def invert(self, rows: Tensor, dtype: torch.dtype) -> Tensor:
        """Rows (n, n_features) in the units of X."""
        device = rows.device
        raw = rows.to(self.mean.device, torch.float64) * self.scale + self.mean
        return raw.to(device, torch.float32 if device.type == "mps" else dtype)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> RawScaling:
        def move(buffer: Tensor) -> Tensor:
            try:
                moved = fn(buffer)
            except TypeError:  # MPS has no float64.
                return buffer
            return moved if moved.dtype == buffer.dtype else buffer.to(moved.device)

        return super()._apply(move, recurse)


class RawEncoder(nn.Module):
    """Raw samples to codes.

    Parameters
    ----------
    module : Autoencoder
        The fitted network; its weights are copied.
    layout : SampleLayout
        Shape, axes and scaling of the samples.
    """

    # The limits of filled values, if there are any.
    low: Tensor
    high: Tensor

    def __init__(self, module: Autoencoder, layout: SampleLayout):
        check_layout(layout)
        super().__init__()
        self.scaling = RawScaling(layout.scaling)
        self.network = encoding_part(module, layout.has_missing)
        for name, end in zip(("low", "high"), layout.limits if layout.has_missing else (), strict=False):
            self.register_buffer(name, end)
        self.layout = without_scaling(layout)
        self.n_tokens = layout.n_tokens if isinstance(layout, TokenLayout) else None
        self.to(module.latent_scale.device).eval()

    def forward(self, X: Tensor) -> Tensor:
        """Codes (n, n_components), as ``transform`` returns them.

        If rows of the fit had missing values (NaN), those of X are filled, with constants as far as gradients go. Else
        codes of rows with missing values are NaN.

        Parameters
        ----------
        X : Tensor of shape (n, \\*sample_shape), or (n, n_features) with flattened samples
            Of any numeric dtype, in the units and axes of the fitted X. Tokens: integers below ``n_tokens``.

        Returns
        -------
        Z : Tensor of shape (n, n_components), float32

        Raises
        ------
        ValueError, TypeError
            If X has another shape, or is of a dtype that is not numeric. Values are not checked, unlike in
            ``transform``.
        """
        x = self.layout.from_flat(self.scaling(self._rows(X))).to(self.network.latent_scale.dtype)
        if self.layout.has_missing:
            # An exported graph has no branches: it fills all rows.
            fill = self.network.fill_rows if torch.compiler.is_compiling() else self.network.fill
            x = fill(x, (self.low, self.high))
        return self.network.encode_complete(x)

    def _rows(self, X: Tensor) -> Tensor:
        """X as rows (n, n_features), one-hot for tokens."""
        check_shape("X", X, self.layout.sample_shape)
        if X.is_complex():
            raise TypeError(f"X must hold real numbers, got a tensor of dtype {X.dtype}.")
        if self.n_tokens is None:
            return X.flatten(1)
        if X.is_floating_point() or X.dtype is torch.bool:
            raise TypeError(f"Tokens must be integers from 0 to {self.n_tokens - 1}, got X of dtype {X.dtype}.")
        ids = X.to(self.scaling.mean.device, torch.int64)
        return functional.one_hot(ids, self.n_tokens).to(torch.uint8).transpose(1, 2).flatten(1)


class RawDecoder(nn.Module):
    """Codes to samples in the units of X; tokens to :class:`TokenScores`. Parameters as of :class:`RawEncoder`."""

    def __init__(self, module: Autoencoder, layout: SampleLayout):
        check_layout(layout)
        super().__init__()
        self.scaling = RawScaling(layout.scaling)
        self.network = decoding_part(module)
        self.layout = without_scaling(layout)
        self.is_token_decoder = isinstance(layout, TokenLayout)
        self.dtype = torch.float64 if layout.dtype == "float64" else torch.float32
        self.to(module.latent_scale.device).eval()

    def forward(self, Z: Tensor) -> Any:
        """Samples, as ``inverse_transform`` returns them.

        Parameters
        ----------
        Z : Tensor of shape (n, n_components)
            Codes; if they are nested, Z may have fewer columns: the first ones.

        Returns
        -------
        X : Tensor of shape (n, \\*sample_shape)
            float32, or float64 if float32 would lose digits of the fitted X; :class:`TokenScores` for tokens.

        Raises
        ------
        ValueError
            If Z has another shape.
        """
        bottleneck = self.network.bottleneck
        fewest = 1 if bottleneck.is_nested else bottleneck.code_size
        if Z.ndim != 2 or not fewest <= Z.shape[1] <= bottleneck.code_size:
            raise ValueError(f"Z must have shape (n, {bottleneck.code_size}), got a tensor of shape {tuple(Z.shape)}.")
        codes = Z.to(self.network.latent_scale.dtype)
        if self.is_token_decoder:
            return self._decode_tokens(codes)
        rows = self.scaling.invert(self.layout.to_flat(self.network.decode(codes)), self.dtype)
        return rows.unflatten(1, self.layout.sample_shape)

    def _decode_tokens(self, codes: Tensor) -> TokenScores:
        if isinstance(self.network.link, Softmax):
            logits = self.network.output(self.network.to_inner(codes))
        else:
            flat = self.layout.to_flat(self.network.decode(codes))
            logits = self.layout.from_flat(self.scaling.invert(flat, torch.float32))
        return TokenScores(logits, logits.argmax(1))


class RawAutoencoder(nn.Module):
    """Raw samples to their reconstructions: ``decoder(encoder(X))``. Parameters as of :class:`RawEncoder`."""

    def __init__(self, module: Autoencoder, layout: SampleLayout):
        super().__init__()
        self.encoder = RawEncoder(module, layout)
        self.decoder = RawDecoder(module, layout)

    def forward(self, X: Tensor) -> Any:
        """Reconstructions of the shape of X, as ``reconstruct`` returns them; :class:`TokenScores` for tokens."""
        output = self.decoder(self.encoder(X))
        return output.reshape(X.shape) if isinstance(output, Tensor) else output


def encoding_part(module: Autoencoder, fills_missing: bool) -> Autoencoder:
    """A copy of what ``encode`` uses, and of the decoder, frozen, if it has to fill missing values."""
    names = ("encoder", *(("decoder", "link") if fills_missing else ()))
    part = copy_of_parts(module, *names, linear=("encoder", "decoder") if fills_missing else ("encoder",))
    for half in (part.decoder, None if part.linear is None else part.linear.decoder):
        if half is not None:
            half.requires_grad_(False)
    return part


def decoding_part(module: Autoencoder) -> Autoencoder:
    """A copy of what ``decode`` uses."""
    return copy_of_parts(module, "decoder", "link", linear=("decoder",))


def copy_of_parts(module: Autoencoder, *names: str, linear: tuple[str, ...]) -> Autoencoder:
    """A copy of the named parts, and of those of the linear path, with trainable weights; others are None."""
    part = copy.copy(module)
    kept = (*names, "bottleneck", "code_map", "projection")
    part._modules = {name: child if name in kept else None for name, child in module._modules.items()}
    part._modules["bottleneck"] = module.bottleneck.without_training_parts()
    part._parameters = dict.fromkeys(module._parameters)
    if module.linear is not None:
        half = copy.copy(module.linear)
        half._modules = {name: child if name in linear else None for name, child in module.linear._modules.items()}
        part._modules["linear"] = half
    with torch.inference_mode(False):
        part = copy.deepcopy(part)
    part.training_dtype = torch.float32  # type: ignore[assignment]
    for weight in part.parameters():
        weight.requires_grad_(weight.is_floating_point())
    return part


def without_scaling(layout: SampleLayout) -> SampleLayout:
    """The layout without its scaling, which modules hold as buffers."""
    empty: Any = None
    return replace(layout, scaling=empty)


def check_shape(name: str, X: Tensor, sample_shape: tuple[int, ...]) -> None:
    """Raise ValueError unless X has samples of ``sample_shape`` or flattened ones."""
    n_features = math.prod(sample_shape)
    if tuple(X.shape[1:]) not in (sample_shape, (n_features,)) or X.ndim < 2:
        flat = f", or (n, {n_features}) with flattened samples" if len(sample_shape) > 1 else ""
        expected = ", ".join(map(str, ("n", *sample_shape)))
        raise ValueError(f"{name} must have shape ({expected}){flat}. Got a tensor of shape {tuple(X.shape)}.")


def check_layout(layout: SampleLayout) -> None:
    """Raise TypeError for tables with categories, booleans or dates, whose encoding is not a part of the network."""
    if isinstance(layout, TableLayout):
        raise TypeError(
            "The network of a table with categories, text, booleans or dates cannot be exported, because tensors do "
            "not hold them. With categorical_features=None, booleans are numbers. Encode others first, as in "
            "make_pipeline(make_column_transformer((OneHotEncoder(), columns), remainder='passthrough'), "
            "AutoencoderTransformer()), and export that pipeline."
        )
