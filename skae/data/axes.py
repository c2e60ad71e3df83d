"""Axes of a sample: names, inference from the shape, and detection of sensor windows that look like gray pictures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skae._parameters import warn

from .layout import AXES
from .scaling import SAME_UNIT
from .sources import first_rows, iterate_slices

# Samples that are examined, and the correlation of neighbors that pictures exceed along both axes.
EXAMINED, CORRELATED = 500, 0.2
# Samples with higher correlations along both axes are pictures, whatever the deviations along each axis.
SMOOTH = 0.5
# Share of values at the minimum from which samples have a background, as drawings have.
BACKGROUND = 0.1
# Samples whose aspect ratio is at least this, without correlation along either axis, are no pictures.
OBLONG = 2


def feature_channels(sample_shape: tuple[int, ...], axes: tuple[str, ...]) -> Tensor | None:
    """The channel index of each feature (n_features,), int64; None if the samples have no channel axis."""
    if "c" not in axes:
        return None
    axis = axes.index("c")
    channels = torch.arange(sample_shape[axis]).view(-1, *(1 for _ in sample_shape[axis + 1 :]))
    return channels.expand(sample_shape).reshape(-1)


def infer_axes(sample_shape: tuple[int, ...], axes: str | None) -> tuple[str, ...]:
    """Names of a sample's axes: the given ones, checked, or the only ones that are plausible for its shape.

    If exactly one axis has size 1 or 3 (or 4 in the last place), it is the channel axis. A sample with two axes of
    at least 4 elements, neither more than 4 times as long as the other, is a gray picture.

    Raises
    ------
    ValueError
        If the names do not fit the shape, or more than one reading of the shape is plausible.
    """
    if axes is not None:
        return parse_axes(sample_shape, axes)
    readings = plausible_readings(sample_shape)
    if len(readings) == 1:
        return tuple(readings[0].split())
    as_table = "Or pass each sample as one row of a 2-D array, without sample_shape, to have it read as a table."
    if not readings:
        raise ValueError(
            f"Samples of shape {sample_shape} have {len(sample_shape)} axes; at most four can be named: one to three "
            f"of t, d, h, w, and c. {as_table}"
        )
    listed = "; ".join(f"axes={reading!r} for {describe_reading(reading, sample_shape)}" for reading in readings)
    raise ValueError(
        f"Samples of shape {sample_shape} can be read in {len(readings)} ways. Name the axes: {listed}. {as_table}"
    )


def parse_axes(sample_shape: tuple[int, ...], axes: str) -> tuple[str, ...]:
    """Split ``axes`` into names, one per axis of the sample."""
    if not isinstance(axes, str):
        raise ValueError(f"axes must be a string of names such as 'h w c'. Got {axes!r} instead.")
    names = tuple(axes.split())
    if names == ("n",) and len(sample_shape) == 1:
        return names
    spatial = [name for name in names if name != "c"]
    known = all(name in AXES for name in names)
    if not known or len(set(names)) != len(names) or not 1 <= len(spatial) <= 3:
        allowed = ", ".join(f"{name!r} ({AXES[name]})" for name in AXES)
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
    """All plausible axes of a sample of this shape; the first axis of X is excluded."""
    if len(shape) == 1:
        return ["t"]
    if len(shape) == 2:
        short, long = sorted(shape)
        signal = "c t" if shape[0] == short else "t c"
        if short == 1 and long > 1:
            return [signal]
        return ["h w"] if short >= 4 and long <= 4 * short else [signal, "h w"]
    spatial = {3: "h w", 4: "t h w"}.get(len(shape), "").split()
    if not spatial:
        return []
    channel_axes = [i for i, size in enumerate(shape) if size in (1, 3) or (size == 4 and i == len(shape) - 1)]
    readings = [" ".join([*spatial[:i], "c", *spatial[i:]]) for i in channel_axes or [0, len(shape) - 1]]
    return readings + (["t h w"] if len(channel_axes) != 1 and len(shape) == 3 else [])


def describe_reading(reading: str, shape: tuple[int, ...]) -> str:
    """Describe a reading in words, such as '2-channel signals'."""
    names = reading.split()
    channels = f"{shape[names.index('c')]}-channel " if "c" in names else "gray "
    kinds = {1: "signals", 2: "pictures", 3: "videos"}
    spatial = [name for name in names if name != "c"]
    return f"{channels if len(spatial) > 1 or 'c' in names else ''}{kinds[len(spatial)]}"


def warn_if_sensor_windows(X: Any, sample_shape: tuple[int, ...]) -> None:
    """Warn if samples that are read as gray pictures look like windows of several sensors over time.

    Along the axis of sensors, neighbors are uncorrelated or their deviations differ by orders of magnitude. In a
    picture, neighbors are correlated along both axes.
    """
    if str(X.dtype).rpartition(".")[2] in ("uint8", "bool"):
        return
    rows = next(iterate_slices(first_rows(X, EXAMINED), EXAMINED)).to(torch.float64).reshape(-1, *sample_shape)
    if bool(rows.isnan().any()):
        rows = torch.where(rows.isnan(), rows.nanmean(0).nan_to_num(float(rows.nanmean().nan_to_num())), rows)
    if bool(((rows == rows.min()) | (rows == rows.max())).all()):
        return  # black and white
    mean = rows.mean(0, keepdim=True)
    has_background = bool((rows == rows.min()).double().mean() >= BACKGROUND)
    if has_background and min(neighbor_correlations((mean - mean.mean()).numpy())) > CORRELATED:
        return  # similar pictures on a background: what they share is in their mean
    along = neighbor_correlations((rows - mean).numpy())
    differ = [deviation_ratio(rows.numpy(), axis) > SAME_UNIT for axis in (1, 2)]
    oblong = max(sample_shape) >= OBLONG * min(sample_shape)
    rough = min(along) <= CORRELATED and (max(along) > CORRELATED or oblong)
    if min(along) > SMOOTH or (not rough and differ[0] == differ[1]):
        return
    first = differ[0] if differ[0] != differ[1] else along[0] < along[1]
    warn(
        f"Samples of shape {sample_shape} are read as gray pictures (axes='h w'), but look like windows of sensors "
        f"over time (correlation of neighbors along the first axis {along[0]:.2f}, along the second {along[1]:.2f}). "
        f"If they are, pass axes={'c t' if first else 't c'!r}, so that sensors may have units of their own; if they "
        f"are pictures, pass axes='h w'."
    )


def neighbor_correlations(x: np.ndarray) -> tuple[float, float]:
    """Correlation of neighbors along both axes of centered samples (n, height, width); 1 if they are constant."""
    correlations = []
    for a, b in ((x[:, 1:], x[:, :-1]), (x[:, :, 1:], x[:, :, :-1])):
        size = math.sqrt(np.square(a).sum()) * math.sqrt(np.square(b).sum())
        correlations.append(float((a * b).sum()) / size if size > 0 else 1.0)
    return correlations[0], correlations[1]


def deviation_ratio(x: np.ndarray, axis: int) -> float:
    """Ratio of the largest to the smallest deviation along an axis of samples; backgrounds of pictures are ignored."""
    low, over = x.min(), (0, 3 - axis)
    others = x > low
    if others.mean() < 1 - BACKGROUND:
        size = np.sqrt(np.square(x - low).sum(axis=over) / np.maximum(others.sum(axis=over), 1))
        size = size[others.mean(axis=over) >= 0.05]
    else:
        size = np.sqrt(x.var(axis=0).mean(axis=2 - axis))
    size = size[size > 0]
    return float(size.max() / size.min()) if len(size) else 1.0
