"""Matplotlib, loaded when something is drawn, and Axes in rows and columns: new ones, or those of the caller."""

from __future__ import annotations

from typing import Any

import numpy as np

# Room between Axes that stand inside the caller's one, as a share of each.
GAP = 0.08
# A light gray, from 0 (black) to 1 (white).
PALE = 0.85


def pyplot(owner: str) -> Any:
    """``matplotlib.pyplot``.

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


def one_axes(owner: str, ax: Any, size: tuple[float, float] = (6.4, 4.8)) -> Any:
    """The caller's Axes, or new ones of ``size`` inches."""
    plt = pyplot(owner)
    if ax is None:
        return plt.subplots(figsize=size, layout="constrained")[1]
    if not hasattr(ax, "get_xlim"):
        raise TypeError(f"{owner}.plot draws on one matplotlib Axes. Got {type(ax).__name__} instead.")
    return ax


def grid_of_axes(owner: str, ax: Any, shape: tuple[int, int], cell: tuple[float, float]) -> np.ndarray:
    """Axes (n_rows, n_columns): new ones with cells of ``cell`` inches, the caller's array, or inside one of theirs.

    Raises
    ------
    ValueError
        If the caller's Axes are not as many as needed.
    """
    plt = pyplot(owner)
    n_rows, n_columns = shape
    if ax is None:
        size = (n_columns * cell[0] + 0.8, n_rows * cell[1] + 0.6)
        return plt.subplots(n_rows, n_columns, figsize=size, squeeze=False, layout="constrained")[1]
    if hasattr(ax, "get_xlim"):
        return axes_inside(ax, shape)
    given = np.asarray(ax, dtype=object)
    if given.size != n_rows * n_columns:
        raise ValueError(
            f"{owner}.plot needs {n_rows} x {n_columns} Axes here, or one to draw them all in. Got {given.size}. Write "
            f"plt.subplots({n_rows}, {n_columns})."
        )
    return given.reshape(shape)


def axes_inside(ax: Any, shape: tuple[int, int]) -> np.ndarray:
    """Axes (n_rows, n_columns) inside another, which itself becomes blank."""
    ax.set_axis_off()
    height, width = (1 / size for size in shape)
    made = np.empty(shape, dtype=object)
    for row, column in np.ndindex(shape):
        low = 1 - (row + 1) * height
        made[row, column] = ax.inset_axes(
            [column * width, low + GAP * height, (1 - GAP) * width, (1 - 2 * GAP) * height],
        )
    return made


def without_ticks(ax: Any) -> None:
    """No ticks, and a frame and a ground that white pictures stand out from."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_facecolor(str(PALE))
    for spine in ax.spines.values():
        spine.set_color(str(PALE))


def whole_numbers(axis: Any) -> None:
    """Ticks of an axis at whole numbers only."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def share_limits(axes: np.ndarray) -> None:
    """One range of y for all, with its numbers at the first only."""
    limits = np.array([ax.get_ylim() for ax in axes])
    for number, ax in enumerate(axes):
        ax.set_ylim(limits[:, 0].min(), limits[:, 1].max())
        if number:
            ax.tick_params(labelleft=False)
