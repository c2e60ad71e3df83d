"""Convolution arithmetic in plain integers, without tensors or modules (Dumoulin and Visin, 2016).

A convolution of kernel k, stride s and padding p takes n to ``floor((n + 2p - k) / s) + 1``. Its transpose with output
padding o takes n to ``(n - 1) s - 2p + k + o``.
"""

from __future__ import annotations

from dataclasses import dataclass


def convolved_size(size: int, kernel: int, stride: int, padding: int) -> int:
    """Length of one axis after a convolution; at most 0 if the kernel does not fit."""
    return (size + 2 * padding - kernel) // stride + 1


@dataclass(frozen=True)
class AxisStep:
    """One convolution along one axis, and the transposed convolution back to the same size."""

    size_in: int
    size_out: int
    kernel: int
    stride: int
    padding: int
    output_padding: int

    @property
    def formula(self) -> str:
        """The formula of the convolution's output size."""
        n, k, s, p = self.size_in, self.kernel, self.stride, self.padding
        return f"floor(({n} + 2*{p} - {k}) / {s}) + 1 = {self.size_out}"

    @property
    def transposed_formula(self) -> str:
        """The formula of the transposed convolution's output size."""
        n, k, s, p, o = self.size_out, self.kernel, self.stride, self.padding, self.output_padding
        return f"({n} - 1)*{s} - 2*{p} + {k} + {o} = {self.size_in}"


@dataclass(frozen=True)
class ConvolutionStep:
    """One convolution over all spatial axes."""

    channels_in: int
    channels_out: int
    axes: tuple[AxisStep, ...]

    def per_axis(self, field: str) -> tuple[int, ...]:
        """A field of every ``AxisStep``."""
        return tuple(getattr(axis, field) for axis in self.axes)

    @property
    def shape_in(self) -> tuple[int, ...]:
        return (self.channels_in, *self.per_axis("size_in"))

    @property
    def shape_out(self) -> tuple[int, ...]:
        return (self.channels_out, *self.per_axis("size_out"))


def axis_step(size: int, kernel: int, stride: int) -> AxisStep:
    """Plan one axis with padding ``(kernel - 1) // 2``; an axis shorter than 4 keeps its length.

    Odd kernels keep the size at stride 1 and take n to ``ceil(n / 2)`` at stride 2. The output padding is the remainder
    of the division, so that the transposed convolution gives exactly ``size``.
    """
    if size < 4 and stride > 1:
        kernel, stride = (3, 1) if kernel >= 3 else (1, 1)
    padding = (kernel - 1) // 2
    remainder = (size + 2 * padding - kernel) % stride
    return AxisStep(size, convolved_size(size, kernel, stride, padding), kernel, stride, padding, remainder)


def pyramid(
    channels_in: int,
    sizes: tuple[int, ...],
    channels: tuple[int, ...],
    kernel_sizes: tuple[int, ...],
    strides: tuple[int, ...],
) -> list[ConvolutionStep]:
    """Plan a stack of convolutions from (channels_in, *sizes); the last three arguments have one value per layer.

    Raises ValueError, which names the layer and the shape of its input, if an axis becomes shorter than 1.
    """
    steps = []
    for number, (width, kernel, stride) in enumerate(zip(channels, kernel_sizes, strides, strict=True), start=1):
        step = ConvolutionStep(channels_in, width, tuple(axis_step(size, kernel, stride) for size in sizes))
        if min(step.shape_out) < 1:
            raise ValueError(
                f"Convolution layer {number} with kernel_size={kernel} and stride={stride} needs a larger sample: "
                f"its input has shape {step.shape_in} (channels first), its output would have shape {step.shape_out}. "
                f"Use fewer channels (layers), or a smaller kernel_size."
            )
        steps.append(step)
        channels_in, sizes = width, step.shape_out[1:]
    return steps
