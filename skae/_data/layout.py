"""How one sample looks: its axes as the caller names them, and as the network wants them (channels first).

Only this module and its scaling look at raw shapes and units; both ways are here, in the same object.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from .scaling import Scaling

SPATIAL = ("t", "d", "h", "w")
KNOWN_AXES = ("c", *SPATIAL)
NETWORK_ORDER = KNOWN_AXES
MEANINGS = {
    "c": "channels",
    "t": "time",
    "d": "depth",
    "h": "height",
    "w": "width",
}


@dataclass(frozen=True)
class SampleLayout:
    """The form of one sample and its scaling, and the way between caller and network.

    Attributes
    ----------
    sample_shape : tuple of int
        Shape of one sample as the caller gives it, axes in the order of ``axes``.
    axes : tuple of str
        Names of the sample's axes; empty for a table's rows.
    flattened : bool
        Whether the caller gives and gets samples as rows of a 2-D array.
    scaling : Scaling
        What is subtracted and divided by.
    dtype : numpy.dtype
        float64 where the caller's numbers need it, else float32: what ``to_caller`` returns.
    input_dtype : numpy.dtype or None
        Of the X that was fitted; None where a model file could not hold it.
    """

    sample_shape: tuple[int, ...]
    axes: tuple[str, ...]
    flattened: bool
    scaling: Scaling
    dtype: np.dtype
    input_dtype: np.dtype | None = field(default=None, kw_only=True)

    @property
    def n_features(self) -> int:
        return math.prod(self.sample_shape)

    @property
    def network_shape(self) -> tuple[int, ...]:
        """Shape of one sample inside the network: (n_features,) or (channels, \\*sizes)."""
        if not self.axes:
            return (self.n_features,)
        shape = tuple(self.sample_shape[i] for i in self._order)
        return shape if "c" in self.axes else (1, *shape)

    @property
    def caller_shape(self) -> tuple[int, ...]:
        """Shape of one sample as the caller gives and gets it."""
        return (self.n_features,) if self.flattened else self.sample_shape

    @property
    def scaled_shape(self) -> tuple[int, ...]:
        """Shape of what the scaling's mean is the mean of."""
        return self.sample_shape

    @property
    def mean(self) -> np.ndarray:
        """The mean of samples, float64, in their shape."""
        return self.scaling.mean.cpu().numpy().reshape(self.scaled_shape).copy()

    @property
    def mean_variance(self) -> float:
        """Variance of the scaled samples, averaged over features."""
        return float(self.scaling.total_variance) / self.n_features

    @property
    def sample_scale(self) -> np.ndarray:
        """What samples are divided by, float64, of a shape that broadcasts with theirs."""
        scale = self.scaling.scale.cpu().numpy()
        if scale.ndim == 0:
            return scale.copy()
        scale = scale.reshape(self.scaled_shape)
        if self.scaling.kind == "channels":
            scale = scale[tuple(slice(None) if name == "c" else slice(1) for name in self.axes)]
        return scale.copy()

    def caller_view(self, network_shape: tuple[int, ...]) -> tuple[int, ...]:
        """A shape inside the network (channels, \\*sizes) with its axes in the caller's order."""
        if not self.axes or len(network_shape) != len(self.network_shape):
            return network_shape
        sizes = dict(zip(("c", *(name for name in NETWORK_ORDER[1:] if name in self.axes)), network_shape, strict=True))
        order = self.axes if "c" in self.axes else (*self.axes, "c")
        return tuple(sizes[name] for name in order)

    def to(self, device: torch.device) -> SampleLayout:
        """The same layout, computing on ``device``."""
        return replace(self, scaling=self.scaling.to(device))

    def to_network(self, rows: Tensor) -> Tensor:
        """Raw rows (n, ...) of any dtype as scaled float32 samples (n, \\*network_shape)."""
        x = self.scaling.scaled(rows.reshape(len(rows), -1))
        return self.from_flat(x)

    def from_flat(self, x: Tensor) -> Tensor:
        """Scaled rows (n, n_features) in the caller's order, as (n, \\*network_shape)."""
        if not self.axes:
            return x
        x = x.view(len(x), *self.sample_shape).permute(0, *(i + 1 for i in self._order))
        return x.reshape(len(x), *self.network_shape)

    def to_flat(self, x: Tensor) -> Tensor:
        """Scaled samples (n, \\*network_shape) as rows (n, n_features) in the caller's order."""
        if self.axes:
            x = x.reshape(len(x), *(self.sample_shape[i] for i in self._order))
            x = x.permute(0, *(self._order.index(i) + 1 for i in range(len(self._order))))
        return x.reshape(len(x), -1)

    def to_caller(self, x: Tensor) -> np.ndarray:
        """Scaled samples (n, \\*network_shape) in the caller's shape, axes and units."""
        rows = self.scaling.restored(self.to_flat(x), self.dtype)
        return rows.reshape(len(rows), *self.caller_shape)

    @property
    def _order(self) -> tuple[int, ...]:
        return tuple(self.axes.index(name) for name in NETWORK_ORDER if name in self.axes)


