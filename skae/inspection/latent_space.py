"""Codes as points."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.utils.validation import check_consistent_length

from skae.parameters import InvalidParameterError

from .figures import one_axes, pyplot
from .reading import as_numbers, autoencoder_and_rows

OWNER = "LatentSpaceDisplay"
MOST_CLASSES = 20
# Colours end at these quantiles: one odd sample would leave all others in one colour.
QUANTILES = (0.02, 0.98)


class LatentSpaceDisplay:
    """Codes in the plane, coloured by labels or numbers; a histogram or a strip where codes have one coordinate.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_components)
        More than two coordinates are brought into the plane by a PCA of the codes.
    values : array-like of shape (n_samples,), default=None
        Labels (text, or up to 20 different whole numbers), or numbers.
    name : str, default=None
        What the values are.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> from skae.inspection import LatentSpaceDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> autoencoder = AutoencoderTransformer(2, max_epochs=3, random_state=0).fit(X)
    >>> display = LatentSpaceDisplay.from_estimator(autoencoder, X, y)
    >>> display.ax_.get_xlabel()
    'code 0'
    """

    def __init__(self, *, codes, values=None, name=None):
        self.codes = codes
        self.values = values
        self.name = name

    @classmethod
    def from_estimator(cls, estimator, X, y=None, *, ax=None):
        """Draw the codes of X.

        Parameters
        ----------
        estimator : AutoencoderTransformer, Pipeline or search, or any fitted transformer
        X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
        y : array-like of shape (n_samples,), default=None
            Colours; None takes ``score_samples`` where the estimator has it.
        ax : see :meth:`plot`

        Returns
        -------
        display : LatentSpaceDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X and y have different lengths, or y has more than 20 classes.
        """
        pyplot(OWNER)
        try:
            estimator, X = autoencoder_and_rows(OWNER, estimator, X)
        except InvalidParameterError:
            if not hasattr(estimator, "transform"):
                raise
        codes = as_numbers(estimator.transform(X)).astype(np.float64)
        if y is not None:
            check_consistent_length(codes, y)
            return cls(codes=codes, values=y, name=getattr(y, "name", None)).plot(ax)
        if not hasattr(estimator, "score_samples"):
            return cls(codes=codes).plot(ax)
        return cls(codes=codes, values=as_numbers(estimator.score_samples(X)), name="score_samples").plot(ax)

    def plot(self, ax=None):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.

        Returns
        -------
        self : LatentSpaceDisplay
        """
        values = None if self.values is None else as_numbers(self.values)
        labels = None if values is None else classes_of(values)
        codes = np.asarray(self.codes, dtype=np.float64)
        ax = one_axes(OWNER, ax)
        if codes.shape[1] == 1 and (values is None or labels is not None):
            draw_histograms(ax, codes[:, 0], values, labels)
        else:
            self._draw_points(ax, codes, values, labels)
        if labels is not None:
            self._add_legend(ax, len(labels))
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_points(self, ax: Any, codes: np.ndarray, values: Any, labels: Any) -> None:
        points, names = in_the_plane(codes, values, self.name)
        size = {"s": 25 if len(points) < 500 else 8, "linewidths": 0}
        if labels is not None:
            for label, colour in zip(labels, colours_of(len(labels)), strict=True):
                ax.scatter(*points[values == label].T, color=[colour], label=str(label), alpha=0.7, **size)
        elif values is None or codes.shape[1] == 1:
            ax.scatter(*points.T, alpha=0.7, **size)
        else:
            low, high = np.nanquantile(values, QUANTILES)
            drawn = ax.scatter(*points.T, c=values, vmin=low, vmax=high, cmap="viridis", **size)
            ax.figure.colorbar(drawn, ax=ax, label=self.name, extend="both")
        ax.set_xlabel(names[0])
        ax.set_ylabel(names[1])

    def _add_legend(self, ax: Any, n_labels: int) -> None:
        legend = ax.legend(title=self.name, loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize="small")
        for handle in legend.legend_handles:
            handle.set_alpha(1)
            if hasattr(handle, "set_sizes"):
                handle.set_sizes([25])


def in_the_plane(codes: np.ndarray, values: Any, name: str | None) -> tuple[np.ndarray, tuple[str, str]]:
    """Points (n_samples, 2) and the names of their axes."""
    if codes.shape[1] == 1:
        return np.column_stack([codes[:, 0], values]), ("code 0", name or "value")
    if codes.shape[1] == 2:
        return codes, ("code 0", "code 1")
    pca = PCA(2, svd_solver="full").fit(codes)
    shares = [f"{100 * share:.0f} %" for share in pca.explained_variance_ratio_]
    return pca.transform(codes), (
        f"first component of {codes.shape[1]} codes ({shares[0]})",
        f"second component ({shares[1]})",
    )


def draw_histograms(ax: Any, codes: np.ndarray, values: Any, labels: Any) -> None:
    """How often codes of one coordinate occur, one outline a class."""
    edges = np.histogram_bin_edges(codes, bins=40)
    if labels is None:
        ax.hist(codes, edges)
    else:
        for label, colour in zip(labels, colours_of(len(labels)), strict=True):
            ax.hist(codes[values == label], edges, histtype="step", color=colour, linewidth=1.5, label=str(label))
    ax.set_xlabel("code 0")
    ax.set_ylabel("samples")


def classes_of(values: np.ndarray) -> np.ndarray | None:
    """The different labels, or None where values are numbers.

    Raises
    ------
    ValueError
        If there are more labels than colours.
    """
    numeric = values.dtype.kind in "biuf"
    if numeric and not np.array_equal(values, np.rint(values)):
        return None
    labels = np.unique(values)
    if len(labels) <= MOST_CLASSES:
        return labels
    if numeric:
        return None
    raise ValueError(f"y has {len(labels)} classes; at most {MOST_CLASSES} can be told apart. Pass numbers, or no y.")


def colours_of(n_labels: int) -> list[Any]:
    """A colour for every label."""
    cmap = pyplot(OWNER).get_cmap("tab10" if n_labels <= 10 else "tab20")
    return [cmap(number) for number in range(n_labels)]
