"""Learned scaling: what is subtracted and divided by on the way in, and undone on the way out."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from scipy.sparse import csr_array
from sklearn.utils.sparsefuncs import mean_variance_axis, min_max_axis
from torch import Tensor

SCALINGS = ("auto", "columns", "global", None)
DROWNING = 10.0
# A mean this many scales away from zero is subtracted in float64, as are numbers near the ends of float32.
FAR, HUGE = 1e3, 1e30
EXACT_IN_FLOAT32 = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.float16, torch.bfloat16, torch.float32)


@dataclass(frozen=True)
class Moments:
    """What one pass over the rows learns of every feature: float64 tensors of shape (n_features,)."""

    mean: Tensor
    deviation: Tensor
    low: Tensor
    high: Tensor

    @classmethod
    def of(cls, slices: Iterable[Tensor]) -> Moments:
        """Means and deviations over slices of rows, merged as Chan, Golub and LeVeque (1983) do."""
        count = 0
        mean = squares = low = high = torch.zeros(())
        for rows in slices:
            x = rows.to(torch.float64)
            n = len(x)
            slice_mean = x.mean(0)
            slice_squares = (x - slice_mean).square_().sum(0)
            slice_low, slice_high = x.amin(0), x.amax(0)  # aminmax takes four times as long
            if count == 0:
                mean, squares, low, high = slice_mean, slice_squares, slice_low, slice_high
            else:
                shift = slice_mean - mean
                mean = mean + shift * (n / (count + n))
                squares = squares + slice_squares + shift.square() * (count * n / (count + n))
                low, high = torch.minimum(low, slice_low), torch.maximum(high, slice_high)
            count += n
        return cls.from_parts(mean, squares / count, low, high)

    @classmethod
    def of_sparse(cls, X: csr_array) -> Moments:
        """The same for CSR rows, without making them dense."""
        X = X.astype(np.float64)
        mean, variance = mean_variance_axis(X, axis=0)
        low, high = min_max_axis(X, axis=0)
        parts = (np.asarray(part, dtype=np.float64) for part in (mean, variance, low, high))
        return cls.from_parts(*map(torch.from_numpy, parts))

    @classmethod
    def from_parts(cls, mean: Tensor, variance: Tensor, low: Tensor, high: Tensor) -> Moments:
        deviation = variance.sqrt()
        # What rounding alone leaves in a column of one large value is no deviation.
        constant = (deviation <= 16 * torch.finfo(torch.float64).eps * mean.abs()) | (low == high)
        return cls(mean, deviation.masked_fill(constant, 0.0), low, high)


@dataclass(frozen=True)
class Scaling:
    """``(x - mean) / scale`` and back.

    Attributes
    ----------
    mean : Tensor of shape (n_features,), float64
    scale : Tensor of shape (n_features,) or (), float64, never 0
    low, high : Tensor of the shape of ``scale``, float64
        Smallest and largest value, for losses that need samples within known ends.
    total_variance : Tensor of shape (), float64
        Variance of the scaled rows, summed over features.
    """

    mean: Tensor
    scale: Tensor
    low: Tensor
    high: Tensor
    total_variance: Tensor

    @classmethod
    def learn(cls, slices: Iterable[Tensor], kind: str | None, is_table: bool) -> Scaling:
        """Learn from slices of rows (n, n_features)."""
        return cls.of(Moments.of(slices), kind, is_table)

    @classmethod
    def of(cls, moments: Moments, kind: str | None, is_table: bool) -> Scaling:
        """The scaling for these moments; ``kind`` is one of SCALINGS.

        "auto" takes "columns" for a table whose largest column deviation is more than ten times the median
        one of those that vary, else "global". None subtracts the mean only.
        """
        if kind == "auto":
            kind = "columns" if is_table and drowned(moments.deviation) else "global"
        if kind == "columns":
            scale, low, high = moments.deviation, moments.low, moments.high
        else:
            scale = (
                moments.deviation.square().mean().sqrt() if kind == "global" else torch.ones((), dtype=torch.float64)
            )
            low, high = moments.low.min(), moments.high.max()
        scale = torch.where(scale > 0, scale, torch.ones_like(scale))
        return cls(moments.mean, scale, low, high, (moments.deviation / scale).square().sum())

    def to(self, device: torch.device) -> Scaling:
        """The same scaling, computing on ``device`` where that has float64."""
        if device.type == "mps":
            return self
        return replace(self, **{field.name: getattr(self, field.name).to(device) for field in fields(self)})

    def scaled(self, rows: Tensor) -> Tensor:
        """Raw rows (n, n_features) of any dtype as float32."""
        rows = rows.to(self.mean.device)
        if rows.dtype in EXACT_IN_FLOAT32 and self.float32_suffices:
            return (rows.to(torch.float32) - self.mean.to(torch.float32)).div_(self.scale.to(torch.float32))
        # In float64: timestamps of 1.23e6 with a spread of 1e-3 are one and the same number in float32.
        return (rows.to(torch.float64) - self.mean).div_(self.scale).to(torch.float32)

    def restored(self, rows: Tensor, dtype: np.dtype) -> np.ndarray:
        """Scaled rows (n, n_features) in the caller's units, as a numpy array of ``dtype``."""
        rows = rows.to(self.mean.device, torch.float64).mul(self.scale).add_(self.mean)
        return rows.cpu().numpy().astype(dtype, copy=False)

    @property
    def largest(self) -> float:
        """The largest absolute value seen."""
        return max(float(self.high.max()), -float(self.low.min()))

    @functools.cached_property
    def float32_suffices(self) -> bool:
        """Whether rounding the mean and the scale to float32 is nothing beside the spread, and nothing overflows."""
        far = bool((self.mean.abs() > FAR * self.scale).any())
        return self.largest < HUGE and float(self.scale.min()) > 1 / HUGE and not far

    def unit_interval(self) -> tuple[Tensor, Tensor]:
        """Gain and offset that take scaled rows to [0, 1] between ``low`` and ``high``, as float32."""
        span = torch.where(self.high > self.low, self.high - self.low, torch.ones_like(self.high))
        gain = (self.scale / span).expand(self.mean.shape)
        return gain.to(torch.float32), ((self.mean - self.low) / span).to(torch.float32)


def drowned(deviation: Tensor) -> bool:
    """Whether one column's deviation is so large that the others would count for nothing."""
    varying = deviation[deviation > 0]
    return len(varying) > 0 and bool(varying.max() > DROWNING * varying.median())
