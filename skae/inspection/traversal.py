"""Display of latent traversals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from skae._parameters import check_integer, check_real, check_sizes

from .drawing import (
    axes_grid,
    draw_picture,
    import_pyplot,
    label_columns,
    note_columns,
    select_columns,
    set_integer_ticks,
    value_label,
)
from .samples import SampleFormat, decode_samples, find_autoencoder, join_pictures, to_numpy

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

OWNER = "LatentTraversalDisplay"
MAX_COORDINATES = 6


class LatentTraversalDisplay:
    """Reconstructions of codes with one coordinate varied at a time and the others at their mean.

    Parameters
    ----------
    samples : ndarray of shape (n_coordinates, n_steps, n_features) or (n_coordinates, n_steps, \\*sample_shape)
        In the units of the data.
    coordinates : sequence of int
        Indices of the varied coordinates, from 0 on.
    steps : ndarray of shape (n_steps,)
        Offsets from the mean code, in standard deviations of the codes.
    sample_format : SampleFormat
        Shape and axes of the samples.

    Attributes
    ----------
    ax_ : ndarray of matplotlib Axes, of shape (n_coordinates, 1)
    figure_ : matplotlib Figure or SubFigure

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> from skae.inspection import LatentTraversalDisplay
    >>> X = load_digits().images
    >>> autoencoder = AutoencoderTransformer(4, max_epochs=3, random_state=0).fit(X)
    >>> display = LatentTraversalDisplay.from_estimator(autoencoder, X, n_steps=5)
    >>> display.samples.shape
    (4, 5, 8, 8)
    """

    ax_: np.ndarray
    figure_: Figure | SubFigure

    def __init__(
        self, *, samples: np.ndarray, coordinates: Sequence[int], steps: np.ndarray, sample_format: SampleFormat
    ) -> None:
        self.samples = samples
        self.coordinates = coordinates
        self.steps = steps
        self.sample_format = sample_format

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        coordinates: Sequence[int] | None = None,
        n_steps: int = 7,
        extent: float = 2.5,
        ax: Any = None,
    ) -> LatentTraversalDisplay:
        """Vary each coordinate around the mean code of X, decode and draw.

        Parameters
        ----------
        estimator : AutoencoderTransformer, Pipeline or search
            Fitted. For a pipeline, the samples are drawn as transformed by the steps before the autoencoder.
        X : array-like of shape (n_rows, n_features) or (n_rows, \\*sample_shape)
            Data whose codes determine the mean and the standard deviations.
        coordinates : sequence of int, default=None
            Indices of the coordinates to vary; None is the six with the largest standard deviation.
        n_steps : int, default=7
            At least 2.
        extent : float, default=2.5
            The largest offset, in standard deviations; positive.
        ax : see :meth:`plot`

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        InvalidParameterError
            If a parameter is invalid. It is a ValueError and a TypeError.
        ValueError
            If the codes have no coordinate of a given index.
        """
        import_pyplot(OWNER)
        check_integer(OWNER, "n_steps", n_steps, 2)
        check_real(OWNER, "extent", extent, "(0.0, inf)")
        autoencoder, X = find_autoencoder(OWNER, estimator, X)
        codes = to_numpy(autoencoder.transform(X)).astype(np.float64)
        center, deviation = codes.mean(0), codes.std(0)
        if coordinates is None:
            coordinates = np.sort(np.argsort(-deviation, kind="stable")[:MAX_COORDINATES]).tolist()
        varied = check_coordinates(coordinates, codes.shape[1])
        steps = np.linspace(-extent, extent, n_steps)
        codes = np.tile(center, (len(varied), n_steps, 1))
        for row, coordinate in enumerate(varied):
            codes[row, :, coordinate] += steps * deviation[coordinate]
        samples = decode_samples(autoencoder, codes.reshape(-1, len(center)))
        samples = samples.reshape(len(varied), n_steps, *samples.shape[1:])
        sample_format = SampleFormat.of(autoencoder)
        return cls(samples=samples, coordinates=varied, steps=steps, sample_format=sample_format).plot(ax)

    def plot(self, ax: Any = None) -> LatentTraversalDisplay:
        """Draw pictures side by side, signals and tables as lines, and tokens as colors, one row per step.

        Of a table with more than 30 columns, the 30 that change most are drawn, and of a signal the channel that does.

        Parameters
        ----------
        ax : matplotlib Axes or array of Axes, default=None
            One Axes that is divided, or one per varied coordinate. None creates a figure.
        """
        if self.sample_format.is_picture:
            self._draw_pictures(ax)
        elif self.sample_format.kind == "tokens":
            self._draw_tokens(ax)
        else:
            self._draw_lines(ax)
        self.figure_ = self.ax_[0, 0].figure
        return self

    def _draw_pictures(self, ax: Any) -> None:
        rows = [self.sample_format.to_pictures(samples) for samples in self.samples]
        limits = self.sample_format.gray_limits(np.array(rows))
        strips = [join_pictures(list(row), axis=1) for row in rows]
        height, width = strips[0].shape[:2]
        size = (min(9.0, width / height), min(9.0, width / height) * height / width + 0.05)
        self.ax_ = axes_grid(OWNER, ax, (len(strips), 1), size)
        picture_width = rows[0].shape[2]
        for cell, strip, coordinate in zip(self.ax_[:, 0], strips, self.coordinates, strict=True):
            draw_picture(cell, strip, limits)
            label_row(cell, coordinate)
        last = self.ax_[-1, 0]
        spacing = (width - picture_width) / max(1, len(self.steps) - 1)
        centers = (picture_width - 1) / 2 + spacing * np.arange(len(self.steps))
        last.set_xticks(centers, [format_signed(step) for step in self.steps])
        last.tick_params(length=0)
        last.set_xlabel("standard deviations from the mean code")

    def _draw_tokens(self, ax: Any) -> None:
        self.ax_ = axes_grid(OWNER, ax, (len(self.samples), 1), (6.0, 1.5))
        rows = np.stack([self.sample_format.to_lines(samples)[..., 0] for samples in self.samples])
        for cell, tokens, coordinate in zip(self.ax_[:, 0], rows, self.coordinates, strict=True):
            image = cell.imshow(tokens, aspect="auto", interpolation="nearest", vmin=rows.min(), vmax=rows.max())
            ends = (0, len(self.steps) - 1)
            cell.set_yticks(ends, [format_signed(self.steps[end]) for end in ends])
            label_row(cell, coordinate)
            cell.tick_params(labelbottom=cell is self.ax_[-1, 0])
        label_columns(self.ax_[-1, 0], self.sample_format)
        self.ax_[0, 0].set_title("rows: standard deviations from the mean code", fontsize="small", loc="left")
        bar = self.ax_[0, 0].figure.colorbar(image, cax=self.ax_[0, 0].inset_axes((1.02, 0, 0.03, 1)), label="token")
        set_integer_ticks(bar.ax.yaxis, n_ticks=4)

    def _draw_lines(self, ax: Any) -> None:
        lines = np.stack([self.sample_format.to_lines(samples) for samples in self.samples])
        changes, n_columns, style = np.ptp(lines, axis=1).max(0), lines.shape[2], {}
        sample_format, value = self.sample_format, value_label(self.sample_format)
        if sample_format.kind == "table":
            shown, sample_format = select_columns(sample_format, changes[:, 0])
            lines, style = lines[:, :, shown], {"marker": "o", "markersize": 3}
        channel = int(changes.max(0).argmax())
        if lines.shape[3] > 1:
            value += f" of channel {channel}"
        self.ax_ = axes_grid(OWNER, ax, (len(lines), 1), (6.0, 1.5))
        colors = import_pyplot(OWNER).get_cmap("coolwarm")(np.linspace(0, 1, len(self.steps)))
        for cell, by_step, coordinate in zip(self.ax_[:, 0], lines[..., channel], self.coordinates, strict=True):
            for line, color, step in zip(by_step, colors, self.steps, strict=True):
                cell.plot(line, color=color, linewidth=1.2, label=format_signed(step), **style)
            label_row(cell, coordinate)
            cell.tick_params(labelbottom=cell is self.ax_[-1, 0])
        label_columns(self.ax_[-1, 0], sample_format)
        note_columns(self.ax_, lines.shape[2], n_columns, "that change most", ax is None)
        self.ax_[0, 0].legend(
            title=f"{value}, by standard deviations of the code from its mean",
            fontsize="x-small",
            title_fontsize="x-small",
            loc="lower right",
            bbox_to_anchor=(1, 1),
            ncols=len(self.steps),
            frameon=False,
        )


def label_row(cell: Any, coordinate: int) -> None:
    """Label a row left of its ticks."""
    cell.set_ylabel(f"code {coordinate}", rotation=0, ha="right", va="center", labelpad=8)


def format_signed(step: float) -> str:
    """Format a number with its sign; 0 has none."""
    return "0" if abs(step) < 0.05 else f"{step:+.1f}"


def check_coordinates(coordinates: Any, n_components: int) -> list[int]:
    """The indices of components as ints; an error if an index is not an int, or there is no such component."""
    check_sizes(OWNER, "coordinates", coordinates, 0)
    indices = [int(coordinate) for coordinate in coordinates]
    if max(indices) >= n_components:
        raise ValueError(f"coordinates must be from 0 to {n_components - 1}. Got {max(indices)}.")
    return indices
