"""Samples that an autoencoder makes up."""

from __future__ import annotations

import math

import numpy as np

from skae._parameters import check_integer

from .drawing import MOST_CHANNELS, MOST_COLUMNS, name_columns, show_picture, unit
from .figures import grid_of_axes, pyplot, share_limits, whole_numbers
from .forms import SampleForm
from .reading import as_numbers, autoencoder_and_rows

OWNER = "GeneratedSamplesDisplay"


class GeneratedSamplesDisplay:
    """Samples drawn from a generative autoencoder: pictures and signals one by one, a table as a heat map.

    Parameters
    ----------
    samples : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
        In the units of the data.
    form : SampleForm
        How one is drawn.

    Attributes
    ----------
    ax_ : ndarray of matplotlib Axes
        One for every sample, in rows and columns; of shape (1, 1) for tables.
    figure_ : matplotlib Figure

    Examples
    --------
    >>> import numpy as np
    >>> from skae.inspection import GeneratedSamplesDisplay, SampleForm
    >>> samples = np.random.RandomState(0).uniform(size=(6, 8, 8))
    >>> display = GeneratedSamplesDisplay(samples=samples, form=SampleForm((8, 8), "h w")).plot()
    >>> display.ax_.shape
    (2, 3)
    """

    def __init__(self, *, samples, form):
        self.samples = samples
        self.form = form

    @classmethod
    def from_estimator(cls, estimator, *, n_samples=16, random_state=0, sampler="auto", ax=None):
        """Draw what ``estimator.sample(n_samples, random_state=random_state, sampler=sampler)`` gives.

        Parameters
        ----------
        estimator : AutoencoderTransformer, Pipeline or search
            Fitted, and able to sample; of a pipeline the autoencoder itself is asked.
        n_samples : int, default=16
        random_state : int, RandomState instance or None, default=0
        sampler : {"auto", "prior", "gaussian", "mixture", "kernel"}, default="auto"
            As in :meth:`~skae.AutoencoderTransformer.sample`.
        ax : see :meth:`plot`

        Returns
        -------
        display : GeneratedSamplesDisplay

        Raises
        ------
        TypeError
            If the estimator cannot sample.
        ValueError
            If ``n_samples`` is no int of at least 1, or the variant has no such ``sampler``.
        """
        pyplot(OWNER)
        check_integer(OWNER, "n_samples", n_samples)
        autoencoder, _ = autoencoder_and_rows(OWNER, estimator)
        samples = as_numbers(autoencoder.sample(n_samples, random_state=random_state, sampler=sampler))
        return cls(samples=samples, form=SampleForm.of(autoencoder)).plot(ax)

    def plot(self, ax=None):
        """Draw; of a signal at most four channels, of a video the first frames.

        Parameters
        ----------
        ax : matplotlib Axes or array of Axes, default=None
            One to draw all in, or as many as in ``ax_``. None makes a new figure.

        Returns
        -------
        self : GeneratedSamplesDisplay
        """
        if self.form.kind == "table":
            self._draw_table(ax)
        else:
            self._draw_each(ax)
        self.figure_ = self.ax_.flat[0].figure
        return self

    def _draw_each(self, ax) -> None:
        n_columns = math.ceil(math.sqrt(len(self.samples)))
        shape = (math.ceil(len(self.samples) / n_columns), n_columns)
        pictured = self.form.is_pictured
        drawn = self.form.pictures(self.samples) if pictured else self.form.lines(self.samples)
        wide = drawn.shape[2] / drawn.shape[1] if pictured else 1.6
        self.ax_ = grid_of_axes(OWNER, ax, shape, (1.2 * max(1.0, wide), 1.2))
        limits = self.form.brightness(drawn) if pictured else None
        for cell, sample in zip(self.ax_.flat, drawn, strict=False):
            if limits is not None:
                show_picture(cell, sample, limits)
            else:
                cell.plot(sample[:, :MOST_CHANNELS], "." if self.form.kind == "tokens" else "-", linewidth=1.2)
                cell.tick_params(labelbottom=False, labelsize="small")
        for cell in self.ax_.flat[len(drawn) :]:
            cell.set_axis_off()
        if not pictured:
            share_limits(self.ax_.ravel()[: len(drawn)])

    def _draw_table(self, ax) -> None:
        rows = self.form.lines(self.samples)[..., 0]
        n_columns = min(rows.shape[1], MOST_COLUMNS)
        self.ax_ = grid_of_axes(OWNER, ax, (1, 1), (max(4.0, 0.35 * n_columns + 1.5), 0.22 * len(rows) + 1.8))
        cell = self.ax_[0, 0]
        largest = max(float(np.abs(rows).max()), 1e-12)
        image = cell.imshow(rows, cmap="RdBu_r", vmin=-largest, vmax=largest, aspect="auto")
        cell.set_ylabel("sample")
        whole_numbers(cell.yaxis)
        name_columns(cell, self.form)
        inside = cell.inset_axes([1.02, 0, 0.03, 1])
        cell.figure.colorbar(image, cax=inside, label=unit(self.form))
