"""Learned scaling of samples: subtracts the mean, divides by the scale, and inverts both."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from sklearn.utils.sparsefuncs import mean_variance_axis, min_max_axis
from torch import Tensor

SCALINGS = ("auto", "columns", "channels", "global", None)
ARRAYS = ("mean", "scale", "low", "high", "total_variance")
# Columns or channels have the same unit if no deviation is more than this many times another one.
SAME_UNIT = 10.0
# The deviation of a sparse column (mostly at the minimum of the table) and of a column of flags depends on how frequent
# its other values are. For such tables, the typical sizes of the other values are compared with the median size.
SAME_SIZE = 20.0
MOSTLY, FEWEST_OTHERS = 0.75, 5
# Fewer columns may be sorted by deviation by chance.
FEWEST_PRINCIPAL = 5
# Values below this many machine epsilons of the largest deviation are rounding errors.
ROUNDING = 64
# The same for principal components: PCA may have subtracted a mean with large rounding errors.
ROUNDING_OF_MEAN, ROUNDING_OF_MEAN_IN_FLOAT32 = 2**18, 2**9
# The mean of rounding errors of one sign is more than this many deviations from zero.
BIASED = 20
# Means of components of PCA and TruncatedSVD are at most this many deviations from zero.
CENTERED, NEARLY_CENTERED = 1e-3, 0.5
# Numbers that the CPU processes at a time: in float64 they fit into the processor's cache.
PIECE_NUMBERS = 2**18
# Float64 is used if a mean exceeds FAR scales, or if values are near the limits of float32.
FAR, HUGE = 1e3, 1e30
# Squares of smaller deviations lose digits in float64.
UNDERFLOW = 1e-150
EXACT_IN_FLOAT32 = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.float16, torch.bfloat16, torch.float32)


@dataclass(frozen=True)
class Moments:
    """Statistics of every feature, computed in one pass over the rows. Missing values (NaN) are left out."""

    count: int  # number of rows
    # Mean, sum of squared differences from it, minimum, maximum, and number of rows at the minimum: (5, n_features).
    numbers: Tensor
    eps: float  # machine epsilon of the type of the rows; 0 for integers
    # Number of rows with a value (n_features,), float64; None if no value is missing (NaN).
    n_observed: Tensor | None = None

    mean = property(lambda self: self.numbers[0])
    squares = property(lambda self: self.numbers[1])
    low = property(lambda self: self.numbers[2])
    high = property(lambda self: self.numbers[3])
    at_low = property(lambda self: self.numbers[4])

    @property
    def counts(self) -> Any:
        """Number of values of every feature: the number of rows, or a tensor (n_features,) of at least 1."""
        return self.count if self.n_observed is None else self.n_observed.clamp(min=1)

    @property
    def observed_share(self) -> float:
        """Share of all values that are not missing."""
        return 1.0 if self.n_observed is None else float(self.n_observed.mean()) / self.count

    @classmethod
    def of(cls, slices: Iterable[Tensor]) -> Moments:
        """Compute the moments of slices of rows (n, n_features)."""
        pieces = (piece for rows in slices for piece in rows.split(max(1, PIECE_NUMBERS // max(1, rows.shape[1]))))
        moments = functools.reduce(cls.merge, map(cls.of_rows, pieces))
        n_observed = None if moments.n_observed is None else moments.n_observed.cpu()
        return replace(moments, numbers=moments.numbers.cpu(), n_observed=n_observed)

    @classmethod
    def of_rows(cls, rows: Tensor) -> Moments:
        """Compute the moments of rows (n, n_features)."""
        x = rows.to(torch.float64)
        mean = x.mean(0)
        if rows.dtype.is_floating_point and bool(mean.isnan().any()):
            return cls._of_rows_with_gaps(x, machine_epsilon(rows.dtype))
        low, high = x.amin(0), x.amax(0)  # aminmax takes four times as long
        differences = (x - mean).square_()
        squares = differences.sum(0)
        # Counted as float64, in an array that exists already: half the time of a sum of booleans.
        at_low = torch.eq(x, low, out=differences).sum(0)
        return cls(len(x), torch.stack([mean, squares, low, high, at_low]), machine_epsilon(rows.dtype))

    @classmethod
    def _of_rows_with_gaps(cls, x: Tensor, eps: float) -> Moments:
        """Compute the moments of rows (n, n_features), float64, with missing values."""
        is_missing = x.isnan()
        n_observed = (~is_missing).sum(0, dtype=torch.float64)
        mean = x.nansum(0) / n_observed.clamp(min=1)
        squares = (x - mean).square_().nansum(0)
        low, high = x.masked_fill(is_missing, torch.inf).amin(0), x.masked_fill(is_missing, -torch.inf).amax(0)
        at_low = torch.eq(x, low).sum(0, dtype=torch.float64)
        return cls(len(x), torch.stack([mean, squares, low, high, at_low]), eps, n_observed)

    @classmethod
    def of_sparse(cls, X: csr_array) -> Moments:
        """Compute the moments of CSR rows without a dense copy."""
        eps = machine_epsilon(torch.from_numpy(X.data[:0]).dtype)
        X = X.astype(np.float64)
        n_rows, n_features = X.shape
        mean, variance = mean_variance_axis(X, axis=0)
        low, high = (np.asarray(ends, dtype=np.float64) for ends in min_max_axis(X, axis=0))
        at_low = np.bincount(X.indices, weights=X.data == low[X.indices], minlength=n_features)
        at_low += np.where(low == 0, n_rows - np.bincount(X.indices, minlength=n_features), 0)
        numbers = np.stack([mean, n_rows * variance, low, high, at_low]).astype(np.float64, copy=False)
        return cls(n_rows, torch.from_numpy(numbers), eps)

    def merge(self, other: Moments) -> Moments:
        """Merge the moments of two sets of rows (Chan, Golub and LeVeque, 1983)."""
        n_observed: Tensor | None = None
        a: Any = self.count
        b: Any = other.count
        if self.n_observed is not None or other.n_observed is not None:
            a, b = (torch.as_tensor(m.count if m.n_observed is None else m.n_observed) for m in (self, other))
            n_observed = (a + b).expand(self.mean.shape).to(self.mean)
        # As integers if nothing is missing, so that results are the same to the bit.
        count = a + b if n_observed is None else n_observed.clamp(min=1)
        shift = other.mean - self.mean
        mean = self.mean + shift * (b / count)
        squares = self.squares + other.squares + shift.square() * (a * b / count)
        low, high = torch.minimum(self.low, other.low), torch.maximum(self.high, other.high)
        at_low = self.at_low * (self.low == low) + other.at_low * (other.low == low)
        numbers = torch.stack([mean, squares, low, high, at_low])
        return Moments(self.count + other.count, numbers, max(self.eps, other.eps), n_observed)

    @property
    def deviation(self) -> Tensor:
        """Standard deviation of every feature (n_features,); 0 if it is constant up to rounding errors."""
        deviation = (self.squares / self.counts).sqrt()
        # Squares of smaller differences underflow; half of the range is accurate enough.
        deviation = torch.where(deviation < UNDERFLOW, (self.high - self.low) / 2, deviation)
        # A column with one large value has a deviation of rounding errors only.
        constant = (deviation <= 16 * torch.finfo(torch.float64).eps * self.mean.abs()) | (self.low == self.high)
        return deviation.masked_fill(constant | self.is_rounding_error(deviation), 0.0)

    def is_rounding_error(self, deviation: Tensor) -> Tensor:
        """Whether each feature (n_features,) holds rounding errors only, such as the last components of a PCA with more
        components than the rank."""
        size = torch.maximum(self.low.abs(), self.high.abs()) / deviation.max()
        small = size <= ROUNDING * self.eps
        more = ROUNDING_OF_MEAN
        if self.eps > torch.finfo(torch.float64).eps:
            # Small float32 values may be measurements. They are rounding errors if the columns are sorted like
            # principal components, and if values of one sign are nearly constant.
            small &= ((self.low < 0) & (self.high > 0)) | (self.mean.abs() > BIASED * deviation)
            small &= self.are_principal_components(deviation, ~small, NEARLY_CENTERED)
            more = ROUNDING_OF_MEAN_IN_FLOAT32
        last = size <= more * self.eps
        return small | (last & self.are_principal_components(deviation, ~last, CENTERED))

    def are_principal_components(self, deviation: Tensor, large: Tensor, off_center: float) -> bool:
        """Whether features look like principal components: the ``large`` ones (n_features,) come first, deviations
        descend, and means are near zero, except for the first component of a TruncatedSVD."""
        n = int(large.sum())
        rest = slice(min(1, n - 1), n)
        near_zero = self.mean[rest].abs() <= off_center * deviation[rest]
        return bool(large[:n].all() & (deviation[rest].diff() <= 0).all() & near_zero.all())

    def of_channels(self, channels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Deviation, low and high of every channel; ``channels`` (n_features,) is the channel index of each feature."""
        n = int(channels.max()) + 1
        features = self.deviation
        deviation = torch.stack([root_mean_square(features[channels == channel]) for channel in range(n)])
        low = torch.zeros(n, dtype=torch.float64).scatter_reduce_(0, channels, self.low, "amin", include_self=False)
        high = torch.zeros(n, dtype=torch.float64).scatter_reduce_(0, channels, self.high, "amax", include_self=False)
        return deviation, low, high


