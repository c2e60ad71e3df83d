"""Display of scores by bottleneck size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.model_selection import GridSearchCV, check_cv
from sklearn.pipeline import make_pipeline

from skae._parameters import InvalidParameterError
from skae._search.folds import check_sizes_to_compare
from skae._search.search import BottleneckSearchCV
from skae.metrics import explained_variance_scorer

from .curves import SUFFIX, BottleneckCurve, extract_curve
from .drawing import import_pyplot, place_legend, single_axes
from .samples import to_numpy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import ErrorbarContainer
    from matplotlib.figure import Figure, SubFigure

OWNER = "BottleneckCurveDisplay"


class BottleneckCurveDisplay:
    """Score by number of components, one curve per model, with standard errors and the chosen sizes.

    The curve of a BottleneckSearchCV is labeled as a lower estimate: it scores all sizes with one network of nested
    codes per fold. A network that is trained for a single size usually scores the same or higher.

    Parameters
    ----------
    curves : sequence of BottleneckCurve
    score_name : str, default="score"
        Label of the y-axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure or SubFigure
    errorbars_ : list of matplotlib ErrorbarContainer
        One per curve.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from skae import AutoencoderTransformer
    >>> from skae.inspection import BottleneckCurveDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> autoencoder = AutoencoderTransformer(max_epochs=3, random_state=0)
    >>> display = BottleneckCurveDisplay.from_estimator(autoencoder, X, n_components=(2, 64), baselines={"PCA": PCA()})
    >>> [curve.name for curve in display.curves]
    ['autoencoder', 'PCA']
    """

    ax_: Axes
    figure_: Figure | SubFigure
    errorbars_: list[ErrorbarContainer]

    def __init__(self, *, curves: Sequence[BottleneckCurve], score_name: str = "score") -> None:
        self.curves = curves
        self.score_name = score_name

    @classmethod
    def from_results(
        cls,
        search: Any,
        name: str | None = None,
        *,
        parameter: str | None = None,
        score_name: str = "score",
        ax: Axes | None = None,
    ) -> BottleneckCurveDisplay:
        """Draw the results of fitted searches.

        Parameters
        ----------
        search : BottleneckSearchCV, GridSearchCV or another search of scikit-learn, or dict of str to search
            Fitted. If other parameters were searched too, the curve shows the best score of each size. A dict has
            one curve per item, named by its key.
        name : str, default=None
            Name of the curve; None is the class of the estimator. Ignored for a dict.
        parameter : str, default=None
            The searched parameter on the x-axis; None is the one that ends in "n_components".
        score_name : str, default="score"
            Label of the y-axis.
        ax : see :meth:`plot`

        Raises
        ------
        NotFittedError
            If a search is not fitted.
        ValueError
            If the search varied no such parameter, more than one, or values that are not ints.
        """
        import_pyplot(OWNER)
        searches = search if isinstance(search, Mapping) else {name: search}
        curves = [extract_curve(fitted, label, parameter) for label, fitted in searches.items()]
        return cls(curves=curves, score_name=score_name).plot(ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        n_components: Sequence[int] = (1, 2, 4, 8),
        classifier: Any = None,
        cv: Any = 3,
        scoring: str | Callable[..., float] | None = None,
        rule: Literal["one_standard_error", "best"] = "one_standard_error",
        baselines: Mapping[str, Any] | None = None,
        name: str = "autoencoder",
        n_jobs: int | None = None,
        ax: Axes | None = None,
    ) -> BottleneckCurveDisplay:
        """Score an autoencoder of each size, and baselines, on the same folds, and draw the scores.

        Parameters
        ----------
        estimator : AutoencoderTransformer or Pipeline
            Searched with :class:`skae.BottleneckSearchCV`.
        X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
            Samples with more than one axis are flattened for the baselines.
        y : array-like of shape (n_samples,), default=None
            Labels for ``classifier`` and for stratified folds.
        n_components : sequence of int, default=(1, 2, 4, 8)
            Sizes to score. Baselines skip sizes larger than the number of features.
        classifier : estimator, default=None
            Classifier that is fitted on the codes of each model; the score is then that of the classifier.
        cv : int, splitter or iterable, default=3
        scoring : str or callable, default=None
            None is the ``score`` of the estimator. With baselines and without a classifier, None is
            :func:`skae.metrics.explained_variance_scorer` for all models, in the units of X.
        rule : {"one_standard_error", "best"}
            Rule that chooses the size, as in BottleneckSearchCV.
        baselines : dict of str to estimator, default=None
            Estimators with one parameter that ends in "n_components"; searched with GridSearchCV.
        name : str, default="autoencoder"
            Name of the curve of the autoencoder.
        n_jobs : int, default=None
            Number of parallel jobs, as in scikit-learn.
        ax : see :meth:`plot`

        Raises
        ------
        InvalidParameterError
            If a parameter is invalid. It is a ValueError and a TypeError.
        """
        import_pyplot(OWNER)
        sizes = check_sizes_to_compare(n_components)
        models = check_baselines(baselines, classifier)
        predicts = classifier is not None or hasattr(estimator, "predict")
        if scoring is None and models and not predicts:
            scoring = explained_variance_scorer
        # A list, because a splitter that shuffles would give each model other folds.
        splitter = check_cv(cv, y, classifier=is_classifier(estimator if classifier is None else classifier))
        folds = list(splitter.split(X, y))
        search = BottleneckSearchCV(
            estimator, sizes, classifier=classifier, cv=folds, scoring=scoring, rule=rule, n_jobs=n_jobs, refit=False
        ).fit(X, y)
        curves = [extract_curve(search, name)]
        rows = flatten_samples(X) if models else X
        for label, (model, parameter) in models.items():
            grid = {parameter: [size for size in sizes if size <= rows.shape[1]]}
            baseline = GridSearchCV(model, grid, cv=folds, scoring=scoring, n_jobs=n_jobs, refit=False)
            curves.append(extract_curve(baseline.fit(rows, y), label, parameter, rule))
        return cls(curves=curves, score_name=score_label(scoring, predicts)).plot(ax)

    def plot(self, ax: Axes | None = None) -> BottleneckCurveDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.
        """
        is_new, ax = ax is None, single_axes(OWNER, ax)
        self.errorbars_ = []
        for number, curve in enumerate(self.curves):
            color = f"C{number}"
            remarks = [] if curve.chosen is None else [f"{curve.chosen} chosen"]
            remarks += ["lower estimate"] if curve.is_lower_estimate else []
            label = f"{curve.name} ({', '.join(remarks)})" if remarks else curve.name
            style: dict[str, Any] = {"fmt": "o-", "markersize": 4, "capsize": 3, "color": color, "label": label}
            self.errorbars_.append(ax.errorbar(curve.n_components, curve.scores, curve.errors, **style))
            marked = curve.n_components == curve.chosen
            sizes, scores = curve.n_components[marked], curve.scores[marked]
            ax.plot(sizes, scores, "o", color=color, markersize=12, markerfacecolor="none")
        set_size_axis(ax, np.unique(np.concatenate([curve.n_components for curve in self.curves])))
        ax.set_xlabel("n_components")
        ax.set_ylabel(self.score_name)
        place_legend(ax, is_new)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def check_baselines(baselines: Any, classifier: Any) -> dict[str, tuple[Any, str]]:
    """Each baseline, followed by the classifier, and the name of its only size parameter."""
    if baselines is not None and not isinstance(baselines, Mapping):
        raise InvalidParameterError(
            f"The 'baselines' parameter of {OWNER} must be a dict of names. Got {baselines!r} instead."
        )
    models = {}
    for name, baseline in (baselines or {}).items():
        model = baseline if classifier is None else make_pipeline(baseline, clone(classifier))
        sizes = [key for key in getattr(model, "get_params", dict)() if key.endswith(SUFFIX)]
        if len(sizes) != 1:
            raise InvalidParameterError(
                f"The baseline {name!r} must have one parameter that ends in {SUFFIX!r}. Got {baseline!r} with {sizes}."
            )
        models[name] = (model, sizes[0])
    return models


def flatten_samples(X: Any) -> Any:
    """Flatten samples to the rows of a 2-D array."""
    if not hasattr(X, "shape"):
        X = np.asarray(X)
    return to_numpy(X).reshape(len(X), -1) if len(X.shape) > 2 or hasattr(X, "detach") else X


def score_label(scoring: Any, predicts: bool) -> str:
    """The label of the y-axis."""
    if isinstance(scoring, str):
        return scoring.replace("_", " ")
    if scoring is None:
        return "score" if predicts else "explained variance"
    return "explained variance" if scoring is explained_variance_scorer else "score"


def set_size_axis(ax: Any, sizes: np.ndarray) -> None:
    """Set the sizes as ticks, on a logarithmic axis if their gaps differ by more than a factor of two."""
    gaps = np.diff(sizes)
    if len(gaps) > 1 and gaps.max() / gaps.min() > 2:
        ax.set_xscale("log", base=2)
    ax.set_xticks(sizes, [str(size) for size in sizes])
    ax.minorticks_off()
