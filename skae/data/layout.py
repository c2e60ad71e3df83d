"""The layout of a sample: its shape and axes in the caller's order and in the network's order (channels first).

Only this module and the scaling handle raw shapes and units. One object converts in both directions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from .scaling import Scaling

# Names of the axes and their meaning, in the order of the network.
AXES = {"c": "channels", "t": "time", "d": "depth", "h": "height", "w": "width"}

# Codes are in the units of X if its scale is in this range, far from the limits of float32.
CODE_UNITS = (1e-30, 1e30)


@dataclass(frozen=True)
class SampleLayout:
    """Shape, axes and scaling of a sample, and the conversion between the caller's arrays and the network's tensors.

    X is a 2-D array with one flattened sample per row if ``flattened``. Reconstructions have the ``dtype`` float64 if
    float32 would lose digits of X, else float32. ``input_dtype`` is that of the fitted X, None if a model file cannot
    store it. ``has_missing`` says that values of the training rows or of their validation set are missing (NaN).
    """

    sample_shape: tuple[int, ...]  # in the order of ``axes``
    axes: tuple[str, ...]  # empty for the rows of a table
    flattened: bool
    scaling: Scaling
    dtype: np.dtype
    input_dtype: np.dtype | None = field(default=None, kw_only=True)
    has_missing: bool = field(default=False, kw_only=True)

    @property
    def n_features(self) -> int:
        return math.prod(self.sample_shape)

    @property
    def network_shape(self) -> tuple[int, ...]:
        """Shape of one sample in the network: (n_features,) or (channels, \\*sizes)."""
        if not self.axes:
            return (self.n_features,)
        shape = tuple(self.sample_shape[i] for i in self._order)
        return shape if "c" in self.axes else (1, *shape)

    @property
    def caller_shape(self) -> tuple[int, ...]:
        """Shape of one sample of X and of the arrays that are returned."""
        return (self.n_features,) if self.flattened else self.sample_shape

    @property
    def scaled_shape(self) -> tuple[int, ...]:
        """Shape of the mean of samples."""
        return self.sample_shape

    @property
    def mean(self) -> np.ndarray:
        """The mean of the samples, float64, of shape ``scaled_shape``."""
        return self.scaling.mean.cpu().numpy().reshape(self.scaled_shape).copy()

    @property
    def mean_variance(self) -> float:
        """Variance of the scaled samples, averaged over features."""
        return float(self.scaling.total_variance) / self.n_features

    @property
    def feature_columns(self) -> np.ndarray | None:
        """The column of each feature (n_features,) of a table with categories, else None."""
        return None

    @property
    def observed_share(self) -> float:
        """Share of the values of the fitted rows that are not missing, in (0, 1]."""
        return 1.0 if self.scaling.moments is None else self.scaling.moments.observed_share

    @property
    def limits(self) -> tuple[Tensor, Tensor]:
        """The smallest and the largest known value of each feature of the fitted rows, (\\*network_shape), in s(X)."""
        moments, scaling = self.scaling.moments, self.scaling
        assert moments is not None
        ends = ((end - scaling.mean.cpu()) / scaling.scale.cpu() for end in (moments.low, moments.high))
        low, high = (self.from_flat(end.float()[None])[0] for end in ends)
        return low, high

    @property
    def sample_scale(self) -> np.ndarray:
        """The scale of the samples, float64, of a shape that broadcasts with ``scaled_shape``."""
        scale = self.scaling.scale.cpu().numpy()
        if scale.ndim == 0:
            return scale.copy()
        scale = scale.reshape(self.scaled_shape)
        if self.scaling.kind == "channels":
            scale = scale[tuple(slice(None) if name == "c" else slice(1) for name in self.axes)]
        return scale.copy()

    @property
    def code_unit(self) -> float:
        """The unit of codes in s(X): the scale of X if it is one number that float32 codes can hold, else 1."""
        scale = self.scaling.scale
        return float(scale) if scale.ndim == 0 and CODE_UNITS[0] < float(scale) < CODE_UNITS[1] else 1.0

    @property
    def code_variance(self) -> float:
        """The total variance of samples in the units of codes, with n - 1 degrees of freedom as in PCA."""
        count = self.scaling.moments.count if self.scaling.moments is not None else 1
        return float(self.scaling.total_variance) * self.code_unit**2 * count / max(count - 1, 1)

    @property
    def feature_scale(self) -> np.ndarray:
        """The scale of every feature in the order of flattened samples, float64 (n_features,) or ()."""
        return self.scaling.scale.cpu().numpy()

    def caller_view(self, network_shape: tuple[int, ...]) -> tuple[int, ...]:
        """A shape in the network (channels, \\*sizes) with the axes in the caller's order."""
        if not self.axes or len(network_shape) != len(self.network_shape):
            return network_shape
        sizes = dict(zip((name for name in AXES if name in ("c", *self.axes)), network_shape, strict=True))
        order = self.axes if "c" in self.axes else (*self.axes, "c")
        return tuple(sizes[name] for name in order)

    def to(self, device: torch.device) -> SampleLayout:
        """The same layout with the scaling on ``device``."""
        scaling = self.scaling.to(device)
        return self if scaling is self.scaling else replace(self, scaling=scaling)

    def to_network(self, rows: Tensor) -> Tensor:
        """Convert raw rows (n, ...) of any dtype to scaled float32 samples (n, \\*network_shape).

        Missing values stay NaN.
        """
        rows = rows if rows.ndim == 2 else rows.reshape(len(rows), math.prod(rows.shape[1:]))
        return self.from_flat(self.scaling.transform(rows))

    def from_flat(self, x: Tensor) -> Tensor:
        """Convert scaled rows (n, n_features) in the caller's order to samples (n, \\*network_shape)."""
        if not self.axes:
            return x
        x = x.unflatten(1, self.sample_shape).permute(0, *(i + 1 for i in self._order))
        return x.reshape(-1, *self.network_shape)

    def to_flat(self, x: Tensor) -> Tensor:
        """Convert scaled samples (n, \\*network_shape) to rows (n, n_features) in the caller's order."""
        if self.axes:
            x = x.reshape(-1, *(self.sample_shape[i] for i in self._order))
            x = x.permute(0, *(self._order.index(i) + 1 for i in range(len(self._order))))
        return x.flatten(1)

    def to_caller(self, x: Tensor) -> np.ndarray:
        """Convert scaled samples (n, \\*network_shape) to the caller's shape, axes and units."""
        return self.to_features(x).reshape(len(x), *self.caller_shape)

    def to_features(self, x: Tensor) -> np.ndarray:
        """Convert scaled samples (n, \\*network_shape) to features (n, n_features) in the units of X."""
        return self.scaling.inverse_transform(self.to_flat(x), self.dtype)

    @property
    def _order(self) -> tuple[int, ...]:
        return tuple(self.axes.index(name) for name in AXES if name in self.axes)
