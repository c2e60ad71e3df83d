"""What each coordinate of the code does to a sample."""

from __future__ import annotations

from typing import Any

import numpy as np

from skae._parameters import check_integer, check_real, check_sizes

from .drawing import MOST_COLUMNS, name_columns, show_picture, unit
from .figures import grid_of_axes, pyplot
from .forms import SampleForm, side_by_side
from .reading import as_numbers, autoencoder_and_rows

OWNER = "LatentTraversalDisplay"
MOST_COORDINATES = 6


class LatentTraversalDisplay:
    """One coordinate of the code varied at a time, the others at their mean, and brought back.

    Parameters
    ----------
    samples : ndarray of shape (n_coordinates, n_steps, n_features) or (n_coordinates, n_steps, \\*sample_shape)
        In the units of the data.
    coordinates : sequence of int
        Which were varied.
    steps : ndarray of shape (n_steps,)
        How far, in deviations of the codes.
    form : SampleForm
        How a sample is drawn.

    Attributes
    ----------
    ax_ : ndarray of matplotlib Axes, of shape (n_coordinates, 1)
    figure_ : matplotlib Figure

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

    def __init__(self, *, samples, coordinates, steps, form):
        self.samples = samples
        self.coordinates = coordinates
        self.steps = steps
        self.form = form

    @classmethod
    def from_estimator(cls, estimator, X, *, coordinates=None, n_steps=7, extent=2.5, ax=None):
        """Vary codes around the mean code of X.

        Parameters
        ----------
        estimator : AutoencoderTransformer, Pipeline or search
            Fitted. Of a pipeline, what is drawn is what the autoencoder gets from the steps before it.
        X : array-like of shape (n_rows, n_features) or (n_rows, \\*sample_shape)
            Its codes give mean and deviations.
        coordinates : sequence of int, default=None
            Which to vary, from 0 on; None takes the six whose codes vary most.
        n_steps : int, default=7
            At least 2.
        extent : float, default=2.5
            The largest step, in deviations.
        ax : see :meth:`plot`

        Returns
        -------
        display : LatentTraversalDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        InvalidParameterError, ValueError
            If a parameter is not as described.
        """
        pyplot(OWNER)
        check_integer(OWNER, "n_steps", n_steps, 2)
        check_real(OWNER, "extent", extent, "(0.0, inf)")
        autoencoder, X = autoencoder_and_rows(OWNER, estimator, X)
        codes = as_numbers(autoencoder.transform(X)).astype(np.float64)
        center, deviation = codes.mean(0), codes.std(0)
        varied = (
            np.sort(np.argsort(-deviation, kind="stable")[:MOST_COORDINATES]) if coordinates is None else coordinates
        )
        varied = checked_coordinates(varied, codes.shape[1])
        steps = np.linspace(-extent, extent, n_steps)
        codes = np.tile(center, (len(varied), n_steps, 1))
        for row, coordinate in enumerate(varied):
            codes[row, :, coordinate] += steps * deviation[coordinate]
        samples = as_numbers(autoencoder.inverse_transform(codes.reshape(-1, len(center))))
        samples = samples.reshape(len(varied), n_steps, *samples.shape[1:])
        return cls(samples=samples, coordinates=varied, steps=steps, form=SampleForm.of(autoencoder)).plot(ax)

    def plot(self, ax=None):
        """Draw pictures side by side, signals and tables as lines; of a signal the first channel.

        Parameters
        ----------
        ax : matplotlib Axes or array of Axes, default=None
            One to draw all in, or one for every coordinate. None makes a new figure.

        Returns
        -------
        self : LatentTraversalDisplay
        """
        if self.form.is_pictured:
            self._draw_pictures(ax)
        else:
            self._draw_lines(ax)
        self.figure_ = self.ax_[0, 0].figure
        return self

    def _draw_pictures(self, ax: Any) -> None:
        rows = [self.form.pictures(samples) for samples in self.samples]
        limits = self.form.brightness(np.array(rows))
        strips = [side_by_side(list(row), axis=1) for row in rows]
        height, width = strips[0].shape[:2]
        cell = (min(9.0, width / height), min(9.0, width / height) * height / width + 0.05)
        self.ax_ = grid_of_axes(OWNER, ax, (len(strips), 1), cell)
        each = rows[0].shape[2]
        between = (width - each) / max(1, len(self.steps) - 1)
        for cell_ax, strip, coordinate in zip(self.ax_[:, 0], strips, self.coordinates, strict=True):
            show_picture(cell_ax, strip, limits)
            cell_ax.set_ylabel(f"code {coordinate}", rotation=0, ha="right", va="center")
        last = self.ax_[-1, 0]
        last.set_xticks((each - 1) / 2 + between * np.arange(len(self.steps)), [signed(step) for step in self.steps])
        last.tick_params(length=0)
        last.set_xlabel("deviations from the mean code")

    def _draw_lines(self, ax: Any) -> None:
        self.ax_ = grid_of_axes(OWNER, ax, (len(self.samples), 1), (6.0, 1.5))
        colors = pyplot(OWNER).get_cmap("coolwarm")(np.linspace(0, 1, len(self.steps)))
        few = self.form.kind == "table" and np.prod(self.form.sample_shape) <= MOST_COLUMNS
        style = {"marker": "o", "markersize": 3} if few else {}
        for cell, samples, coordinate in zip(self.ax_[:, 0], self.samples, self.coordinates, strict=True):
            for line, color, step in zip(self.form.lines(samples), colors, self.steps, strict=True):
                cell.plot(line[:, 0], color=color, linewidth=1.2, label=signed(step), **style)
            cell.set_ylabel(f"code {coordinate}\n{unit(self.form)}", fontsize="small")
            cell.tick_params(labelbottom=cell is self.ax_[-1, 0])
        name_columns(self.ax_[-1, 0], self.form)
        self.ax_[0, 0].legend(
            title="deviations from the mean code",
            fontsize="x-small",
            title_fontsize="x-small",
            loc="lower right",
            bbox_to_anchor=(1, 1),
            ncols=len(self.steps),
            frameon=False,
        )


def signed(step: float) -> str:
    """A number with its sign; 0 has none."""
    return "0" if abs(step) < 0.05 else f"{step:+.1f}"


def checked_coordinates(coordinates: Any, n_components: int) -> list[int]:
    """Coordinates as a list of int.

    Raises
    ------
    InvalidParameterError, ValueError
        If one is no int, or the code has no such coordinate.
    """
    check_sizes(OWNER, "coordinates", coordinates, 0)
    chosen = [int(coordinate) for coordinate in coordinates]
    if max(chosen) >= n_components:
        raise ValueError(f"coordinates must be from 0 to {n_components - 1}. Got {max(chosen)}.")
    return chosen
