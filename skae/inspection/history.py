"""Display of the training history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .drawing import import_pyplot, place_legend, set_integer_ticks, single_axes
from .samples import find_autoencoder

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.lines import Line2D

OWNER = "TrainingHistoryDisplay"
PARTS = {"train": "training set", "valid": "validation set"}


class TrainingHistoryDisplay:
    """Loss and its terms by epoch, on the training set and the validation set, and the best epoch.

    Parameters
    ----------
    history : list of dict
        One dict per epoch, as in ``history_``: "epoch", "train_loss" and, if present, "valid_loss" and named terms
        such as "train_kl_divergence", and "pca_loss".
    best_epoch : int, default=None
        The epoch to mark; 0 is PCA initialization.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure or SubFigure
    lines_ : dict of str to matplotlib Line2D
        The drawn lines, by key of ``history``.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> from skae.inspection import TrainingHistoryDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> autoencoder = AutoencoderTransformer(8, variant="variational", max_epochs=3, random_state=0).fit(X)
    >>> display = TrainingHistoryDisplay.from_estimator(autoencoder)
    >>> sorted(display.lines_)[:3]
    ['train_kl_divergence', 'train_loss', 'train_reconstruction']
    """

    ax_: Axes
    figure_: Figure | SubFigure
    lines_: dict[str, Line2D]

    def __init__(self, *, history: list[dict[str, Any]], best_epoch: int | None = None) -> None:
        self.history = history
        self.best_epoch = best_epoch

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, terms: Sequence[str] | None = None, ax: Axes | None = None
    ) -> TrainingHistoryDisplay:
        """Draw the history of a fitted autoencoder.

        The marked epoch is ``best_epoch_``, which is 0 if ``fit`` fell back to PCA. The last epoch is marked if there
        was no early stopping.

        Parameters
        ----------
        estimator : AutoencoderTransformer, Pipeline or search
            Fitted.
        terms, ax : see :meth:`plot`

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If a term is not in the history.
        """
        import_pyplot(OWNER)
        autoencoder, _ = find_autoencoder(OWNER, estimator)
        return cls(history=autoencoder.history_, best_epoch=autoencoder.best_epoch_).plot(ax, terms=terms)

    def plot(self, ax: Axes | None = None, *, terms: Sequence[str] | None = None) -> TrainingHistoryDisplay:
        """Draw the terms: solid lines for training, dashed lines for validation; logarithmic if all are positive.

        The validation loss of PCA is a dash-dotted line, if it is in the history. Training hides or corrupts values in
        some fits (missing values, "denoising"), so that the training loss is then above the validation loss. Where a
        second cycle of the learning rate starts, losses rise for some epochs.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.
        terms : sequence of str, default=None
            Names without "train_" and "valid_", such as ("loss", "kl_divergence"); None is all terms.
        """
        known = find_terms(self.history)
        terms = known if terms is None else list(terms)
        unknown = [term for term in terms if term not in known]
        if unknown or not terms:
            raise ValueError(f"terms must be among {known}. Got {unknown or terms} instead.")
        is_new, ax = ax is None, single_axes(OWNER, ax)
        self.lines_ = {}
        for color, term in enumerate(terms):
            for part, style in (("train", "-"), ("valid", "--")):
                self._draw(ax, f"{part}_{term}", f"{term}, {PARTS[part]}", f"C{color}{style}")
        if "loss" in terms:
            self._draw(ax, "pca_loss", "loss of PCA, validation set", "k-.")
        if self.best_epoch is not None:
            label = f"best epoch: {self.best_epoch}" if self.best_epoch else "best: PCA initialization"
            ax.axvline(self.best_epoch, color="0.3", linestyle=":", linewidth=1.2, label=label)
        values = np.concatenate([line.get_ydata() for line in self.lines_.values()])
        if np.nanmin(values) > 0:
            set_log_scale(ax)
        ax.set_xlabel("epoch")
        set_integer_ticks(ax.xaxis)
        ax.set_ylabel("loss and its terms" if len(terms) > 1 else terms[0])
        place_legend(ax, is_new, n_columns=2 if len(terms) > 1 else 3)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw(self, ax: Any, key: str, label: str, style: str) -> None:
        values = np.array([row.get(key, np.nan) for row in self.history], dtype=np.float64)
        if np.isnan(values).all():
            return
        # A line of a single epoch is invisible without a marker.
        marker = "o" if len(values) < 10 else None
        epochs = [row["epoch"] for row in self.history]
        self.lines_[key] = ax.plot(epochs, values, style, label=label, marker=marker, markersize=4)[0]


def set_log_scale(ax: Any) -> None:
    """Set a logarithmic y-axis with plain numbers as tick labels."""
    from matplotlib.ticker import LogLocator, NullFormatter

    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())


def find_terms(history: list[dict[str, Any]]) -> list[str]:
    """Names of the terms in a history, the loss first; ValueError if it has none."""
    keys = dict.fromkeys(key for row in history for key in row)
    names = [key.partition("_")[2] for key in keys if key.startswith(("train_", "valid_"))]
    if not names:
        raise ValueError("history must hold at least one epoch with 'train_loss'. Pass history_ of a fitted estimator.")
    return list(dict.fromkeys(sorted(names, key=lambda name: name != "loss")))
