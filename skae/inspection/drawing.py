"""Grids of Axes, new or given by the caller, and drawing of samples on them; matplotlib is imported on demand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .samples import SampleFormat

# Space between Axes inside the caller's Axes, as a fraction of their size.
GAP = 0.08
# A light gray, from 0 (black) to 1 (white).
PALE = 0.85
# Of a table with more columns, and of signals with more channels, some are drawn.
MAX_COLUMNS = 30
MAX_CHANNELS = 4
# Longer names are abbreviated in the middle, because names of encoded categories differ at their ends.
LONGEST_NAME = 18
# The largest width of a picture in a grid, in inches.
WIDEST = 2.6


def import_pyplot(owner: str) -> Any:
    """Import ``matplotlib.pyplot``; the ImportError without it names the extra to install."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(f'{owner} needs matplotlib. Install it: pip install "skae[plot]".') from error
    return plt


def single_axes(owner: str, ax: Any, size: tuple[float, float] = (6.4, 4.8)) -> Any:
    """The given Axes, or new Axes of ``size`` inches."""
    plt = import_pyplot(owner)
    if ax is None:
        return plt.subplots(figsize=size, layout="constrained")[1]
    if not hasattr(ax, "get_xlim"):
        raise TypeError(f"{owner}.plot draws on one matplotlib Axes. Got {type(ax).__name__} instead.")
    return ax


def axes_grid(owner: str, ax: Any, shape: tuple[int, int], cell: tuple[float, float]) -> np.ndarray:
    """Axes (n_rows, n_columns): new ones of ``cell`` inches each, the given array, or inset into given Axes."""
    plt = import_pyplot(owner)
    n_rows, n_columns = shape
    if ax is None:
        size = (n_columns * cell[0] + 0.8, n_rows * cell[1] + 0.6)
        return plt.subplots(n_rows, n_columns, figsize=size, squeeze=False, layout="constrained")[1]
    if hasattr(ax, "get_xlim"):
        return inset_axes_grid(ax, shape)
    axes = np.asarray(ax, dtype=object)
    if axes.size != n_rows * n_columns:
        raise ValueError(
            f"{owner}.plot needs {n_rows} x {n_columns} Axes here, or one that is divided. Got {axes.size}. Write "
            f"plt.subplots({n_rows}, {n_columns})."
        )
    return axes.reshape(shape)


def inset_axes_grid(ax: Any, shape: tuple[int, int]) -> np.ndarray:
    """Inset Axes (n_rows, n_columns) in given Axes, which are turned off."""
    ax.set_axis_off()
    height, width = (1 / size for size in shape)
    axes = np.empty(shape, dtype=object)
    for row, column in np.ndindex(shape):
        low = 1 - (row + 1) * height
        axes[row, column] = ax.inset_axes(
            [column * width, low + GAP * height, (1 - GAP) * width, (1 - 2 * GAP) * height]
        )
    return axes


def remove_ticks(ax: Any) -> None:
    """Remove ticks; set a gray frame and background, so that white pictures are visible."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_facecolor(str(PALE))
    for spine in ax.spines.values():
        spine.set_color(str(PALE))


def picture_size(height: float, aspect: float) -> tuple[float, float]:
    """Width and height in inches of pictures of an aspect; wide ones are less high."""
    width = min(WIDEST, height * max(1.0, aspect))
    return width, min(height, width / aspect)


def set_integer_ticks(axis: Any, n_ticks: int = 9) -> None:
    """Set the ticks of an axis at integers only, at most about ``n_ticks``."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(n_ticks, integer=True, min_n_ticks=1))


