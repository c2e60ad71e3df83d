"""``BottleneckSearchCV``: selection of the bottleneck size by cross-validation."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable
from numbers import Real
from typing import Any, ClassVar, Literal

import numpy as np
from joblib import delayed
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.metrics import check_scoring
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import UNUSED, MetadataRouter, _routing_enabled, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, indexable

from skae._estimator.callbacks import CallbackSupportMixin, subtask, with_callbacks
from skae._estimator.html import HTMLMixin, html_facts
from skae._estimator.transformer import AutoencoderTransformer
from skae._parameters import check_bool, check_choice, check_integer, invalid, warn
from skae._search.folds import (
    OWNER,
    FoldResult,
    build_cv_results,
    check_autoencoder,
    check_sizes_to_compare,
    choose_size,
    find_autoencoder,
    score_fold,
    size_parameter,
)
from skae._search.routing import make_router, make_splitter, route_metadata
from skae.training import Progress, parallel
from skae.variants import is_supervised

RULES = ("auto", "elbow", "one_standard_error", "best")


def best_has(name: str):
    """Make a check for ``available_if``: the best estimator, or ``estimator`` before ``fit``, has the method."""

    def check(search: Any) -> bool:
        getattr(getattr(search, "best_estimator_", search._full_estimator()), name)
        return True

    return check


def call_best(name: str, doc: str) -> Callable[[Any, Any], Any]:
    """Make a method that calls the method of the best estimator on X; it exists only if the best estimator has it."""

    def method(self: Any, X: Any) -> Any:
        return getattr(self._best(), name)(X)

    method.__name__, method.__doc__ = name, doc
    return available_if(best_has(name))(method)


class BottleneckSearchCV(HTMLMixin, CallbackSupportMixin, MetaEstimatorMixin, BaseEstimator):
    """Selection of ``n_components`` by cross-validation, with one fit of nested codes per fold.

    In each fold, one autoencoder is fitted, with nested codes of the largest size. The first k coordinates of its codes
    are codes of size k, so all sizes are scored without further fits. If its validation set has at least five rows or
    groups, it is kept instead of PCA if it is better there at 90 %, without cross-validation (except in a pipeline with
    a memory): the test rows of the fold show whether it is. Then an autoencoder of the chosen size is fitted to all
    rows, with the usual test against PCA. Its score is usually at least the mean test score of this size, because it is
    trained for this size only.

    Parameters
    ----------
    estimator : AutoencoderTransformer or Pipeline
        An autoencoder, or a pipeline with one. Steps after the autoencoder are fitted for every size. Pipelines of
        imbalanced-learn are supported; their samplers are used only in ``fit``.
    n_components : iterable of int, default=(1, 2, 4, 8, 16, 32)
        Sizes to compare, each at least 1, in any order. Duplicates count once.
    classifier : estimator, default=None
        A last step that is fitted to the codes of every size. Its score then compares the sizes.
    cv : int, splitter or iterable, default=5
        As in GridSearchCV. If ``fit`` gets groups, an int is the number of folds of GroupKFold (StratifiedGroupKFold
        for classifiers).
    scoring : str or callable, default=None
        As in GridSearchCV. None is the ``score`` method of the estimator: the explained variance of an autoencoder, or
        the accuracy of a classifier.
    rule : {"auto", "elbow", "one_standard_error", "best"}, default="auto"
        "best" chooses the size with the best mean score. "one_standard_error" chooses the smallest size whose mean
        score is at most one standard error below the best (Breiman et al., 1984). Explained variance increases with
        the size as long as noise is compressed too, so both rules choose about the largest size offered.

        "elbow" is for explained variance. A size counts if each coordinate that it adds explains at least twice what
        one coordinate of white noise would, the unexplained variance divided by the number of remaining dimensions.
        Of these, it chooses the size where the gain per coordinate falls most (Ahn and Horenstein, 2013), if it falls
        by at least a factor of five, else the largest. For low-rank data with noise, it is the rank.

        "auto" is "elbow" if the score is that of an autoencoder, or ``scoring`` is a scorer of :mod:`skae.metrics` for
        explained variance, else "one_standard_error".
    n_jobs : int, default=None
        Number of folds that are fitted in parallel, as in joblib.
    error_score : "raise" or float, default=nan
        Score of a fold whose fit fails; ``fit`` then warns with FitFailedWarning. "raise" raises the error.
    refit : bool, default=True
        Whether to fit the estimator to all rows with the chosen size, as in GridSearchCV. Its codes are nested only if
        its ``variant`` is.
    verbose : int, default=0
        Above 0, show how many folds are fitted, and the time that is left: a bar in terminals and notebooks, and plain
        lines in other output. Above 1, print also the scores of every fold.

    Attributes
    ----------
    n_components_ : int
        The chosen size.
    cv_results_ : dict of ndarray
        As in GridSearchCV, with one entry per size in ascending order, and "standard_error_test_score".
    best_index_, best_params_, best_score_ : int, dict, float
        Index in ``cv_results_``, parameters and mean test score of the chosen size.
    best_estimator_ : estimator
        Fitted with the chosen size. Defined only if ``refit``.
    n_splits_ : int
        Number of folds.
    refit_time_ : float
        Seconds of the fit to all rows. Defined only if ``refit``.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer, BottleneckSearchCV
    >>> X, _ = load_digits(return_X_y=True)
    >>> autoencoder = AutoencoderTransformer(max_epochs=2, random_state=0)
    >>> search = BottleneckSearchCV(autoencoder, n_components=(4, 16, 64), cv=2).fit(X)
    >>> search.n_components_
    16
    >>> search.transform(X).shape
    (1797, 16)
    """

    n_components_: int
    cv_results_: dict[str, Any]
    best_index_: int
    best_params_: dict[str, int]
    best_score_: float
    best_estimator_: Any
    scorer_: Any
    n_splits_: int
    refit_time_: float
    feature_names_in_: np.ndarray
    # Routes groups like all other metadata.
    __metadata_request__fit: ClassVar = {"groups": UNUSED}

    def __init__(
        self,
        estimator: AutoencoderTransformer | Pipeline,
        n_components: Iterable[int] = (1, 2, 4, 8, 16, 32),
        *,
        classifier: Any = None,
        cv: Any = 5,
        scoring: str | Callable[..., float] | None = None,
        rule: Literal["auto", "elbow", "one_standard_error", "best"] = "auto",
        n_jobs: int | None = None,
        error_score: Literal["raise"] | float = np.nan,
        refit: bool = True,
        verbose: int = 0,
    ) -> None:
        self.estimator = estimator
        self.n_components = n_components
        self.classifier = classifier
        self.cv = cv
        self.scoring = scoring
        self.rule = rule
        self.n_jobs = n_jobs
        self.error_score = error_score
        self.refit = refit
        self.verbose = verbose

    @with_callbacks
    def fit(
        self, X: Any, y: ArrayLike | None = None, *, groups: ArrayLike | None = None, **params: Any
    ) -> BottleneckSearchCV:
        """Score every size on every fold, choose a size, and fit the estimator with it.

        Parameters
        ----------
        X : array-like
            Samples in a form that the estimator accepts.
        y : array-like of shape (n_samples,), default=None
            Labels, if there is a classifier or the scorer needs them.
        groups : array-like of shape (n_samples,), default=None
            A label per row. In each fold, a group is either in the training set or in the test set. The splitter and
            ``fit`` of the autoencoder get the groups.
        **params : dict
            Parameters of ``fit``: ``name`` for an autoencoder, ``step__name`` for a step of a pipeline, such as
            ``classifier__name``. With metadata routing enabled, steps, splitter and scorer get those that they request.
            Parameters with one entry per row are split with the rows.

        Returns
        -------
        self : BottleneckSearchCV

        Raises
        ------
        ValueError, TypeError
            If a parameter is invalid, or no size has a score on every fold.

        Warns
        -----
        UserWarning
            If the chosen size is the largest of several and smaller than the number of features.
        """
        sizes = self._check_parameters()
        estimator = self._full_estimator()
        check_autoencoder(find_autoencoder(estimator), sizes[-1])
        scorer = check_scoring(estimator, self.scoring)
        if y is None and (self.classifier is not None or is_classifier(estimator)):
            raise ValueError("A classifier needs labels. Write fit(X, y).")
        if y is None and is_supervised(find_autoencoder(estimator).variant):
            raise ValueError("variant=Supervised() needs y. Write fit(X, y).")
        X, y, groups = indexable(X, y, groups)
        cv = make_splitter(self.cv, y, groups, is_classifier(estimator))
        routed = route_metadata(self, estimator, groups, params)
        splits = list(cv.split(X, y, **routed.splitter.split))
        context = self._init_callback_context(max_subtasks=len(splits) + bool(self.refit))
        if context is not None:
            context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        with Progress(min(int(self.verbose), 1), "fit") as progress:
            progress.write(f"Fitting {len(splits)} folds once for all of {len(sizes)} sizes: n_components={sizes}")
            learned = self._search(estimator, sizes, X, y, splits, routed, scorer, context, progress)
        self.__dict__ = self._unfitted_state() | learned
        progress.write(f"n_components={learned['n_components_']} is chosen.")
        if context is not None:
            context.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    def _search(
        self,
        estimator: Any,
        sizes: list[int],
        X: Any,
        y: Any,
        splits: list,
        routed: Any,
        scorer: Any,
        context: Any,
        progress: Progress,
    ) -> dict[str, Any]:
        """Score all folds, choose a size and refit; return the attributes to set."""
        parameter = size_parameter(estimator)
        progress.begin(len(splits) + bool(self.refit))
        folds = []
        for fold in self._score_folds(estimator, sizes, X, y, splits, routed, scorer, context):
            folds.append(fold)
            progress.step()
            if self.verbose > 1:
                by_size = ", ".join(f"{size}: {score:.3f}" for size, score in zip(sizes, fold.scores, strict=True))
                seconds = fold.fit_time + sum(fold.score_times)
                progress.write(f"[CV {len(folds)}/{len(splits)}] {by_size}; total time={seconds:.1f}s")
        cv_results = build_cv_results(parameter, sizes, folds)
        if np.isnan(cv_results["mean_test_score"]).all():
            raise ValueError(
                f"No size has a score on each of the {len(splits)} folds. See the warnings, or pass "
                f"error_score='raise' to see where a fold fails."
            )
        n_features = [fold.n_features for fold in folds if fold.n_features is not None]
        index = choose_size(cv_results, self._rule_for(estimator), sizes, max(n_features))
        learned = {
            "n_splits_": len(splits),
            "scorer_": scorer,
            "cv_results_": cv_results,
            "best_index_": index,
            "n_components_": sizes[index],
            "best_params_": {parameter: sizes[index]},
            "best_score_": float(cv_results["mean_test_score"][index]),
        }
        warn_if_largest(sizes, index, n_features)
        if self.refit:
            learned |= self._refit(estimator, learned["best_params_"], X, y, routed.estimator.fit, context)
            progress.step()
        return learned

    def _score_folds(
        self, estimator: Any, sizes: list[int], X: Any, y: Any, splits: list, routed: Any, scorer: Any, context: Any
    ) -> Iterable[FoldResult]:
        """Fit and score the folds; results are in order, and are yielded as they arrive if progress is shown."""
        metadata = (routed.estimator.fit, routed.scorer.score)
        # Workers do not need the attributes of an earlier fit, and the rows of other folds.
        search = copy.copy(self)
        search.__dict__ = self._unfitted_state() | {"cv": len(splits)}
        tasks = [context and context.subcontext(task_name="fold") for _ in splits]
        return parallel(self.n_jobs, self.verbose)(
            delayed(score_fold)(search, estimator, sizes, X, y, number, tuple(split), metadata, scorer, task)
            for number, (split, task) in enumerate(zip(splits, tasks, strict=True))
        )

    def _unfitted_state(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if not name.endswith("_")}

    def _refit(self, estimator: Any, best: dict, X: Any, y: Any, params: dict[str, Any], context: Any) -> dict:
        """Fit the estimator to all rows with the chosen size; return the attributes to set."""
        start = time.perf_counter()
        estimator = clone(estimator).set_params(**best)
        task = context and context.subcontext(task_name="refit-with-best-params")
        with subtask(self, task, X, y) as propagate, propagate(estimator):
            estimator.fit(X, y, **params)
        learned = {"best_estimator_": estimator, "refit_time_": time.perf_counter() - start}
        if hasattr(estimator, "feature_names_in_"):
            learned["feature_names_in_"] = estimator.feature_names_in_
        return learned

    def _check_parameters(self) -> list[int]:
        """Check the parameters of the search; return the sizes in ascending order."""
        check_choice(OWNER, "rule", self.rule, RULES)
        check_bool(OWNER, "refit", self.refit)
        check_integer(OWNER, "verbose", int(self.verbose) if self.verbose is True else self.verbose, 0)
        if self.error_score != "raise" and not isinstance(self.error_score, Real):
            raise invalid(OWNER, "error_score", "'raise' or a number", self.error_score)
        if self.scoring is not None and not isinstance(self.scoring, str) and not callable(self.scoring):
            raise invalid(OWNER, "scoring", "one score: a name, a callable or None", self.scoring)
        return check_sizes_to_compare(self.n_components)

    def _rule_for(self, estimator: Any) -> str:
        """The rule for scores of ``estimator``; "auto" is resolved."""
        from skae import metrics  # is imported on first use

        last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
        is_explained_variance = self.scoring is None and isinstance(last, AutoencoderTransformer)
        for scorer in (metrics.explained_variance_scorer, metrics.uniform_explained_variance_scorer):
            is_explained_variance |= self.scoring is scorer
        return self.rule if self.rule != "auto" else "elbow" if is_explained_variance else "one_standard_error"

    def _full_estimator(self) -> Any:
        """The estimator, followed by the classifier if there is one."""
        size_parameter(self.estimator)
        if self.classifier is None:
            return self.estimator
        if isinstance(self.estimator, Pipeline):
            names = [name for name, _ in self.estimator.steps]
            name = "classifier" if "classifier" not in names else "classifier_of_codes"
            pipeline = clone(self.estimator)
            pipeline.steps.append((name, self.classifier))
            return pipeline
        return Pipeline([("autoencoder", self.estimator), ("classifier", self.classifier)])

    @property
    def classes_(self) -> np.ndarray:
        """Class labels, if the best estimator is a classifier."""
        return self.best_estimator_.classes_

    @property
    def n_features_in_(self) -> int:
        """Number of features of the best estimator."""
        return self._best().n_features_in_

    def score(self, X: Any, y: ArrayLike | None = None, **params: Any) -> float:
        """Score the best estimator with ``scoring``. With metadata routing, the scorer gets ``params``."""
        best = self._best()
        if params and not _routing_enabled():
            raise TypeError(f"{OWNER}.score got {sorted(params)}, which needs metadata routing to be enabled.")
        score_params = process_routing(self, "score", **params).scorer.score if params else {}
        return self.scorer_(best, X, y, **score_params)

    transform = call_best("transform", "Encode samples with the best estimator.")
    inverse_transform = call_best("inverse_transform", "Decode codes with the best estimator.")
    reconstruct = call_best("reconstruct", "Reconstruct samples with the best estimator.")
    score_samples = call_best("score_samples", "Compute the score of each sample with the best estimator.")
    predict = call_best("predict", "Predict class labels with the best estimator.")
    predict_proba = call_best("predict_proba", "Predict class probabilities with the best estimator.")
    predict_log_proba = call_best("predict_log_proba", "Predict logarithms of class probabilities.")
    decision_function = call_best("decision_function", "Compute the decision function of the best estimator.")

    @available_if(best_has("get_feature_names_out"))
    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the codes of the best estimator."""
        return self._best().get_feature_names_out(input_features)

    def _html_details(self) -> str:
        best = getattr(self, "best_estimator_", None)
        facts = html_facts({"n_components": self.n_components_, "mean test score": self.best_score_})
        return facts if best is None else f"{facts}<br>{find_autoencoder(best)._html_details()}"

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "cv_results_")

    def _best(self) -> Any:
        """The best estimator; NotFittedError before ``fit`` or without ``refit``."""
        check_is_fitted(self, "best_estimator_")
        return self.best_estimator_

    def get_metadata_routing(self) -> MetadataRouter:
        """Get the metadata routing of ``fit`` and ``score``."""
        estimator = self._full_estimator()
        return make_router(self, estimator, check_scoring(estimator, self.scoring))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        first = self.estimator.__sklearn_tags__() if hasattr(self.estimator, "__sklearn_tags__") else tags
        last_step = self.classifier if self.classifier is not None else self.estimator
        last = last_step.__sklearn_tags__() if hasattr(last_step, "__sklearn_tags__") else tags
        tags.input_tags = first.input_tags
        tags.estimator_type = last.estimator_type
        tags.classifier_tags, tags.regressor_tags = last.classifier_tags, last.regressor_tags
        return tags


def warn_if_largest(sizes: list[int], index: int, n_features: list[int]) -> None:
    """Warn if the chosen size is the largest of several and samples have more features."""
    if index == len(sizes) - 1 > 0 and sizes[-1] < max(n_features):
        warn(
            f"n_components={sizes[-1]} was chosen, the largest size offered. Larger sizes may score better: pass them "
            f"too, as in n_components={(*sizes, min(2 * sizes[-1], max(n_features)))}."
        )
