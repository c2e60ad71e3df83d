"""Display of codes as points."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.decomposition import PCA
from sklearn.utils.validation import check_consistent_length

from skae._inner import fit_inner
from skae._inputs.validation import is_missing
from skae._parameters import InvalidParameterError
from skae.text import column_name

from .drawing import import_pyplot, place_legend, single_axes
from .samples import find_autoencoder, to_numpy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

OWNER = "LatentSpaceDisplay"
MISSING = "lightgray"
MAX_CLASSES = 20
# The color scale ends at these quantiles, so that outliers do not determine it.
QUANTILES = (0.02, 0.98)


class LatentSpaceDisplay:
    """Codes in the plane, colored by labels or numbers; for codes of one component, a histogram or a scatter plot.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_components)
        Codes of more than two components are projected to the plane by PCA.
    values : array-like of shape (n_samples,), or data frame of one column, default=None
        Labels (text, categories, or up to 20 different integers), numbers, or dates. Samples with a missing value
        (None, NaN, NaT, NA) are gray.
    name : str, default=None
        Name of the values, for the legend or color bar.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure or SubFigure

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

    ax_: Axes
    figure_: Figure | SubFigure

    def __init__(self, *, codes: ArrayLike, values: Any = None, name: str | None = None) -> None:
        self.codes = codes
        self.values = values
        self.name = name

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: Any = None, *, ax: Axes | None = None) -> LatentSpaceDisplay:
        """Draw the codes of X.

        Parameters
        ----------
        estimator : AutoencoderTransformer, Pipeline or search, or any fitted transformer
        X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
        y : array-like of shape (n_samples,), or data frame of one column, default=None
            Values of the colors, as ``values`` above; None is ``score_samples`` if the estimator has it.
        ax : see :meth:`plot`

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X and y have different lengths, or y has more than 20 classes.
        """
        import_pyplot(OWNER)
        try:
            estimator, X = find_autoencoder(OWNER, estimator, X)
        except InvalidParameterError:
            if not hasattr(estimator, "transform"):
                raise
        codes = to_numpy(estimator.transform(X)).astype(np.float64)
        if y is not None:
            check_consistent_length(codes, y)
            name = column_name(y)
            return cls(codes=codes, values=y, name="y" if name is None else str(name)).plot(ax)
        if not hasattr(estimator, "score_samples"):
            return cls(codes=codes).plot(ax)
        return cls(codes=codes, values=to_numpy(estimator.score_samples(X)), name="score_samples").plot(ax)

    def plot(self, ax: Axes | None = None) -> LatentSpaceDisplay:
        """Draw the codes.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.
        """
        coloring = None if self.values is None else Coloring.of(self.values)
        labels = None if coloring is None else coloring.labels
        codes = np.asarray(self.codes, dtype=np.float64)
        ax = single_axes(OWNER, ax)
        if codes.shape[1] == 1 and (coloring is None or labels is not None):
            draw_histograms(ax, codes[:, 0], coloring)
        else:
            self._draw_points(ax, codes, coloring)
        if ax.get_legend_handles_labels()[0]:
            self._add_legend(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_points(self, ax: Any, codes: np.ndarray, coloring: Coloring | None) -> None:
        values = None if coloring is None else coloring.values
        points, names = project_to_plane(codes, values, self.name)
        size = {"s": 25 if len(points) < 500 else 8, "linewidths": 0}
        if coloring is None or codes.shape[1] == 1:
            ax.scatter(*points.T, alpha=0.7, **size)
            if coloring is not None and coloring.is_date:
                format_dates(ax.yaxis)
        else:
            self._draw_colored(ax, points, coloring, size)
        ax.set_xlabel(names[0])
        ax.set_ylabel(names[1])

    def _draw_colored(self, ax: Any, points: np.ndarray, coloring: Coloring, size: dict[str, Any]) -> None:
        values, missing = coloring.values, np.isnan(coloring.values)
        if missing.any():
            ax.scatter(*points[missing].T, color=MISSING, label="missing", alpha=0.7, zorder=0, **size)
        if coloring.labels is not None:
            for number, (label, color) in enumerate(zip(coloring.labels, class_colors(coloring.labels), strict=True)):
                ax.scatter(*points[values == number].T, color=[color], label=label, alpha=0.7, **size)
        elif not missing.all():
            low, high = np.nanquantile(values, QUANTILES)
            scatter = ax.scatter(*points[~missing].T, c=values[~missing], vmin=low, vmax=high, cmap="viridis", **size)
            bar = ax.figure.colorbar(scatter, ax=ax, label=self.name, extend="both")
            if coloring.is_date:
                format_dates(bar.ax.yaxis)

    def _add_legend(self, ax: Any) -> None:
        # A new figure has a layout engine, too: the legend is right of the points.
        place_legend(ax, is_new=False, title=self.name)
        for handle in ax.get_legend().legend_handles:
            handle.set_alpha(1)
            if hasattr(handle, "set_sizes"):
                handle.set_sizes([25])


def project_to_plane(codes: np.ndarray, values: Any, name: str | None) -> tuple[np.ndarray, tuple[str, str]]:
    """Points (n_samples, 2) and the labels of the axes."""
    if codes.shape[1] == 1:
        return np.column_stack([codes[:, 0], values]), ("code 0", name or "value")
    if codes.shape[1] == 2:
        return codes, ("code 0", "code 1")
    pca = fit_inner(PCA(2, svd_solver="full"), codes)
    shares = [f"{100 * share:.0f} %" for share in pca.explained_variance_ratio_]
    return pca.transform(codes), (
        f"first principal component of {codes.shape[1]}-component codes ({shares[0]})",
        f"second principal component ({shares[1]})",
    )


def draw_histograms(ax: Any, codes: np.ndarray, coloring: Coloring | None) -> None:
    """Draw a histogram of codes of one component, one outline per class."""
    edges = np.histogram_bin_edges(codes, bins=40)
    if coloring is None or coloring.labels is None:
        ax.hist(codes, edges)
    else:
        missing = np.isnan(coloring.values)
        if missing.any():
            ax.hist(codes[missing], edges, histtype="step", color=MISSING, linewidth=1.5, label="missing")
        for number, (label, color) in enumerate(zip(coloring.labels, class_colors(coloring.labels), strict=True)):
            rows = coloring.values == number
            ax.hist(codes[rows], edges, histtype="step", color=color, linewidth=1.5, label=label)
    ax.set_xlabel("code 0")
    ax.set_ylabel("samples")


def class_colors(labels: list[str]) -> list[Any]:
    """One color per label."""
    cmap = import_pyplot(OWNER).get_cmap("tab10" if len(labels) <= 10 else "tab20")
    return [cmap(number) for number in range(len(labels))]


def format_dates(axis: Any) -> None:
    """Format the ticks of an axis of days since 1970 as dates."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator()
    axis.set_major_locator(locator)
    axis.set_major_formatter(ConciseDateFormatter(locator))


@dataclass(frozen=True)
class Coloring:
    """Indices of ``labels``, numbers, or days since 1970, in ``values`` (n_samples,), float64; NaN is missing."""

    values: np.ndarray
    labels: list[str] | None = None
    is_date: bool = False

    @classmethod
    def of(cls, y: Any) -> Coloring:
        """Convert y: text, categories and up to 20 different integers are labels, other values are numbers or dates."""
        column = label_column(y)
        order = getattr(getattr(column, "dtype", None), "categories", None)
        order = order if hasattr(order, "to_list") else None  # polars categories have no order
        entries = to_numpy(column)
        missing = np.array([is_missing(entry) for entry in entries.tolist()], dtype=bool)
        present = entries[~missing]
        values = np.full(len(entries), np.nan)
        days = to_days(present)
        if days is not None:
            values[~missing] = days
            return cls(values, is_date=entries.dtype.kind != "m")
        numbers = to_numbers(present) if order is None else None
        is_label = numbers is None or (np.array_equal(numbers, np.rint(numbers)) and len(set(numbers)) <= MAX_CLASSES)
        if not is_label:
            values[~missing] = numbers
            return cls(values)
        classes = present if numbers is None else numbers.astype(np.int64)
        names = [str(name) for name in classes.tolist()]
        present_names = set(names)
        if order is not None:
            labels = [str(name) for name in order.to_list() if str(name) in present_names]
        else:
            labels = list(dict.fromkeys(names[index] for index in sort_order(classes)))
        if len(labels) > MAX_CLASSES:
            raise ValueError(
                f"y has {len(labels)} classes; at most {MAX_CLASSES} get different colors. Pass numbers, or no y."
            )
        index_of = {name: index for index, name in enumerate(labels)}
        values[~missing] = [index_of[name] for name in names]
        return cls(values, labels)


def label_column(y: Any) -> Any:
    """y as one column; ValueError if it has more."""
    shape = tuple(getattr(y, "shape", None) or np.shape(y))
    if len(shape) == 2 and shape[1] == 1:
        return y.iloc[:, 0] if hasattr(y, "iloc") else y[y.columns[0]] if hasattr(y, "columns") else to_numpy(y)[:, 0]
    if len(shape) != 1:
        raise ValueError(f"y must have one value per sample, shape (n_samples,). Got shape {shape} instead.")
    return y if hasattr(y, "dtype") else np.array(y, dtype=object)


def to_days(entries: np.ndarray) -> np.ndarray | None:
    """Dates as days since 1970, or time spans in days; None for other types."""
    if entries.dtype.kind in "mM":
        kind = "timedelta64[ns]" if entries.dtype.kind == "m" else "datetime64[ns]"
        return entries.astype(kind).astype(np.int64) / (24 * 3600 * 1e9)
    if entries.dtype.kind != "O" or len(entries) == 0:
        return None
    if all(isinstance(entry, datetime.datetime) for entry in entries):
        # Dates with a time zone are converted to UTC.
        return np.array([entry.timestamp() for entry in entries]) / (24 * 3600)
    if all(isinstance(entry, datetime.date) for entry in entries):
        return to_days(entries.astype("datetime64[D]"))
    return None


def to_numbers(entries: np.ndarray) -> np.ndarray | None:
    """Entries as numbers; None if they are text, booleans or other objects."""
    if entries.dtype.kind in "iuf":
        return entries.astype(np.float64)
    numeric = entries.dtype.kind == "O" and len(entries) > 0
    if numeric and all(isinstance(entry, Real) and not isinstance(entry, (bool, np.bool_)) for entry in entries):
        return entries.astype(np.float64)
    return None


def sort_order(entries: np.ndarray) -> Any:
    """Indices that sort the entries; entries without an order are sorted as text."""
    try:
        return np.argsort(entries, kind="stable")
    except TypeError:
        return np.argsort(entries.astype(str), kind="stable")
