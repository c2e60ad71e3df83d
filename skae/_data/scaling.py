"""Learned scaling: what is subtracted and divided by on the way in, and undone on the way out."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.sparse import csr_array
from sklearn.utils.sparsefuncs import mean_variance_axis, min_max_axis
from torch import Tensor

SCALINGS = ("auto", "columns", "channels", "global", None)
ARRAYS = ("mean", "scale", "low", "high", "total_variance")
# Columns or channels share a unit where no deviation is more than this many times another one.
SAME_UNIT = 10.0
# Columns that are mostly at the table's lowest value, or within the same two ends, vary little where they are rarely
# anything else, whatever their unit: then typical sizes of other values are compared, with the median one.
SAME_SIZE = 20.0
MOSTLY, FEWEST_OTHERS = 0.75, 5
# Fewer columns may be in the order of their deviations by chance.
FEWEST_PRINCIPAL = 5
# Numbers below this many rounding errors of the largest deviation are rounding errors.
ROUNDING = 64
# The same for components of a PCA: it may have subtracted a mean of large rounding errors.
ROUNDING_OF_MEAN, ROUNDING_OF_MEAN_IN_FLOAT32 = 2**18, 2**9
# Rounding errors of one sign are this many deviations from zero.
BIASED = 20
# Means of components of PCA and TruncatedSVD are at most this many deviations from zero.
CENTERED, NEARLY_CENTERED = 1e-3, 0.5
# Numbers on the CPU that are processed at a time: in float64 they stay in the processor's cache.
PIECE_NUMBERS = 2**18
# A mean this many scales away from zero is subtracted in float64, as are numbers near the ends of float32.
FAR, HUGE = 1e3, 1e30
# Squares of deviations below this root lose digits in float64.
UNDERFLOW = 1e-150
EXACT_IN_FLOAT32 = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.float16, torch.bfloat16, torch.float32)


@dataclass(frozen=True)
class Moments:
    """What passes over rows learn of every feature.

    Attributes
    ----------
    count : int
        Rows seen.
    numbers : Tensor of shape (5, n_features), float64
        Mean, sum of squared differences from the mean, smallest value, largest value, and number of rows at the
        smallest one.
    eps : float
        Rounding error of the numbers' type, relative to them; 0 for integers.
    """

    count: int
    numbers: Tensor
    eps: float

    mean = property(lambda self: self.numbers[0])
    squares = property(lambda self: self.numbers[1])
    low = property(lambda self: self.numbers[2])
    high = property(lambda self: self.numbers[3])
    at_low = property(lambda self: self.numbers[4])

    @classmethod
    def of(cls, slices: Iterable[Tensor]) -> Moments:
        """The moments of all slices of rows (n, n_features)."""
        pieces = (piece for rows in slices for piece in rows.split(max(1, PIECE_NUMBERS // max(1, rows.shape[1]))))
        moments = functools.reduce(cls.merged, map(cls.of_slice, pieces))
        return replace(moments, numbers=moments.numbers.cpu())

    @classmethod
    def of_slice(cls, rows: Tensor) -> Moments:
        """The moments of rows (n, n_features)."""
        x = rows.to(torch.float64)
        mean = x.mean(0)
        low, high = x.amin(0), x.amax(0)  # aminmax takes four times as long
        differences = (x - mean).square_()
        squares = differences.sum(0)
        # Counted as float64, and in memory that is there: half the time of a sum of truth values.
        at_low = torch.eq(x, low, out=differences).sum(0)
        return cls(len(x), torch.stack([mean, squares, low, high, at_low]), rounding_of(rows.dtype))

    @classmethod
    def of_sparse(cls, X: csr_array) -> Moments:
        """The moments of CSR rows, without making them dense."""
        eps = rounding_of(torch.from_numpy(X.data[:0]).dtype)
        X = X.astype(np.float64)
        n_rows, n_features = X.shape
        mean, variance = mean_variance_axis(X, axis=0)
        low, high = (np.asarray(ends, dtype=np.float64) for ends in min_max_axis(X, axis=0))
        at_low = np.bincount(X.indices, weights=X.data == low[X.indices], minlength=n_features)
        at_low += np.where(low == 0, n_rows - np.bincount(X.indices, minlength=n_features), 0)
        numbers = np.stack([mean, n_rows * variance, low, high, at_low]).astype(np.float64, copy=False)
        return cls(n_rows, torch.from_numpy(numbers), eps)

    def merged(self, other: Moments) -> Moments:
        """The moments of these rows and those, as Chan, Golub and LeVeque (1983) merge them."""
        count = self.count + other.count
        shift = other.mean - self.mean
        mean = self.mean + shift * (other.count / count)
        squares = self.squares + other.squares + shift.square() * (self.count * other.count / count)
        low, high = torch.minimum(self.low, other.low), torch.maximum(self.high, other.high)
        at_low = self.at_low * (self.low == low) + other.at_low * (other.low == low)
        return Moments(count, torch.stack([mean, squares, low, high, at_low]), max(self.eps, other.eps))

    @property
    def deviation(self) -> Tensor:
        """Standard deviation of every feature (n_features,); 0 where it is constant but for rounding errors."""
        deviation = (self.squares / self.count).sqrt()
        # Squares of smaller differences are 0 or inaccurate: half of the range is near enough.
        deviation = torch.where(deviation < UNDERFLOW, (self.high - self.low) / 2, deviation)
        # What rounding alone leaves in a column of one large value is no deviation.
        constant = (deviation <= 16 * torch.finfo(torch.float64).eps * self.mean.abs()) | (self.low == self.high)
        return deviation.masked_fill(constant | self.is_rounding(deviation), 0.0)

    def is_rounding(self, deviation: Tensor) -> Tensor:
        """Whether a feature (n_features,) holds rounding errors of the others only, as the last columns of a PCA with
        more components than the rank."""
        size = torch.maximum(self.low.abs(), self.high.abs()) / deviation.max()
        small = size <= ROUNDING * self.eps
        more = ROUNDING_OF_MEAN
        if self.eps > torch.finfo(torch.float64).eps:
            # In float32 small numbers may well be measurements, unless columns are in the order of components, and
            # those of one sign hardly differ.
            small &= ((self.low < 0) & (self.high > 0)) | (self.mean.abs() > BIASED * deviation)
            small &= self.are_components(deviation, ~small, NEARLY_CENTERED)
            more = ROUNDING_OF_MEAN_IN_FLOAT32
        last = size <= more * self.eps
        return small | (last & self.are_components(deviation, ~last, CENTERED))

    def are_components(self, deviation: Tensor, large: Tensor, off_center: float) -> bool:
        """Whether features seem to be principal components: the large ones (n_features,) come first, their deviations
        descend, and their means, but for the first one's in a TruncatedSVD, are near zero."""
        n = int(large.sum())
        rest = slice(min(1, n - 1), n)
        near_zero = self.mean[rest].abs() <= off_center * deviation[rest]
        return bool(large[:n].all() & (deviation[rest].diff() <= 0).all() & near_zero.all())

    def of_channels(self, channels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Deviation, low and high of every channel; ``channels`` (n_features,) numbers the channel of each feature."""
        n = int(channels.max()) + 1
        features = self.deviation
        deviation = torch.stack([root_mean_square(features[channels == channel]) for channel in range(n)])
        low = torch.zeros(n, dtype=torch.float64).scatter_reduce_(0, channels, self.low, "amin", include_self=False)
        high = torch.zeros(n, dtype=torch.float64).scatter_reduce_(0, channels, self.high, "amax", include_self=False)
        return deviation, low, high


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
    kind : {"columns", "channels", "global", None}
        What shares a scale.
    moments : Moments, default=None
        Of the rows it was learned from, on the CPU.
    """

    mean: Tensor
    scale: Tensor
    low: Tensor
    high: Tensor
    total_variance: Tensor
    kind: str | None = "global"
    moments: Moments | None = None

    @classmethod
    def of(cls, moments: Moments, kind: str | None, is_table: bool, channels: Tensor | None = None) -> Scaling:
        """The scaling for these moments; ``kind`` is one of SCALINGS.

        "auto" takes "columns" for a table whose columns have different units, "channels" for samples whose channels
        have, else "global". None subtracts the mean only.

        Parameters
        ----------
        channels : Tensor of shape (n_features,), int64, default=None
            The channel of every feature, where samples have channels.
        """
        deviation = moments.deviation
        if kind == "auto":
            kind = automatic_kind(moments, is_table, channels)
        if kind == "channels" and channels is None:
            kind = "global"
        if kind == "columns":
            scale, low, high = deviation, moments.low, moments.high
        elif kind == "channels" and channels is not None:
            scale, low, high = (of_channel[channels] for of_channel in moments.of_channels(channels))
        else:
            scale = root_mean_square(deviation) if kind == "global" else torch.ones((), dtype=torch.float64)
            low, high = moments.low.min(), moments.high.max()
        scale = torch.where(scale > 0, scale, torch.ones_like(scale))
        return cls(moments.mean, scale, low, high, (deviation / scale).square().sum(), kind, moments)

    def extended(
        self, more: Moments, kind: str | None, is_table: bool, channels: Tensor | None = None
    ) -> tuple[Scaling, Tensor]:
        """The scaling once there are more rows, and which features (n_features,) it scales in another way.

        Those are features that vary for the first time, and those whose scale changes by more than SAME_UNIT times;
        all others are scaled as before.
        """
        assert self.moments is not None
        moments = self.moments.merged(more)
        target = Scaling.of(moments, self.kind if self.scale.ndim > 0 else kind, is_table, channels)
        changed = (self.moments.deviation == 0) & (moments.deviation > 0)
        ratio = (target.scale / self.scale).expand(moments.mean.shape)
        if target.kind is not None:
            changed = changed | (ratio > SAME_UNIT) | (ratio * SAME_UNIT < 1)
        if target.scale.ndim > 0:
            scale = torch.where(changed, target.scale, self.scale)
        else:
            scale = target.scale if bool((ratio > SAME_UNIT).any() or (ratio * SAME_UNIT < 1).any()) else self.scale
        mean = torch.where(changed, moments.mean, self.mean)
        total = (moments.deviation / scale).square().sum()
        return Scaling(mean, scale, target.low, target.high, total, target.kind, moments), changed

    def to(self, device: torch.device) -> Scaling:
        """The same scaling, computing on ``device`` where that has float64."""
        if device.type == "mps":
            return self
        return replace(self, **{name: getattr(self, name).to(device) for name in ARRAYS})

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


def root_mean_square(values: Tensor) -> Tensor:
    """The root mean square of values whose squares may underflow."""
    result = values.square().mean().sqrt()
    largest = values.max()
    return result if result > UNDERFLOW or largest == 0 else (values / largest).square().mean().sqrt() * largest


def rounding_of(dtype: torch.dtype) -> float:
    """Rounding error of numbers of a type, relative to them; of types shorter than float32 that of float32."""
    if not dtype.is_floating_point:
        return 0.0
    return torch.finfo(torch.float64 if dtype is torch.float64 else torch.float32).eps


def automatic_kind(moments: Moments, is_table: bool, channels: Tensor | None) -> str:
    """The kind of scaling that "auto" takes."""
    if is_table:
        return "columns" if differ(moments.deviation, SAME_UNIT) and not share_a_unit(moments) else "global"
    if channels is not None and differ(moments.of_channels(channels)[0], SAME_UNIT):
        return "channels"
    return "global"


def differ(sizes: Tensor, times: float) -> bool:
    """Whether some size that is not 0 is more than ``times`` another one."""
    sizes = sizes[sizes > 0]
    return len(sizes) > 0 and bool(sizes.max() > times * sizes.min())


def share_a_unit(moments: Moments) -> bool:
    """Whether columns of a table whose deviations differ are of one unit all the same.

    So are pixels and flags, most of which have the same two ends, and counts or weights of words, most of which are 0,
    where values other than the lowest are of similar size; and principal components, which are in order.
    """
    found = (moments.deviation, moments.mean, moments.low, moments.high, moments.at_low)
    deviation, mean, low, high, at_low = (array[found[0] > 0] for array in found)
    centered = bool((mean.abs() <= 1e-6 * deviation).all())
    if centered and len(mean) >= FEWEST_PRINCIPAL and bool((deviation.diff() <= 0).all()):
        return True
    base = low == low.min()
    others = moments.count - torch.where(base, at_low, 0.0)
    same_ends = float((base & (high == high[base].mode().values)).double().mean())
    at_base = 1 - float(others.mean()) / moments.count
    if same_ends <= 0.5 and at_base < MOSTLY:
        return False
    size = ((deviation.square() + (mean - low.min()).square()) * moments.count / others).sqrt()
    size = size[others >= min(FEWEST_OTHERS, float(others.max()))]
    median = size.median()
    return bool(size.max() <= SAME_SIZE * median) and bool(size.min() * SAME_SIZE >= median)
