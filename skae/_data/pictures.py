"""Pictures or windows of sensors: what the numbers of samples with two axes say about how they are to be read."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from skae._parameters import warn

from .scaling import SAME_UNIT
from .sources import raw_slices

# Samples looked at to tell pictures from windows of sensors, and the correlation of neighbors that pictures exceed.
LOOKED_AT, ALIKE = 500, 0.2
# Whatever their sizes, numbers so alike along both axes are pixels.
SMOOTH = 0.5
# Of samples this many times as long as wide that are alike along neither axis, none are pictures.
OBLONG = 2


def check_is_picture(X: Any, sample_shape: tuple[int, ...]) -> None:
    """Warn if samples that are read as gray pictures look like windows of several sensors over time.

    Neighbors along the axis of sensors are not alike, or have deviations of other orders of magnitude; in a picture
    both axes are alike.
    """
    if str(X.dtype).rpartition(".")[2] in ("uint8", "bool"):
        return
    rows = next(raw_slices(X[:LOOKED_AT], LOOKED_AT)).to(torch.float64).reshape(-1, *sample_shape)
    if bool(((rows == rows.min()) | (rows == rows.max())).all()):
        return  # black and white
    alike = neighbor_correlations((rows - rows.mean(0)).numpy())
    differ = [spread_of_sizes(rows.numpy(), axis) > SAME_UNIT for axis in (1, 2)]
    rough = min(alike) <= ALIKE and (max(alike) > ALIKE or max(sample_shape) >= OBLONG * min(sample_shape))
    if min(alike) > SMOOTH or (not rough and differ[0] == differ[1]):
        return
    first = differ[0] if differ[0] != differ[1] else alike[0] < alike[1]
    warn(
        f"Samples of shape {sample_shape} are read as gray pictures (axes='h w'), but look like windows of sensors "
        f"over time (correlation of neighbors along the first axis {alike[0]:.2f}, along the second {alike[1]:.2f}). "
        f"If they are, pass axes={'c t' if first else 't c'!r}, so that sensors may have units of their own; if they "
        f"are pictures, pass axes='h w'."
    )


def neighbor_correlations(x: np.ndarray) -> tuple[float, float]:
    """Correlation of neighbors along the two axes of centered samples (n, height, width); 1 where nothing varies."""
    found = []
    for a, b in ((x[:, 1:], x[:, :-1]), (x[:, :, 1:], x[:, :, :-1])):
        size = math.sqrt(np.square(a).sum()) * math.sqrt(np.square(b).sum())
        found.append(float((a * b).sum()) / size if size > 0 else 1.0)
    return found[0], found[1]


def spread_of_sizes(x: np.ndarray, axis: int) -> float:
    """How many times the smallest deviation along an axis of samples (n, height, width) the largest one is.

    Where a tenth of the numbers are the lowest, as the background of pictures is, it is the sizes of all others that
    are compared.
    """
    low, over = x.min(), (0, 3 - axis)
    others = x > low
    if others.mean() < 0.9:
        size = np.sqrt(np.square(x - low).sum(axis=over) / np.maximum(others.sum(axis=over), 1))
        size = size[others.mean(axis=over) >= 0.05]
    else:
        size = np.sqrt(x.var(axis=0).mean(axis=2 - axis))
    size = size[size > 0]
    return float(size.max() / size.min()) if len(size) else 1.0
