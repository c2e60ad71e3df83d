"""Scores over sizes of the bottleneck."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.model_selection import GridSearchCV, check_cv
from sklearn.pipeline import make_pipeline

from skae._parameters import InvalidParameterError
from skae._search.folds import checked_sizes
from skae._search.search import BottleneckSearchCV
from skae.metrics import explained_variance_scorer

from .curves import SUFFIX, curve_of
from .figures import one_axes, pyplot
from .reading import as_numbers

OWNER = "BottleneckCurveDisplay"


class BottleneckCurveDisplay:
    """Score against the number of components, one curve per model, with standard errors and the chosen sizes.

    The curve of a BottleneckSearchCV is labeled as a lower estimate: its scores are read off one network with nested
    codes per fold, and a network that is fitted for a single size does as well or better.

    Parameters
    ----------
    curves : sequence of BottleneckCurve
    score_name : str, default="score"

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    errorbars_ : list of matplotlib ErrorbarContainer
        One a curve.

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

    def __init__(self, *, curves, score_name="score"):
        self.curves = curves
        self.score_name = score_name

    @classmethod
    def from_results(cls, search, name=None, *, parameter=None, score_name="score", ax=None):
        """Draw what searches found.

        Parameters
        ----------
        search : BottleneckSearchCV, GridSearchCV or another search of scikit-learn, or dict of str to search
            Fitted. Where other parameters were searched as well, every size stands with the best of them. A dict gives
            a curve for each, named by its key.
        name : str, default=None
            Of the curve; None is the estimator's class. Not for a dict.
        parameter : str, default=None
            The searched parameter that is the size; None takes the one that ends in "n_components".
        score_name : str, default="score"
        ax : see :meth:`plot`

        Returns
        -------
        display : BottleneckCurveDisplay

        Raises
        ------
        NotFittedError
            If a search is not fitted.
        ValueError
            If it searched no size, more than one, or sizes that are no ints.
        """
        pyplot(OWNER)
        searches = search if isinstance(search, Mapping) else {name: search}
        curves = [curve_of(found, label, parameter) for label, found in searches.items()]
        return cls(curves=curves, score_name=score_name).plot(ax)

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        n_components=(1, 2, 4, 8),
        classifier=None,
        cv=3,
        scoring=None,
        rule="one_standard_error",
        baselines=None,
        name="autoencoder",
        n_jobs=None,
        ax=None,
    ):
        """Search the size of an autoencoder, and of its baselines on the same folds, and draw the scores.

        Parameters
        ----------
        estimator : AutoencoderTransformer or Pipeline
            Searched with :class:`skae.BottleneckSearchCV`.
        X : array-like of shape (n_samples, n_features) or (n_samples, \\*sample_shape)
            Baselines get samples of more than one axis flattened.
        y : array-like of shape (n_samples,), default=None
        n_components : sequence of int, default=(1, 2, 4, 8)
            Baselines get those that are at most the number of features.
        classifier : estimator, default=None
            Fitted on codes, those of baselines too; then scores are its own.
        cv : int, splitter or iterable, default=3
        scoring : str or callable, default=None
            None is the estimator's ``score``; with baselines and nothing that predicts it is
            :func:`skae.metrics.explained_variance_scorer` for all, in the units of X.
        rule : {"one_standard_error", "best"}
            How sizes are chosen, as in BottleneckSearchCV.
        baselines : dict of str to estimator, default=None
            Estimators with a parameter that ends in "n_components"; searched with GridSearchCV.
        name : str, default="autoencoder"
            Of the autoencoder's curve.
        n_jobs : int, default=None
        ax : see :meth:`plot`

        Returns
        -------
        display : BottleneckCurveDisplay

        Raises
        ------
        ValueError, TypeError
            If a parameter is not as described.
        """
        pyplot(OWNER)
        sizes = checked_sizes(n_components)
        models = checked_baselines(baselines, classifier)
        predicts = classifier is not None or hasattr(estimator, "predict")
        if scoring is None and models and not predicts:
            scoring = explained_variance_scorer
        # Listed once: a splitter that shuffles would give every model other folds.
        splitter = check_cv(cv, y, classifier=is_classifier(estimator if classifier is None else classifier))
        folds = list(splitter.split(X, y))
        search = BottleneckSearchCV(
            estimator, sizes, classifier=classifier, cv=folds, scoring=scoring, rule=rule, n_jobs=n_jobs, refit=False
        ).fit(X, y)
        curves = [curve_of(search, name)]
        rows = flattened(X) if models else X
        fitting = [size for size in sizes if size <= rows.shape[1]] if models else sizes
        for label, (model, parameter) in models.items():
            baseline = GridSearchCV(model, {parameter: fitting}, cv=folds, scoring=scoring, n_jobs=n_jobs, refit=False)
            curves.append(curve_of(baseline.fit(rows, y), label, parameter, rule))
        return cls(curves=curves, score_name=name_of_score(scoring, predicts)).plot(ax)

    def plot(self, ax=None):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.

        Returns
        -------
        self : BottleneckCurveDisplay
        """
        ax = one_axes(OWNER, ax)
        self.errorbars_ = []
        for number, curve in enumerate(self.curves):
            color = f"C{number}"
            remarks = [] if curve.chosen is None else [f"{curve.chosen} chosen"]
            remarks += ["lower estimate"] if curve.is_lower_estimate else []
            label = f"{curve.name} ({', '.join(remarks)})" if remarks else curve.name
            style = {"fmt": "o-", "markersize": 4, "capsize": 3, "color": color, "label": label}
            self.errorbars_.append(ax.errorbar(curve.n_components, curve.scores, curve.errors, **style))
            place = np.flatnonzero(curve.n_components == curve.chosen)
            ax.plot(
                curve.n_components[place],
                curve.scores[place],
                "o",
                color=color,
                markersize=12,
                markerfacecolor="none",
            )
        sizes = np.unique(np.concatenate([curve.n_components for curve in self.curves]))
        set_size_axis(ax, sizes)
        ax.set_xlabel("components")
        ax.set_ylabel(self.score_name)
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self


def checked_baselines(baselines: Any, classifier: Any) -> dict[str, tuple[Any, str]]:
    """Every baseline, with the classifier after it, and its parameter that is the size.

    Raises
    ------
    InvalidParameterError
        If baselines are no dict, or one has no size.
    """
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


def flattened(X: Any) -> Any:
    """Samples as rows of a 2-D array."""
    if not hasattr(X, "shape"):
        X = np.asarray(X)
    return as_numbers(X).reshape(len(X), -1) if len(X.shape) > 2 or hasattr(X, "detach") else X


def name_of_score(scoring: Any, predicts: bool) -> str:
    """What stands beside the scores."""
    if isinstance(scoring, str):
        return scoring.replace("_", " ")
    if scoring is None:
        return "score" if predicts else "explained variance"
    return "explained variance" if scoring is explained_variance_scorer else "score"


def set_size_axis(ax: Any, sizes: np.ndarray) -> None:
    """Sizes as ticks, logarithmic where they grow by factors."""
    gaps = np.diff(sizes)
    if len(gaps) > 1 and gaps.max() / gaps.min() > 2:
        ax.set_xscale("log", base=2)
    ax.set_xticks(sizes, [str(size) for size in sizes])
    ax.minorticks_off()
