"""Import of matplotlib on demand, and grids of Axes, new or given by the caller."""

from __future__ import annotations

from typing import Any

import numpy as np

# Space between Axes inside the caller's Axes, as a fraction of their size.
GAP = 0.08
# A light gray, from 0 (black) to 1 (white).
PALE = 0.85


def import_pyplot(owner: str) -> Any:
    """Import ``matplotlib.pyplot``.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
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
    """Axes (n_rows, n_columns): new ones of ``cell`` inches each, the given array, or inset into given Axes.

    Raises
    ------
    ValueError
        If the number of given Axes is wrong.
    """
    plt = import_pyplot(owner)
    n_rows, n_columns = shape
    if ax is None:
        size = (n_columns * cell[0] + 0.8, n_rows * cell[1] + 0.6)
        return plt.subplots(n_rows, n_columns, figsize=size, squeeze=False, layout="constrained")[1]
    if hasattr(ax, "get_xlim"):
        return inset_axes_grid(ax, shape)
    given = np.asarray(ax, dtype=object)
    if given.size != n_rows * n_columns:
        raise ValueError(
            f"{owner}.plot needs {n_rows} x {n_columns} Axes here, or one that is divided. Got {given.size}. Write "
            f"plt.subplots({n_rows}, {n_columns})."
        )
    return given.reshape(shape)


def inset_axes_grid(ax: Any, shape: tuple[int, int]) -> np.ndarray:
    """Inset Axes (n_rows, n_columns) in given Axes, which are turned off."""
    ax.set_axis_off()
    height, width = (1 / size for size in shape)
    made = np.empty(shape, dtype=object)
    for row, column in np.ndindex(shape):
        low = 1 - (row + 1) * height
        made[row, column] = ax.inset_axes(
            [column * width, low + GAP * height, (1 - GAP) * width, (1 - 2 * GAP) * height],
        )
    return made


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
