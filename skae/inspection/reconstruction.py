"""Samples beside what comes back of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from skae._parameters import check_integer

from .drawing import MOST_COLUMNS, draw_difference, draw_pair, name_columns, show_error, show_picture, unit
from .figures import grid_of_axes, pyplot, share_limits
from .forms import SampleForm
from .reading import as_numbers, autoencoder_and_rows, rows_at

OWNER = "ReconstructionDisplay"
# Inches that tables side by side share; none gets less than two.
PAGE = 28.0


class ReconstructionDisplay:
    """Input, reconstruction and error of the samples that come back worst and best.

    Parameters
    ----------
    samples, reconstructions : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
        In the units of the data.
    form : SampleForm
        How one is drawn.
    titles : sequence of str
        What stands above each.
    indices : ndarray of shape (n_samples,), default=None
        Their rows in X; by ``from_estimator`` the worst first, then the best.

    Attributes
    ----------
    ax_ : ndarray of matplotlib Axes
        One column a sample. Pictures and videos have three rows: input, reconstruction, error. Signals, tables and
        tokens have two: input and reconstruction in one, error.
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> from skae.inspection import ReconstructionDisplay
    >>> X = load_digits().images
    >>> autoencoder = AutoencoderTransformer(8, max_epochs=3, random_state=0).fit(X)
    >>> display = ReconstructionDisplay.from_estimator(autoencoder, X, n_samples=2)
    >>> display.ax_.shape
    (3, 4)
    """

    def __init__(self, *, samples, reconstructions, form, titles, indices=None):
        self.samples = samples
        self.reconstructions = reconstructions
        self.form = form
        self.titles = titles
        self.indices = indices

    @classmethod
    def from_estimator(cls, estimator, X, *, n_samples=4, ax=None):
        """Draw the ``n_samples`` rows of X with the lowest ``score_samples``, and as many with the highest.

        Parameters
        ----------
        estimator : AutoencoderTransformer, Pipeline or search
            Fitted. Of a pipeline, what is drawn is what the autoencoder gets from the steps before it.
        X : array-like of shape (n_rows, n_features) or (n_rows, \\*sample_shape)
        n_samples : int, default=4
        ax : see :meth:`plot`

        Returns
        -------
        display : ReconstructionDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X has fewer than ``2 * n_samples`` rows.
        """
        pyplot(OWNER)
        check_integer(OWNER, "n_samples", n_samples)
        autoencoder, X = autoencoder_and_rows(OWNER, estimator, X)
        scores = as_numbers(autoencoder.score_samples(X))
        if len(scores) < 2 * n_samples:
            raise ValueError(f"n_samples={n_samples} needs at least {2 * n_samples} rows. Got {len(scores)}.")
        order = np.argsort(scores, kind="stable")
        indices = np.concatenate([order[:n_samples], order[::-1][:n_samples]])
        names = ["worst"] * n_samples + ["best"] * n_samples
        titles = [f"{name}: row {row}\n{scores[row]:.2g}" for name, row in zip(names, indices, strict=True)]
        samples = rows_at(X, indices)
        return cls(
            samples=as_numbers(samples),
            reconstructions=as_numbers(autoencoder.reconstruct(samples)),
            form=SampleForm.of(autoencoder),
            titles=titles,
            indices=indices,
        ).plot(ax)

    def plot(self, ax=None):
        """Draw; the error is reconstruction minus input. Tables are drawn as the autoencoder scales them.

        Parameters
        ----------
        ax : matplotlib Axes or array of Axes, default=None
            One to draw all in, or as many as in ``ax_``. None makes a new figure.

        Returns
        -------
        self : ReconstructionDisplay
        """
        if self.form.is_pictured:
            self._draw_pictures(ax)
        else:
            self._draw_lines(ax)
        for cell, title in zip(self.ax_[0], self.titles, strict=True):
            cell.set_title(title, fontsize="small")
        self.figure_ = self.ax_[0, 0].figure
        return self

    def _draw_pictures(self, ax: Any) -> None:
        before, after = self.form.pictures(self.samples), self.form.pictures(self.reconstructions)
        error = after - before
        in_color = error.ndim == 4
        size = np.abs(error).mean(-1) if in_color else np.abs(error)
        largest = max(float(np.nanmax(size)), 1e-12)
        limits = self.form.brightness(before)
        wide = before.shape[2] / before.shape[1]
        self.ax_ = grid_of_axes(OWNER, ax, (3, len(before)), (1.3 * max(1.0, wide), 1.35))
        for column in range(len(before)):
            show_picture(self.ax_[0, column], before[column], limits)
            show_picture(self.ax_[1, column], after[column], limits)
            show_error(self.ax_[2, column], error[column], largest)
        sign = "up to " if in_color else "±"
        for cell, label in zip(
            self.ax_[:, 0], ("input", "reconstruction", f"error\n({sign}{largest:.3g})"), strict=True
        ):
            cell.set_ylabel(label, fontsize="small")

    def _draw_lines(self, ax: Any) -> None:
        before, after = self.form.lines(self.samples), self.form.lines(self.reconstructions)
        width = 2.0
        if self.form.kind == "table":
            # Names of a table's columns stand side by side, as far as the page goes.
            width = max(width, min(0.2 * min(before.shape[1], MOST_COLUMNS), PAGE / len(before)))
        self.ax_ = grid_of_axes(OWNER, ax, (2, len(before)), (width, 1.9))
        for column in range(len(before)):
            draw_pair(self.ax_[0, column], self.form, before[column], after[column])
            draw_difference(self.ax_[1, column], self.form, after[column] - before[column])
            self.ax_[0, column].tick_params(labelbottom=False)
            name_columns(self.ax_[1, column], self.form)
        for cells, label in zip(self.ax_, (unit(self.form), "error"), strict=True):
            share_limits(cells)
            cells[0].set_ylabel(label)
        self.ax_[0, -1].legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
