"""One sample on one Axes: a picture, a line for every channel, or the columns of a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from .figures import PALE, whole_numbers, without_ticks
from .forms import SampleForm

# A table with more columns than this is drawn as a line, without their names.
MOST_COLUMNS = 30
MOST_CHANNELS = 4


def show_picture(ax: Any, picture: np.ndarray, limits: tuple[float, float]) -> None:
    """A picture (height, width) in gray or (height, width, 3 or 4) in color; NaN stays blank."""
    low, high = limits
    if picture.ndim == 2:
        ax.imshow(np.ma.masked_invalid(picture), cmap="gray", vmin=low, vmax=high)
    else:
        # A float picture in color has to lie in [0, 1].
        ax.imshow(np.nan_to_num(np.clip((picture - low) / (high - low), 0, 1), nan=PALE))
    without_ticks(ax)


def show_error(ax: Any, error: np.ndarray, largest: float) -> None:
    """Blue where the reconstruction is darker, red where it is brighter; in color how far off it is."""
    if error.ndim == 2:
        ax.imshow(np.ma.masked_invalid(error), cmap="RdBu_r", vmin=-largest, vmax=largest)
    else:
        ax.imshow(np.ma.masked_invalid(np.abs(error).mean(-1)), cmap="Reds", vmin=0, vmax=largest)
    without_ticks(ax)


def draw_pair(ax: Any, form: SampleForm, sample: np.ndarray, reconstruction: np.ndarray) -> None:
    """A sample and its reconstruction (length, channels), one over the other."""
    places = np.arange(len(sample))
    if form.kind == "tokens":
        ax.plot(places, sample[:, 0], "o", markerfacecolor="none", color="0.5", label="input")
        ax.plot(places, reconstruction[:, 0], "x", markersize=4, color="C0", label="reconstruction")
    elif form.kind == "table" and len(sample) <= MOST_COLUMNS:
        ax.bar(places, sample[:, 0], color="0.8", label="input")
        ax.plot(places, reconstruction[:, 0], "o", markersize=4, color="C0", label="reconstruction")
    else:
        for channel in range(min(MOST_CHANNELS, sample.shape[1])):
            names = ("input", "reconstruction") if channel == 0 else (None, None)
            before = "0.7" if sample.shape[1] == 1 else f"C{channel}"
            ax.plot(places, sample[:, channel], color=before, alpha=0.6, linewidth=3, label=names[0])
            ax.plot(places, reconstruction[:, channel], color=f"C{channel}", linewidth=1.2, label=names[1])


def draw_difference(ax: Any, form: SampleForm, error: np.ndarray) -> None:
    """What the reconstruction adds to the sample, (length, channels)."""
    places = np.arange(len(error))
    ax.axhline(0, color="0.7", linewidth=0.8)
    if form.kind == "tokens":
        ax.bar(places, error[:, 0] != 0, color="C3")
    elif form.kind == "table" and len(error) <= MOST_COLUMNS:
        ax.bar(places, error[:, 0], color="C3")
    else:
        for channel in range(min(MOST_CHANNELS, error.shape[1])):
            ax.plot(places, error[:, channel], color="C3" if error.shape[1] == 1 else f"C{channel}", linewidth=1)


def name_columns(ax: Any, form: SampleForm) -> None:
    """Names of a table's columns below the Axes, where there is room; else what counts along it."""
    if form.kind == "table" and form.names and len(form.names) <= MOST_COLUMNS:
        shortened = [name if len(name) <= 18 else f"{name[:17]}…" for name in form.names]
        ax.set_xticks(range(len(shortened)), shortened, rotation=90, fontsize="small")
    else:
        ax.set_xlabel({"table": "column", "tokens": "place", "signal": "time"}[form.kind])
        if form.kind != "signal":
            whole_numbers(ax.xaxis)


def unit(form: SampleForm) -> str:
    """What is drawn along y."""
    return {"table": "deviations" if np.ndim(form.scale) else "scaled value", "tokens": "token"}.get(form.kind, "value")
