"""The course of training."""

from __future__ import annotations

from typing import Any

import numpy as np

from .figures import one_axes, pyplot, whole_numbers
from .reading import autoencoder_and_rows

OWNER = "TrainingHistoryDisplay"
# With more names than this the legend would cover lines.
MOST_INSIDE = 5
PARTS = {"train": "training rows", "valid": "held-out rows"}


class TrainingHistoryDisplay:
    """Loss and its terms over epochs, on rows trained on and on rows held out, and the epoch that was kept.

    Parameters
    ----------
    history : list of dict
        One entry an epoch, as in ``history_``: "epoch", "train_loss" and, where there are any, "valid_loss" and
        terms by name such as "train_kl_divergence".
    kept_epoch : int, default=None
        The epoch to mark.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : dict of str to matplotlib Line2D
        By the names in ``history``.

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

    def __init__(self, *, history, kept_epoch=None):
        self.history = history
        self.kept_epoch = kept_epoch

    @classmethod
    def from_estimator(cls, estimator, *, terms=None, ax=None):
        """Draw the history of a fitted autoencoder.

        The kept epoch is the one of the lowest held-out loss, or the last one without early stopping. Where training
        went back to the PCA it started from, or went on from an earlier fit, the history does not say so.

        Parameters
        ----------
        estimator : AutoencoderTransformer, Pipeline or search
            Fitted.
        terms, ax : see :meth:`plot`

        Returns
        -------
        display : TrainingHistoryDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If a term is not in the history.
        """
        pyplot(OWNER)
        autoencoder, _ = autoencoder_and_rows(OWNER, estimator)
        return cls(history=autoencoder.history_, kept_epoch=autoencoder.best_epoch_).plot(ax, terms=terms)

    def plot(self, ax=None, *, terms=None):
        """Draw; losses in full lines for rows trained on, dashed for rows held out, logarithmic where all are positive.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.
        terms : sequence of str, default=None
            Names without "train_" and "valid_", such as ("loss", "kl_divergence"); None takes all.

        Returns
        -------
        self : TrainingHistoryDisplay
        """
        known = terms_of(self.history)
        terms = known if terms is None else list(terms)
        unknown = [term for term in terms if term not in known]
        if unknown or not terms:
            raise ValueError(f"terms must be among {known}. Got {unknown or terms} instead.")
        ax = one_axes(OWNER, ax)
        self.lines_: dict[str, Any] = {}
        for color, term in enumerate(terms):
            for part, style in (("train", "-"), ("valid", "--")):
                self._draw(ax, f"{part}_{term}", f"{term}, {PARTS[part]}", f"C{color}{style}")
        if self.kept_epoch is not None:
            label = f"kept: epoch {self.kept_epoch}" if self.kept_epoch else "kept: the start, which is PCA"
            ax.axvline(self.kept_epoch, color="0.3", linestyle=":", linewidth=1.2, label=label)
        drawn = np.concatenate([line.get_ydata() for line in self.lines_.values()])
        if np.nanmin(drawn) > 0:
            logarithmic(ax)
        ax.set_xlabel("epoch")
        whole_numbers(ax.xaxis)
        ax.set_ylabel("loss and its terms" if len(terms) > 1 else terms[0])
        place_legend(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw(self, ax: Any, key: str, label: str, style: str) -> None:
        values = np.array([row.get(key, np.nan) for row in self.history], dtype=np.float64)
        if np.isnan(values).all():
            return
        # A single epoch would be no line at all.
        marker = "o" if len(values) < 10 else None
        epochs = [row["epoch"] for row in self.history]
        self.lines_[key] = ax.plot(epochs, values, style, label=label, marker=marker, markersize=4)[0]


def place_legend(ax: Any) -> None:
    """Among the lines where they are few, or the figure would make no room beside them."""
    few = len(ax.get_legend_handles_labels()[0]) <= MOST_INSIDE
    if few or ax.figure.get_layout_engine() is None:
        ax.legend(fontsize=None if few else "small")
    else:
        ax.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1), frameon=False)


def logarithmic(ax: Any) -> None:
    """A logarithmic y with plain numbers at its ticks."""
    from matplotlib.ticker import LogLocator, NullFormatter

    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())


def terms_of(history: list[dict[str, Any]]) -> list[str]:
    """Names of what is minimized, the loss first.

    Raises
    ------
    ValueError
        If there is nothing to draw.
    """
    keys = dict.fromkeys(key for row in history for key in row)
    names = [key.partition("_")[2] for key in keys if key.startswith(("train_", "valid_"))]
    if not names:
        raise ValueError("history must hold at least one epoch with 'train_loss'. Pass history_ of a fitted estimator.")
    return list(dict.fromkeys(sorted(names, key=lambda name: name != "loss")))
