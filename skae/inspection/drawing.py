"""Grids of Axes, new or given by the caller, and drawing of samples on them; matplotlib is imported on demand."""

from __future__ import annotations

from typing import Any

import numpy as np

from .samples import SampleFormat

# Space between Axes inside the caller's Axes, as a fraction of their size.
GAP = 0.08
# A light gray, from 0 (black) to 1 (white).
PALE = 0.85
# A table with more columns is drawn as a line, without column names.
MAX_COLUMNS = 30
MAX_CHANNELS = 4


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


def set_integer_ticks(axis: Any) -> None:
    """Set the ticks of an axis at integers only."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


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
    elif sample_format.kind == "table" and len(sample) <= MAX_COLUMNS:
        ax.bar(positions, sample[:, 0], color="0.8", label="input")
        ax.plot(positions, reconstruction[:, 0], "o", markersize=4, color="C0", label="reconstruction")
    else:
        for channel in range(min(MAX_CHANNELS, sample.shape[1])):
            names = ("input", "reconstruction") if channel == 0 else (None, None)
            before = "0.7" if sample.shape[1] == 1 else f"C{channel}"
            ax.plot(positions, sample[:, channel], color=before, alpha=0.6, linewidth=3, label=names[0])
            ax.plot(positions, reconstruction[:, channel], color=f"C{channel}", linewidth=1.2, label=names[1])


def draw_difference(ax: Any, sample_format: SampleFormat, error: np.ndarray) -> None:
    """Draw the error (length, channels): reconstruction minus sample."""
    positions = np.arange(len(error))
    ax.axhline(0, color="0.7", linewidth=0.8)
    if sample_format.kind == "tokens":
        ax.bar(positions, error[:, 0] != 0, color="C3")
    elif sample_format.kind == "table" and len(error) <= MAX_COLUMNS:
        ax.bar(positions, error[:, 0], color="C3")
    else:
        for channel in range(min(MAX_CHANNELS, error.shape[1])):
            ax.plot(positions, error[:, channel], color="C3" if error.shape[1] == 1 else f"C{channel}", linewidth=1)


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
    columns = "standard deviations" if np.ndim(sample_format.scale) else "scaled value"
    return {"table": columns, "tokens": "token"}.get(sample_format.kind, "value")