def channels_of(sample_shape: tuple[int, ...], axes: tuple[str, ...]) -> Tensor | None:
    """The channel of every feature (n_features,), int64; None where samples have no axis of channels."""
    if "c" not in axes:
        return None
    place = axes.index("c")
    numbers = torch.arange(sample_shape[place]).view(-1, *(1 for _ in sample_shape[place + 1 :]))
    return numbers.expand(sample_shape).reshape(-1)


def read_axes(sample_shape: tuple[int, ...], axes: str | None) -> tuple[str, ...]:
    """The names of a sample's axes: those given, checked, or the one reading its shape has.

    An axis of size 1 or 3 (or 4 at the end) is a channel axis where exactly one is found; a sample of two
    axes at least 4 long, neither more than 4 times the other, is a gray picture.

    Raises
    ------
    ValueError
        If the names do not fit the shape, or the shape has more than one reading.
    """
    if axes is not None:
        return checked_axes(sample_shape, axes)
    readings = plausible_readings(sample_shape)
    if len(readings) == 1:
        return tuple(readings[0].split())
    as_table = "Or pass each sample as one row of a 2-D array, without sample_shape, to have it read as a table."
    if not readings:
        raise ValueError(
            f"Samples of shape {sample_shape} have {len(sample_shape)} axes; at most four can be named: one to three "
            f"of t, d, h, w, and c. {as_table}"
        )
    listed = "; ".join(f"axes={reading!r} for {described(reading, sample_shape)}" for reading in readings)
    raise ValueError(
        f"Samples of shape {sample_shape} can be read in {len(readings)} ways. Name the axes: {listed}. {as_table}"
    )


def checked_axes(sample_shape: tuple[int, ...], axes: str) -> tuple[str, ...]:
    """The names in ``axes``, one for every axis of the sample."""
    if not isinstance(axes, str):
        raise ValueError(f"axes must be a string of names such as 'h w c'. Got {axes!r} instead.")
    names = tuple(axes.split())
    if names == ("n",) and len(sample_shape) == 1:
        return names
    spatial = [name for name in names if name != "c"]
    known = all(name in KNOWN_AXES for name in names)
    if not known or len(set(names)) != len(names) or not 1 <= len(spatial) <= 3:
        allowed = ", ".join(f"{name!r} ({MEANINGS[name]})" for name in KNOWN_AXES)
        raise ValueError(
            f"axes must name each axis once, with one to three of t, d, h, w and at most one c: {allowed}, "
            f"separated by spaces; or axes='n' for rows of tokens. Got axes={axes!r} instead."
        )
    if len(names) != len(sample_shape):
        raise ValueError(
            f"axes={axes!r} names {len(names)} axes, but samples have shape {sample_shape}. "
            f"Write one name for each of the {len(sample_shape)} axes, without the first axis of X."
        )
    return names


def plausible_readings(shape: tuple[int, ...]) -> list[str]:
    """Every way a sample of this shape is likely meant; the first axis of X is not part of it."""
    if len(shape) == 1:
        return ["t"]
    if len(shape) == 2:
        return plausible_readings_of_two(shape)
    spatial = {3: "h w", 4: "t h w"}.get(len(shape), "").split()
    if not spatial:
        return []
    places = [i for i, size in enumerate(shape) if size in (1, 3) or (size == 4 and i == len(shape) - 1)]
    if len(places) != 1:
        places = places or [0, len(shape) - 1]
        readings = [" ".join([*spatial[:i], "c", *spatial[i:]]) for i in places]
        return readings + (["t h w"] if len(shape) == 3 else [])
    return [" ".join([*spatial[: places[0]], "c", *spatial[places[0] :]])]


def plausible_readings_of_two(shape: tuple[int, ...]) -> list[str]:
    """Readings of a sample with two axes: a gray picture, or a signal with channels."""
    short, long = sorted(shape)
    if short == 1 and long > 1:
        return ["c t" if shape[0] == 1 else "t c"]
    if short >= 4 and long <= 4 * short:
        return ["h w"]
    return ["c t" if shape[0] == short else "t c", "h w"]


def described(reading: str, shape: tuple[int, ...]) -> str:
    """A reading in words, such as '2-channel signals'."""
    names = reading.split()
    channels = f"{shape[names.index('c')]}-channel " if "c" in names else "gray "
    kinds = {1: "signals", 2: "pictures", 3: "videos"}
    spatial = [name for name in names if name != "c"]
    return f"{channels if len(spatial) > 1 or 'c' in names else ''}{kinds[len(spatial)]}"