@dataclass(frozen=True)
class Scaling:
    """The transform ``(x - mean) / scale`` and its inverse, in float64. Missing values (NaN) stay missing.

    ``low`` and ``high`` are minimum and maximum, for losses that need samples in a known interval. ``kind`` says which
    features share a scale: none ("columns"), those of a channel ("channels"), or all ("global"). With None, nothing is
    divided.
    """

    mean: Tensor  # (n_features,)
    scale: Tensor  # (n_features,) or (), never 0
    low: Tensor  # as scale
    high: Tensor
    total_variance: Tensor  # of the scaled rows, summed over features
    kind: str | None = "global"
    moments: Moments | None = None  # of the rows that the scaling was learned from, on the CPU

    @classmethod
    def of(
        cls,
        moments: Moments,
        kind: str | None,
        is_table: bool,
        channels: Tensor | None = None,
        blocks: Tensor | None = None,
    ) -> Scaling:
        """The scaling for these moments; ``kind`` is one of SCALINGS.

        "auto" selects "columns" for a table whose columns have different units, "channels" for samples whose channels
        have different units, else "global". None subtracts the mean only.
        ``channels`` (n_features,) is the channel index of each feature, if samples have channels. ``blocks``
        (n_features,) is the column of each feature of a table: the features of a column share one scale for "columns",
        the square root of their total variance.
        """
        deviation = moments.deviation
        if kind == "auto":
            kind = select_kind(moments, is_table, channels)
        if kind == "channels" and channels is None:
            kind = "global"
        if kind == "columns":
            scale = deviation if blocks is None else block_deviation(deviation, blocks)
            low, high = moments.low, moments.high
        elif kind == "channels" and channels is not None:
            scale, low, high = (of_channel[channels] for of_channel in moments.of_channels(channels))
        else:
            scale = root_mean_square(deviation) if kind == "global" else torch.ones((), dtype=torch.float64)
            low, high = moments.low.min(), moments.high.max()
        scale = torch.where(scale > 0, scale, torch.ones_like(scale))
        return cls(moments.mean, scale, low, high, (deviation / scale).square().sum(), kind, moments)

    def extend(
        self,
        more: Moments,
        kind: str | None,
        is_table: bool,
        channels: Tensor | None = None,
        blocks: Tensor | None = None,
    ) -> tuple[Scaling, Tensor]:
        """Update the scaling with the moments of more rows; also returns whether each feature is rescaled.

        A feature is rescaled if it was constant and now varies, or if its scale changes by more than a factor of
        SAME_UNIT. All other features keep their scale.
        """
        assert self.moments is not None
        moments = self.moments.merge(more)
        target = Scaling.of(moments, self.kind if self.scale.ndim > 0 else kind, is_table, channels, blocks)
        changed = (self.moments.deviation == 0) & (moments.deviation > 0)
        ratio = (target.scale / self.scale).expand(moments.mean.shape)
        if target.kind is not None:
            changed = changed | (ratio > SAME_UNIT) | (ratio * SAME_UNIT < 1)
        if blocks is not None:
            changed = torch.zeros(len(changed)).index_add_(0, blocks, changed.float())[blocks] > 0
        if target.scale.ndim > 0:
            scale = torch.where(changed, target.scale, self.scale)
        else:
            scale = target.scale if bool((ratio > SAME_UNIT).any() or (ratio * SAME_UNIT < 1).any()) else self.scale
        mean = torch.where(changed, moments.mean, self.mean)
        total = (moments.deviation / scale).square().sum()
        return Scaling(mean, scale, target.low, target.high, total, target.kind, moments), changed

    def to(self, device: torch.device) -> Scaling:
        """The same scaling on ``device``, if that supports float64."""
        if device.type == "mps" or self.mean.device == device:
            return self
        return replace(self, **{name: getattr(self, name).to(device) for name in ARRAYS})

    def transform(self, rows: Tensor) -> Tensor:
        """Scale raw rows (n, n_features) of any dtype; returns float32."""
        rows = rows if rows.is_cpu and self.mean.is_cpu else rows.to(self.mean.device)
        if rows.dtype in EXACT_IN_FLOAT32 and self.float32_suffices:
            return (rows.to(torch.float32) - self.mean.to(torch.float32)).div_(self.scale.to(torch.float32))
        # In float64: timestamps near 1.23e6 that differ by 1e-3 are equal in float32.
        return (rows.to(torch.float64) - self.mean).div_(self.scale).to(torch.float32)

    def inverse_transform(self, rows: Tensor, dtype: np.dtype) -> np.ndarray:
        """Convert scaled rows (n, n_features) to the units of X, as a numpy array of ``dtype``."""
        rows = rows.to(self.mean.device, torch.float64).mul(self.scale).add_(self.mean)
        return rows.cpu().numpy().astype(dtype, copy=False)

    @property
    def largest(self) -> float:
        """The largest absolute value of the rows."""
        return max(float(self.high.max()), -float(self.low.min()))

    @functools.cached_property
    def float32_suffices(self) -> bool:
        """Whether float32 means and scales are accurate enough and values do not overflow."""
        far = bool((self.mean.abs() > FAR * self.scale).any())
        return self.largest < HUGE and float(self.scale.min()) > 1 / HUGE and not far

    def unit_interval(self) -> tuple[Tensor, Tensor]:
        """Gain and offset, float32, that map scaled rows to [0, 1] between ``low`` and ``high``."""
        span = torch.where(self.high > self.low, self.high - self.low, torch.ones_like(self.high))
        gain = (self.scale / span).expand(self.mean.shape)
        return gain.to(torch.float32), ((self.mean - self.low) / span).to(torch.float32)


