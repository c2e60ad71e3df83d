"""Display of generated samples."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from skae._parameters import check_integer

from .drawing import (
    MAX_CHANNELS,
    axes_grid,
    draw_picture,
    import_pyplot,
    label_columns,
    note_columns,
    picture_size,
    select_columns,
    set_integer_ticks,
    share_y_limits,
    value_label,
)
from .samples import SampleFormat, find_autoencoder, to_features

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

OWNER = "GeneratedSamplesDisplay"


class GeneratedSamplesDisplay:
    """Generated samples: pictures and signals one per Axes, rows of a table as a heat map.

    Parameters
    ----------
    samples : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
        In the units of the data.
    sample_format : SampleFormat
        Shape and axes of the samples.

    Attributes
    ----------
    ax_ : ndarray of matplotlib Axes
        Grid with one Axes per sample; of shape (1, 1) for tables.
    figure_ : matplotlib Figure

    Examples
    --------
    >>> import numpy as np
    >>> from skae.inspection import GeneratedSamplesDisplay, SampleFormat
    >>> samples = np.random.RandomState(0).uniform(size=(6, 8, 8))
    >>> display = GeneratedSamplesDisplay(samples=samples, sample_format=SampleFormat((8, 8), "h w")).plot()
    >>> display.ax_.shape
    (2, 3)
    """

    ax_: np.ndarray
    figure_: Figure | SubFigure

    def __init__(self, *, samples: ArrayLike, sample_format: SampleFormat) -> None:
        self.samples = samples
        self.sample_format = sample_format

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        n_samples: int = 16,
        random_state: int | np.random.RandomState | None = 0,
        sampler: Literal["auto", "prior", "gaussian", "mixture", "kernel"] = "auto",
        like: Any = None,
        ax: Any = None,
    ) -> GeneratedSamplesDisplay:
        """Generate samples with ``estimator.sample`` and draw them.

        Parameters
        ----------
        estimator : AutoencoderTransformer, Pipeline or search
            Fitted. For a pipeline, the samples are those of its autoencoder, before the inverse of earlier steps.
        n_samples : int, default=16
            At least 1.
        random_state : int, RandomState instance or None, default=0
        sampler : {"auto", "prior", "gaussian", "mixture", "kernel"}, default="auto"
            As in :meth:`~skae.AutoencoderTransformer.sample`.
        like : array-like, default=None
            Examples that the samples resemble, as X of ``estimator.transform``.
        ax : see :meth:`plot`

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        InvalidParameterError
            If the estimator contains no autoencoder, or ``n_samples`` is not an int of at least 1.
        ValueError
            If the variant has no such ``sampler``.
        """
        import_pyplot(OWNER)
        check_integer(OWNER, "n_samples", n_samples)
        autoencoder, like = find_autoencoder(OWNER, estimator, like)
        samples = autoencoder.sample(n_samples, random_state=random_state, sampler=sampler, like=like)
        return cls(samples=to_features(autoencoder, samples), sample_format=SampleFormat.of(autoencoder)).plot(ax)

    def plot(self, ax: Any = None) -> GeneratedSamplesDisplay:
        """Draw the samples; at most four channels of a signal, and the first frames of a video.

        Of a table with more than 30 columns, the 30 that vary most between these samples are drawn.

        Parameters
        ----------
        ax : matplotlib Axes or array of Axes, default=None
            One Axes that is divided, or an array of as many as ``ax_`` has. None creates a figure.
        """
        if self.sample_format.kind == "table":
            self._draw_table(ax)
        else:
            self._draw_each(ax)
        self.figure_ = self.ax_.flat[0].figure
        return self

    def _draw_each(self, ax: Any) -> None:
        is_picture = self.sample_format.is_picture
        convert = self.sample_format.to_pictures if is_picture else self.sample_format.to_lines
        samples = convert(self.samples)
        n_columns = math.ceil(math.sqrt(len(samples)))
        shape = (math.ceil(len(samples) / n_columns), n_columns)
        aspect = samples.shape[2] / samples.shape[1] if is_picture else 1.6
        self.ax_ = axes_grid(OWNER, ax, shape, picture_size(1.2, aspect))
        limits = self.sample_format.gray_limits(samples) if is_picture else None
        for cell, sample in zip(self.ax_.flat, samples, strict=False):
            if limits is not None:
                draw_picture(cell, sample, limits)
            else:
                style = "." if self.sample_format.kind == "tokens" else "-"
                labels = [f"channel {channel}" for channel in range(min(MAX_CHANNELS, sample.shape[1]))]
                cell.plot(sample[:, :MAX_CHANNELS], style, linewidth=1.2, label=labels)
                cell.tick_params(labelbottom=False, labelsize="small")
        for cell in self.ax_.flat[len(samples) :]:
            cell.set_axis_off()
        if not is_picture:
            share_y_limits(self.ax_.ravel()[: len(samples)])
            self.ax_[0, 0].set_ylabel(value_label(self.sample_format), fontsize="small")
            if samples.shape[2] > 1:
                legend = {"loc": "upper left", "bbox_to_anchor": (1, 1), "frameon": False, "fontsize": "small"}
                self.ax_[0, -1].legend(**legend)

    def _draw_table(self, ax: Any) -> None:
        rows = self.sample_format.to_lines(self.samples)[..., 0]
        n_columns = rows.shape[1]
        shown, sample_format = select_columns(self.sample_format, rows.std(0))
        rows = rows[:, shown]
        self.ax_ = axes_grid(OWNER, ax, (1, 1), (max(4.0, 0.35 * len(shown) + 1.5), 0.22 * len(rows) + 1.8))
        cell = self.ax_[0, 0]
        largest = max(float(np.abs(rows).max()), 1e-12)
        image = cell.imshow(rows, cmap="RdBu_r", vmin=-largest, vmax=largest, aspect="auto")
        cell.set_ylabel("sample")
        set_integer_ticks(cell.yaxis)
        label_columns(cell, sample_format)
        note_columns(self.ax_, len(shown), n_columns, "that vary most", ax is None)
        cell.figure.colorbar(image, cax=cell.inset_axes([1.02, 0, 0.03, 1]), label=value_label(self.sample_format))
