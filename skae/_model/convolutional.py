"""Convolutional encoders and decoders over one, two or three spatial axes, planned in integers first."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from sklearn.base import BaseEstimator
from torch import nn

from skae._parameters import InvalidParameterError, check_bool, check_choice, check_integer, check_sizes, invalid

from .dense import build_hidden_block
from .layers import ACTIVATIONS, NORMALIZATIONS, EncoderDecoder, Step, normalization_layers, set_zero
from .shapes import ConvolutionStep, pyramid

# By the number of spatial axes.
CONVOLUTIONS: dict[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED: dict[int, Any] = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
# Of the dense layer between map and code, and of weights to it.
HIDDEN_SIZE, HIDDEN_WEIGHTS = 512, 2**22


class Convolutional(BaseEstimator):
    """Strided convolutions down to a small map, dense layers to the code, and the same back, transposed.

    Parameters
    ----------
    channels : "auto" or tuple of int
        Channels after each convolution; its length is the depth. "auto" doubles from 32 up to 128 and stops
        when the map's longest axis is 8 or shorter.
    kernel_size : "auto", int or tuple of int
        Length of the kernel along every axis, one a layer if a tuple. "auto" is 3, and 9 for one axis.
    stride : "auto", int or tuple of int
        Step of the kernel, one a layer if a tuple: 2 encoder_decoder. "auto" is 2, and 4 for one axis. An axis shorter
        than 4 is not halved further.
    depth : "auto" or int
        Number of convolutions where ``channels`` is "auto".
    hidden_sizes : "auto" or tuple of int
        Widths of dense layers between the map and the code, as of :class:`Dense`; () for none, and for far fewer
        weights. "auto" is one of 512, narrower for maps of fewer or of more than 8,192 numbers.
    activation : str
        One of "silu", "relu", "gelu", "elu", "leaky_relu", "tanh", "sigmoid", "identity".
    normalization : {"batch", "layer", None}
        Normalization before each activation; "layer" normalizes each sample over channels and space.
    linear_path : bool
        Whether a linear path, started at the PCA solution, runs beside the network.

    Examples
    --------
    >>> from skae import AutoencoderTransformer, Convolutional
    >>> autoencoder = AutoencoderTransformer(16, architecture=Convolutional(channels=(16, 32)))
    >>> autoencoder.set_params(architecture__kernel_size=5).architecture
    Convolutional(channels=(16, 32), kernel_size=5)
    """

    is_custom = False

    def __init__(
        self,
        channels="auto",
        *,
        kernel_size="auto",
        stride="auto",
        depth="auto",
        hidden_sizes="auto",
        activation="gelu",
        normalization="batch",
        linear_path=True,
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
        """Raise InvalidParameterError if a setting is wrong."""
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
        """The convolutions for samples of ``shape`` (channels first), in integers.

        Raises
        ------
        ValueError
            If the sample has no or more than three spatial axes, or is too small for the layers asked for.
        """
        channels_in, *sizes = shape
        if not 1 <= len(sizes) <= 3:
            raise ValueError(
                f"architecture='conv' needs samples with one to three spatial axes, got samples of shape {shape}. "
                f"Pass sample_shape=(height, width) for flattened pictures, axes='t' for signals, or "
                f"architecture='dense'."
            )
        stride = self._resolved("stride", 4 if len(sizes) == 1 else 2)
        channels = self._channels(max(sizes), stride if isinstance(stride, int) else max(stride))
        kernel_sizes = self._per_layer("kernel_size", 9 if len(sizes) == 1 else 3, len(channels))
        strides = self._per_layer("stride", stride, len(channels))
        return pyramid(channels_in, tuple(sizes), channels, kernel_sizes, strides)

    def build(self, shape: tuple[int, ...], n_components: int) -> EncoderDecoder:
        """The encoder and decoder for samples of ``shape`` (channels first), and their layer table."""
        steps = self.plan(shape)
        last_map = (steps[-1].channels_out, *steps[-1].sizes_out)
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

    def _hidden(self, half: str, number: int, n_in: int, width: int) -> Step:
        block = build_hidden_block(
            n_in, width, normalization=self.normalization, activation=self.activation, dropout=0.0
        )
        return Step(f"{half} dense {number}", (width,), f"{n_in} -> {width}", nn.Sequential(*block))

    def _resolved(self, name: str, automatic: int):
        value = getattr(self, name)
        return automatic if is_auto(value) else value

    def _per_layer(self, name: str, automatic, depth: int) -> tuple[int, ...]:
        value = self._resolved(name, automatic)
        if not hasattr(value, "__len__"):
            return (int(value),) * depth
        if len(value) != depth:
            raise InvalidParameterError(
                f"The {name!r} parameter of Convolutional must hold one int a layer ({depth} layers). Got {value!r}."
            )
        return tuple(int(size) for size in value)

    def _channels(self, longest: int, stride: int) -> tuple[int, ...]:
        if not is_auto(self.channels):
            return tuple(int(width) for width in self.channels)
        depth = self.depth
        if is_auto(depth):
            depth = 1
            while stride > 1 and longest > 8 * stride:
                longest = -(-longest // stride)
                depth += 1
        return tuple(min(32 * 2**layer, 128) for layer in range(depth))

    def _last(self, layer: nn.Module) -> nn.Module:
        return set_zero(layer) if self.linear_path else layer

    def _down(self, number: int, step: ConvolutionStep) -> Step:
        n_axes = len(step.axes)
        convolution = CONVOLUTIONS[n_axes](
            step.channels_in, step.channels_out, step.kernel, stride=step.stride, padding=step.padding
        )
        module = nn.Sequential(
            convolution,
            *normalization_layers(self.normalization, step.channels_out, n_axes),
            ACTIVATIONS[self.activation](),
        )
        formula = ", ".join(axis.formula for axis in step.axes)
        return Step(f"convolution {number}", (step.channels_out, *step.sizes_out), formula, module)

    def _up(self, number: int, step: ConvolutionStep) -> Step:
        n_axes = len(step.axes)
        transposed = TRANSPOSED[n_axes](
            step.channels_out,
            step.channels_in,
            step.kernel,
            stride=step.stride,
            padding=step.padding,
            output_padding=step.output_padding,
        )
        before = [*normalization_layers(self.normalization, step.channels_out, n_axes), ACTIVATIONS[self.activation]()]
        module = nn.Sequential(*before, self._last(transposed) if number == 1 else transposed)
        formula = ", ".join(axis.transposed_formula for axis in step.axes)
        return Step(f"transposed convolution {number}", (step.channels_in, *step.sizes_in), formula, module)


def is_auto(value) -> bool:
    """Whether a setting is left to the architecture."""
    return isinstance(value, str) and value == "auto"
