"""Drawing of one sample on one Axes: a picture, one line per channel, or the columns of a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from .figures import PALE, remove_ticks, set_integer_ticks
from .sample_format import SampleFormat

# A table with more columns is drawn as a line, without column names.
MAX_COLUMNS = 30
MAX_CHANNELS = 4


def draw_picture(ax: Any, picture: np.ndarray, limits: tuple[float, float]) -> None:
    """Draw a gray picture (height, width) or a color picture (height, width, 3 or 4); NaN is blank."""
    low, high = limits
    if picture.ndim == 2:
        ax.imshow(np.ma.masked_invalid(picture), cmap="gray", vmin=low, vmax=high)
    else:
        # matplotlib needs color pictures of floats in [0, 1].
        ax.imshow(np.nan_to_num(np.clip((picture - low) / (high - low), 0, 1), nan=PALE))
    remove_ticks(ax)


def draw_error(ax: Any, error: np.ndarray, largest: float) -> None:
    """Draw the error of a picture: blue is too dark, red is too bright; for color pictures, the mean absolute error."""
    if error.ndim == 2:
        ax.imshow(np.ma.masked_invalid(error), cmap="RdBu_r", vmin=-largest, vmax=largest)
    else:
        ax.imshow(np.ma.masked_invalid(np.abs(error).mean(-1)), cmap="Reds", vmin=0, vmax=largest)
    remove_ticks(ax)


def draw_pair(ax: Any, sample_format: SampleFormat, sample: np.ndarray, reconstruction: np.ndarray) -> None:
    """Draw a sample and its reconstruction (length, channels) on one Axes."""
    places = np.arange(len(sample))
    if sample_format.kind == "tokens":
        ax.plot(places, sample[:, 0], "o", markerfacecolor="none", color="0.5", label="input")
        ax.plot(places, reconstruction[:, 0], "x", markersize=4, color="C0", label="reconstruction")
    elif sample_format.kind == "table" and len(sample) <= MAX_COLUMNS:
        ax.bar(places, sample[:, 0], color="0.8", label="input")
        ax.plot(places, reconstruction[:, 0], "o", markersize=4, color="C0", label="reconstruction")
    else:
        for channel in range(min(MAX_CHANNELS, sample.shape[1])):
            names = ("input", "reconstruction") if channel == 0 else (None, None)
            before = "0.7" if sample.shape[1] == 1 else f"C{channel}"
            ax.plot(places, sample[:, channel], color=before, alpha=0.6, linewidth=3, label=names[0])
            ax.plot(places, reconstruction[:, channel], color=f"C{channel}", linewidth=1.2, label=names[1])


def draw_difference(ax: Any, sample_format: SampleFormat, error: np.ndarray) -> None:
    """Draw the error (length, channels): reconstruction minus sample."""
    places = np.arange(len(error))
    ax.axhline(0, color="0.7", linewidth=0.8)
    if sample_format.kind == "tokens":
        ax.bar(places, error[:, 0] != 0, color="C3")
    elif sample_format.kind == "table" and len(error) <= MAX_COLUMNS:
        ax.bar(places, error[:, 0], color="C3")
    else:
        for channel in range(min(MAX_CHANNELS, error.shape[1])):
            ax.plot(places, error[:, channel], color="C3" if error.shape[1] == 1 else f"C{channel}", linewidth=1)


def label_columns(ax: Any, sample_format: SampleFormat) -> None:
    """Label the x-axis with the column names of a table if there is room, else with its meaning."""
    if sample_format.kind == "table" and sample_format.names and len(sample_format.names) <= MAX_COLUMNS:
        shortened = [name if len(name) <= 18 else f"{name[:17]}…" for name in sample_format.names]
        ax.set_xticks(range(len(shortened)), shortened, rotation=90, fontsize="small")
    else:
        ax.set_xlabel({"table": "column", "tokens": "place", "signal": "time"}[sample_format.kind])
        if sample_format.kind != "signal":
            set_integer_ticks(ax.xaxis)


def value_label(sample_format: SampleFormat) -> str:
    """The label of the y-axis."""
    return {"table": "standard deviations" if np.ndim(sample_format.scale) else "scaled value", "tokens": "token"}.get(
        sample_format.kind, "value"
    )