def block_deviation(deviation: Tensor, blocks: Tensor) -> Tensor:
    """The square root of the total variance of the column of each feature (n_features,)."""
    variance = torch.zeros_like(deviation).index_add_(0, blocks, deviation.square())[blocks]
    # Squares of the deviation of a single number may underflow.
    is_single = torch.bincount(blocks)[blocks] == 1
    return torch.where(is_single, deviation, variance.sqrt())


def root_mean_square(values: Tensor) -> Tensor:
    """Root mean square of values whose squares may underflow."""
    result = values.square().mean().sqrt()
    largest = values.max()
    return result if result > UNDERFLOW or largest == 0 else (values / largest).square().mean().sqrt() * largest


def machine_epsilon(dtype: torch.dtype) -> float:
    """Machine epsilon of a type; 0 for integers, and that of float32 for shorter types."""
    if not dtype.is_floating_point:
        return 0.0
    return torch.finfo(torch.float64 if dtype is torch.float64 else torch.float32).eps


def select_kind(moments: Moments, is_table: bool, channels: Tensor | None) -> str:
    """The kind of scaling that "auto" selects."""
    if is_table:
        have_units = differ_by_more_than(moments.deviation, SAME_UNIT) and not have_same_unit(moments)
        return "columns" if have_units else "global"
    if channels is not None and differ_by_more_than(moments.of_channels(channels)[0], SAME_UNIT):
        return "channels"
    return "global"


