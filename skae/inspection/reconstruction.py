"""Display of samples and their reconstructions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from skae._parameters import check_integer

from .drawing import (
    MAX_CHANNELS,
    axes_grid,
    draw_difference,
    draw_error,
    draw_pair,
    draw_picture,
    import_pyplot,
    label_columns,
    note_columns,
    picture_size,
    select_columns,
    share_y_limits,
    value_label,
)
from .samples import SampleFormat, find_autoencoder, reconstruct_samples, take_rows, to_features, to_numpy

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

OWNER = "ReconstructionDisplay"
# Of a table with more columns, those with the largest errors are drawn.
SHOWN_COLUMNS = 10


class ReconstructionDisplay:
    """Input, reconstruction and error of the samples with the worst and the best reconstructions.

    Parameters
    ----------
    samples, reconstructions : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
        In the units of the data.
    sample_format : SampleFormat
        Shape and axes of the samples.
    titles : sequence of str
        One title per sample.
    indices : ndarray of shape (n_samples,), default=None
        Rows of the samples in X; ``from_estimator`` puts the worst first, then the best.

    Attributes
    ----------
    ax_ : ndarray of matplotlib Axes
        One column per sample. Pictures and videos have three rows: input, reconstruction and error. Signals, tables and
        tokens have two rows: input with reconstruction, and error.
    figure_ : matplotlib Figure or SubFigure

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

    ax_: np.ndarray
    figure_: Figure | SubFigure

    def __init__(
        self,
        *,
        samples: ArrayLike,
        reconstructions: ArrayLike,
        sample_format: SampleFormat,
        titles: Sequence[str],
        indices: np.ndarray | None = None,
    ) -> None:
        self.samples = samples
        self.reconstructions = reconstructions
        self.sample_format = sample_format
        self.titles = titles
        self.indices = indices

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, *, n_samples: int = 4, ax: Any = None) -> ReconstructionDisplay:
        """Draw the ``n_samples`` rows of X with the lowest ``score_samples``, and as many with the highest.

        Parameters
        ----------
        estimator : AutoencoderTransformer, Pipeline or search
            Fitted. For a pipeline, the samples are drawn as transformed by the steps before the autoencoder.
        X : array-like of shape (n_rows, n_features) or (n_rows, \\*sample_shape)
        n_samples : int, default=4
            At least 1.
        ax : see :meth:`plot`

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X has fewer than ``2 * n_samples`` rows.
        """
        import_pyplot(OWNER)
        check_integer(OWNER, "n_samples", n_samples)
        autoencoder, X = find_autoencoder(OWNER, estimator, X)
        scores = to_numpy(autoencoder.score_samples(X))
        if len(scores) < 2 * n_samples:
            raise ValueError(f"n_samples={n_samples} needs at least {2 * n_samples} rows. Got {len(scores)}.")
        order = np.argsort(scores, kind="stable")
        indices = np.concatenate([order[:n_samples], order[::-1][:n_samples]])
        names = ["worst"] * n_samples + ["best"] * n_samples
        titles = [f"{name}: row {row}\nscore {scores[row]:.2g}" for name, row in zip(names, indices, strict=True)]
        samples = take_rows(X, indices)
        return cls(
            samples=to_features(autoencoder, samples),
            reconstructions=reconstruct_samples(autoencoder, samples),
            sample_format=SampleFormat.of(autoencoder),
            titles=titles,
            indices=indices,
        ).plot(ax)

    def plot(self, ax: Any = None) -> ReconstructionDisplay:
        """Draw the samples. The error is reconstruction minus input; that of color pictures is its absolute
        value, averaged over the colors. Columns of a table are drawn scaled.

        Of a table with more than ten columns, the ten with the largest errors of these samples are drawn.

        Parameters
        ----------
        ax : matplotlib Axes or array of Axes, default=None
            One Axes that is divided, or an array of as many as ``ax_`` has. None creates a figure.
        """
        if self.sample_format.is_picture:
            self._draw_pictures(ax)
        else:
            self._draw_lines(ax)
        for cell, title in zip(self.ax_[0], self.titles, strict=True):
            cell.set_title(title, fontsize="small")
        self.figure_ = self.ax_[0, 0].figure
        return self

    def _draw_pictures(self, ax: Any) -> None:
        before = self.sample_format.to_pictures(self.samples)
        after = self.sample_format.to_pictures(self.reconstructions)
        error = after - before
        in_color = error.ndim == 4
        size = np.abs(error).mean(-1) if in_color else np.abs(error)
        largest = max(float(np.nanmax(size)), 1e-12)
        limits = self.sample_format.gray_limits(before)
        aspect = before.shape[2] / before.shape[1]
        self.ax_ = axes_grid(OWNER, ax, (3, len(before)), picture_size(1.35, aspect))
        for column in range(len(before)):
            draw_picture(self.ax_[0, column], before[column], limits)
            draw_picture(self.ax_[1, column], after[column], limits)
            draw_error(self.ax_[2, column], error[column], largest)
        labels = ("input", "reconstruction", f"error\n({'up to ' if in_color else '±'}{largest:.3g})")
        for cell, label in zip(self.ax_[:, 0], labels, strict=True):
            cell.set_ylabel(label, fontsize="small")

    def _draw_lines(self, ax: Any) -> None:
        before, after = self.sample_format.to_lines(self.samples), self.sample_format.to_lines(self.reconstructions)
        sample_format, n_columns = self.sample_format, before.shape[1]
        if sample_format.kind == "table":
            sizes = np.abs(after - before).mean((0, 2))
            shown, sample_format = select_columns(sample_format, sizes, SHOWN_COLUMNS)
            before, after = before[:, shown], after[:, shown]
        self.ax_ = axes_grid(OWNER, ax, (2, len(before)), (2.0, 1.9))
        for column in range(len(before)):
            draw_pair(self.ax_[0, column], sample_format, before[column], after[column])
            draw_difference(self.ax_[1, column], sample_format, after[column] - before[column])
            self.ax_[0, column].tick_params(labelbottom=False)
            label_columns(self.ax_[1, column], sample_format, n_ticks=4)
        error = "wrong token" if sample_format.kind == "tokens" else "error"
        for cells, label in zip(self.ax_, (value_label(sample_format), error), strict=True):
            share_y_limits(cells)
            cells[0].set_ylabel(label, fontsize="small")
        note_columns(self.ax_, before.shape[1], n_columns, "with the largest errors", ax is None)
        title = f"{MAX_CHANNELS} of {before.shape[2]} channels" if before.shape[2] > MAX_CHANNELS else None
        self.ax_[0, -1].legend(title=title, fontsize="small", loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
