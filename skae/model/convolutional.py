"""Convolutional encoders and decoders over one, two or three spatial axes, planned in integers first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal, TypeVar

from sklearn.base import BaseEstimator
from torch import nn

from skae._parameters import (
    InvalidParameterError,
    check_bool,
    check_choice,
    check_integer,
    check_sizes,
    invalid,
    is_auto,
)

from .dense import build_hidden_block
from .layers import ACTIVATIONS, NORMALIZATIONS, EncoderDecoder, Step, normalization_layers, set_zero
from .shapes import ConvolutionStep, pyramid

# By the number of spatial axes.
CONVOLUTIONS: dict[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED: dict[int, Any] = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
# Largest width of the dense layer between feature map and code, and largest number of weights from the map to it.
HIDDEN_SIZE, HIDDEN_WEIGHTS = 512, 2**22
Value = TypeVar("Value")


class Convolutional(BaseEstimator):
    """A convolutional autoencoder for signals, pictures and videos, with one, two or three spatial axes.

    The encoder is a stack of strided convolutions and dense layers from the last feature map to the code. The decoder
    mirrors it with transposed convolutions.

    Parameters
    ----------
    channels : "auto" or tuple of int
        Output channels of each convolution; the length of the tuple is the depth. "auto" is 32, doubled with every
        layer up to 128, with as many layers as make the longest axis of the feature map at most 8.
    kernel_size : "auto", int or tuple of int
        Kernel size along every axis; a tuple has one per layer. "auto" is 3, or 9 with one spatial axis.
    stride : "auto", int or tuple of int
        Stride along every axis; a tuple has one per layer. 2 halves an axis. "auto" is 2, or 4 with one spatial axis.
        An axis shorter than 4 keeps its length.
    depth : "auto" or int
        Number of convolutions if ``channels`` is "auto".
    hidden_sizes : "auto" or tuple of int
        Widths of the dense layers between feature map and code, as in :class:`Dense`; () for none. "auto" is one layer
        of 512 units, but of at most the size of the map and at most 2**22 weights.
    activation : {"silu", "relu", "gelu", "elu", "leaky_relu", "tanh", "sigmoid", "identity"}
        Activation of all layers but the last.
    normalization : {"batch", "layer", None}
        Normalization before each activation. "batch" is batch normalization per channel (Ioffe and Szegedy, 2015).
        "layer" normalizes each sample over channels and spatial axes (Ba, Kiros and Hinton, 2016).
    linear_path : bool
        As in :class:`Dense`.

    Attributes
    ----------
    is_custom : bool
        False: the modules are the package's own.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer, Convolutional
    >>> pictures = load_digits().images[:200]
    >>> autoencoder = AutoencoderTransformer(8, architecture=Convolutional((16, 32)), max_epochs=2, random_state=0)
    >>> autoencoder.fit(pictures).reconstruct(pictures).shape
    (200, 8, 8)
    >>> autoencoder.set_params(architecture__kernel_size=5).architecture
    Convolutional(channels=(16, 32), kernel_size=5)
    """

    is_custom = False

    def __init__(
        self,
        channels: Literal["auto"] | Sequence[int] = "auto",
        *,
        kernel_size: Literal["auto"] | int | Sequence[int] = "auto",
        stride: Literal["auto"] | int | Sequence[int] = "auto",
        depth: Literal["auto"] | int = "auto",
        hidden_sizes: Literal["auto"] | Sequence[int] = "auto",
        activation: str = "gelu",
        normalization: Literal["batch", "layer"] | None = "batch",
        linear_path: bool = True,
    ):
        self.channels = channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.depth = depth
        self.hidden_sizes = hidden_sizes
        self.activation = activation
        self.normalization = normalization
        self.linear_path = linear_path

    def check(self) -> None:
        """Raise InvalidParameterError, a ValueError and TypeError, if a parameter is invalid."""
        if not is_auto(self.channels):
            check_sizes("Convolutional", "channels", self.channels)
            if not is_auto(self.depth) and self.depth != len(self.channels):
                raise invalid("Convolutional", "depth", f"'auto' or the length of channels={self.channels}", self.depth)
        if not is_auto(self.depth):
            check_integer("Convolutional", "depth", self.depth)
        if not is_auto(self.hidden_sizes):
            check_sizes("Convolutional", "hidden_sizes", self.hidden_sizes, may_be_empty=True, otherwise=" or 'auto'")
        for name in ("kernel_size", "stride"):
            value = getattr(self, name)
            if hasattr(value, "__len__") and not isinstance(value, str):
                check_sizes("Convolutional", name, value)
            elif not is_auto(value):
                check_integer("Convolutional", name, value, otherwise=", a tuple of them or 'auto'")
        check_choice("Convolutional", "activation", self.activation, tuple(ACTIVATIONS))
        check_choice("Convolutional", "normalization", self.normalization, NORMALIZATIONS)
        check_bool("Convolutional", "linear_path", self.linear_path)

    def plan(self, shape: tuple[int, ...]) -> list[ConvolutionStep]:
        """Plan the convolutions for samples of ``shape``, channels first.

        Raises ValueError if the sample does not have one to three spatial axes, or is too small for all layers.
        """
        channels_in, *sizes = shape
        if not 1 <= len(sizes) <= 3:
            raise ValueError(
                f"architecture='conv' needs samples with one to three spatial axes, got samples of shape {shape}. "
                f"Pass sample_shape=(height, width) for flattened pictures, axes='t' for signals, or "
                f"architecture='dense'."
            )
        stride = resolve(self.stride, 4 if len(sizes) == 1 else 2)
        channels = self._channels(max(sizes), stride if isinstance(stride, int) else max(stride))
        kernel_sizes = self._per_layer("kernel_size", 9 if len(sizes) == 1 else 3, len(channels))
        strides = self._per_layer("stride", stride, len(channels))
        return pyramid(channels_in, tuple(sizes), channels, kernel_sizes, strides)

    def build(self, shape: tuple[int, ...], n_components: int) -> EncoderDecoder:
        """Build the modules and their layer table for samples of ``shape`` (channels first); errors as in ``plan``.

        ``n_components`` is the width of the encoder's output and of the decoder's input.
        """
        steps = self.plan(shape)
        last_map = steps[-1].shape_out
        n_map = math.prod(last_map)
        widths = (n_map, *self._hidden_sizes(n_map))
        down = [self._down(number, step) for number, step in enumerate(steps, start=1)]
        down.append(Step("flatten", (n_map,), module=nn.Flatten()))
        down += [self._hidden("encoder", number, *sizes) for number, sizes in enumerate(pairwise(widths), start=1)]
        to_code = self._last(nn.Linear(widths[-1], n_components))
        down.append(Step("encoder dense", (n_components,), f"{widths[-1]} -> {n_components}", to_code))
        back = (n_components, *widths[:0:-1])
        up = [self._hidden("decoder", number, *sizes) for number, sizes in enumerate(pairwise(back), start=1)]
        up += [
            Step("decoder dense", (n_map,), f"{back[-1]} -> {n_map}", nn.Linear(back[-1], n_map)),
            Step("unflatten", last_map, module=nn.Unflatten(1, last_map)),
        ]
        up += [self._up(number, step) for number, step in reversed(list(enumerate(steps, start=1)))]
        encoder = nn.Sequential(*(step.module for step in down))
        decoder = nn.Sequential(*(step.module for step in up))
        return EncoderDecoder(encoder, decoder, tuple(down), tuple(up))

    def _hidden_sizes(self, n_map: int) -> tuple[int, ...]:
        if not is_auto(self.hidden_sizes):
            return tuple(int(n) for n in self.hidden_sizes)
        return (max(1, min(HIDDEN_SIZE, n_map, HIDDEN_WEIGHTS // n_map)),)

    def _hidden(self, side: str, number: int, n_in: int, width: int) -> Step:
        block = build_hidden_block(
            n_in, width, normalization=self.normalization, activation=self.activation, dropout=0.0
        )
        return Step(f"{side} dense {number}", (width,), f"{n_in} -> {width}", nn.Sequential(*block))

    def _per_layer(self, name: str, automatic: int | Sequence[int], depth: int) -> tuple[int, ...]:
        value: Any = resolve(getattr(self, name), automatic)
        if not hasattr(value, "__len__"):
            return (int(value),) * depth
        if len(value) != depth:
            raise InvalidParameterError(
                f"The {name!r} parameter of Convolutional must hold one int per layer ({depth} layers). Got {value!r}."
            )
        return tuple(int(size) for size in value)

    def _channels(self, longest: int, stride: int) -> tuple[int, ...]:
        if not is_auto(self.channels):
            return tuple(int(width) for width in self.channels)
        depth: Any = resolve(self.depth, 1)
        while is_auto(self.depth) and stride > 1 and longest > 8 * stride:
            longest = -(-longest // stride)
            depth += 1
        return tuple(min(32 * 2**layer, 128) for layer in range(depth))

    def _last(self, layer: nn.Module) -> nn.Module:
        return set_zero(layer) if self.linear_path else layer

    def _normalization_and_activation(self, step: ConvolutionStep) -> list[nn.Module]:
        layers = normalization_layers(self.normalization, step.channels_out, len(step.axes))
        return [*layers, ACTIVATIONS[self.activation]()]

    def _down(self, number: int, step: ConvolutionStep) -> Step:
        sizes = [step.per_axis(field) for field in ("kernel", "stride", "padding")]
        convolution = CONVOLUTIONS[len(step.axes)](step.channels_in, step.channels_out, *sizes)
        module = nn.Sequential(convolution, *self._normalization_and_activation(step))
        formula = ", ".join(axis.formula for axis in step.axes)
        return Step(f"convolution {number}", step.shape_out, formula, module)

    def _up(self, number: int, step: ConvolutionStep) -> Step:
        sizes = [step.per_axis(field) for field in ("kernel", "stride", "padding", "output_padding")]
        transposed = TRANSPOSED[len(step.axes)](step.channels_out, step.channels_in, *sizes)
        last = self._last(transposed) if number == 1 else transposed
        module = nn.Sequential(*self._normalization_and_activation(step), last)
        formula = ", ".join(axis.transposed_formula for axis in step.axes)
        return Step(f"transposed convolution {number}", step.shape_in, formula, module)


def resolve(value: Any, automatic: Value) -> Value:
    """The value, or ``automatic`` if it is "auto"."""
    return automatic if is_auto(value) else value