def place_legend(ax: Any, is_new: bool, title: str | None = None, n_columns: int = 1) -> None:
    """Place the legend below new Axes, right of given Axes whose figure has a layout engine, else inside."""
    style: dict[str, Any] = {"fontsize": "small", "title": title}
    if is_new:
        ax.legend(**style, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=n_columns, frameon=False)
    elif ax.figure.get_layout_engine() is not None:
        ax.legend(**style, loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    else:
        ax.legend(**style)


def share_y_limits(axes: np.ndarray) -> None:
    """Set one y-range for all Axes, with tick labels at the first only."""
    limits = np.array([ax.get_ylim() for ax in axes])
    for number, ax in enumerate(axes):
        ax.set_ylim(limits[:, 0].min(), limits[:, 1].max())
        if number:
            ax.tick_params(labelleft=False)


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
    positions = np.arange(len(sample))
    if sample_format.kind == "tokens":
        ax.plot(positions, sample[:, 0], "o", markerfacecolor="none", color="0.5", label="input")
        ax.plot(positions, reconstruction[:, 0], "x", markersize=4, color="C0", label="reconstruction")
    elif sample_format.kind == "table":
        ax.bar(positions, sample[:, 0], color="0.8", label="input")
        ax.plot(positions, reconstruction[:, 0], "o", markersize=4, color="C0", label="reconstruction")
    else:
        n_channels = sample.shape[1]
        for channel in range(min(MAX_CHANNELS, n_channels)):
            which = "" if n_channels == 1 else f", channel {channel}"
            before = "0.7" if n_channels == 1 else f"C{channel}"
            after = {"color": f"C{channel}", "linewidth": 1.2, "label": f"reconstruction{which}"}
            ax.plot(positions, sample[:, channel], color=before, alpha=0.4, linewidth=3, label=f"input{which}")
            ax.plot(positions, reconstruction[:, channel], **after)


def draw_difference(ax: Any, sample_format: SampleFormat, error: np.ndarray) -> None:
    """Draw the error (length, channels): reconstruction minus sample."""
    positions = np.arange(len(error))
    ax.axhline(0, color="0.7", linewidth=0.8)
    if sample_format.kind == "tokens":
        ax.bar(positions, error[:, 0] != 0, color="C3")
        ax.set_yticks([])
    elif sample_format.kind == "table":
        ax.bar(positions, error[:, 0], color="C3")
    else:
        for channel in range(min(MAX_CHANNELS, error.shape[1])):
            ax.plot(positions, error[:, channel], color="C3" if error.shape[1] == 1 else f"C{channel}", linewidth=1)


def select_columns(
    sample_format: SampleFormat, sizes: np.ndarray, n_shown: int = MAX_COLUMNS
) -> tuple[np.ndarray, SampleFormat]:
    """Indices of the columns of a table with the largest ``sizes`` (n_columns,), in their order, and their format.

    If some are left out, columns without names are named by their index.
    """
    shown = np.sort(np.argsort(-sizes, kind="stable")[:n_shown])
    names = sample_format.names
    if not names and len(shown) < len(sizes):
        names = tuple(map(str, range(len(sizes))))
    names = tuple(names[column] for column in shown) if names else ()
    return shown, replace(sample_format, sample_shape=(len(shown),), names=names)


def note_columns(axes: np.ndarray, n_shown: int, n_columns: int, which: str, is_new: bool) -> None:
    """Note which columns are drawn, if some are left out: above a new figure, else below the Axes in the middle."""
    if n_shown == n_columns:
        return
    note = f"{n_shown} of {n_columns} columns, those {which}"
    if is_new:
        axes[0, 0].figure.suptitle(note, fontsize="small")
    else:
        axes[-1, axes.shape[1] // 2].set_xlabel(note, fontsize="small")


def label_columns(ax: Any, sample_format: SampleFormat, n_ticks: int = 9) -> None:
    """Label the x-axis with the column names of a table, else with its meaning."""
    if sample_format.kind == "table" and sample_format.names:
        names = [abbreviate(name) for name in sample_format.names]
        ax.set_xticks(range(len(names)), names, rotation=90, fontsize="small")
    else:
        ax.set_xlabel({"table": "column", "tokens": "place", "signal": "time"}[sample_format.kind])
        set_integer_ticks(ax.xaxis, n_ticks)


def abbreviate(name: str) -> str:
    """The name in one line, in at most LONGEST_NAME characters."""
    name = " ".join(name.split())
    half = LONGEST_NAME // 2
    return name if len(name) <= LONGEST_NAME else f"{name[: half - 1]}…{name[-half:]}"


def value_label(sample_format: SampleFormat) -> str:
    """The label of the y-axis."""
    if sample_format.kind == "tokens":
        return "token"
    if np.ndim(sample_format.scale):
        return "standardized value"
    return "scaled value" if sample_format.kind == "table" else "value"