def differ_by_more_than(sizes: Tensor, times: float) -> bool:
    """Whether the largest size is more than ``times`` the smallest size that is not 0."""
    sizes = sizes[sizes > 0]
    return len(sizes) > 0 and bool(sizes.max() > times * sizes.min())


def have_same_unit(moments: Moments) -> bool:
    """Whether columns of a table have the same unit although their deviations differ.

    This holds for principal components, which are sorted by deviation. It also holds for pixels and flags, most of
    which have the same range, and for counts or weights of words, most of which are 0, if the values other than the
    minimum are of similar size.
    """
    arrays = (moments.deviation, moments.mean, moments.low, moments.high, moments.at_low)
    deviation, mean, low, high, at_low = (array[arrays[0] > 0] for array in arrays)
    centered = bool((mean.abs() <= 1e-6 * deviation).all())
    if centered and len(mean) >= FEWEST_PRINCIPAL and bool((deviation.diff() <= 0).all()):
        return True
    base = low == low.min()
    counts = moments.counts if moments.n_observed is None else moments.counts[arrays[0] > 0]
    others = counts - torch.where(base, at_low, 0.0)
    same_ends = float((base & (high == high[base].mode().values)).double().mean())
    at_base = 1 - float(others.mean()) / float(torch.as_tensor(counts, dtype=torch.float64).mean())
    if same_ends <= 0.5 and at_base < MOSTLY:
        return False
    size = ((deviation.square() + (mean - low.min()).square()) * counts / others).sqrt()
    size = size[others >= min(FEWEST_OTHERS, float(others.max()))]
    median = size.median()
    return bool(size.max() <= SAME_SIZE * median) and bool(size.min() * SAME_SIZE >= median)
