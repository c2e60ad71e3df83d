"""The bottleneck size, chosen by cross-validation from one fit with nested codes per fold."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable
from numbers import Real
from typing import Any, ClassVar, Literal

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.metrics import check_scoring
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import UNUSED, MetadataRouter, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, indexable

from skae._estimator.callbacks import CallbackSupportMixin, subtask, with_callbacks
from skae._estimator.transformer import AutoencoderTransformer
from skae._parameters import check_bool, check_choice, check_integer, invalid, warn
from skae._search.folds import (
    OWNER,
    Fold,
    check_settings,
    checked_sizes,
    chosen,
    results,
    scored_fold,
    size_parameter,
)
from skae._search.routing import routed_metadata, router_of, routing_enabled, splitter_for

RULES = ("best", "one_standard_error")


def best_has(name: str):
    """Whether the fitted search's best estimator, or the given one, has a method."""

    def check(search: Any) -> bool:
        getattr(getattr(search, "best_estimator_", search._whole()), name)
        return True

    return check


def call_best(name: str, doc: str) -> Callable[[Any, Any], Any]:
    """Make a method of X that calls the method of the best estimator; it exists if the best estimator has it."""

    def method(self: Any, X: Any) -> Any:
        return getattr(self._best(), name)(X)

    method.__name__, method.__doc__ = name, doc
    return available_if(best_has(name))(method)


class BottleneckSearchCV(CallbackSupportMixin, MetaEstimatorMixin, BaseEstimator):
    """How many components? Every size is scored from one fit with nested codes per fold; the chosen one is then fitted.

    The scores are a lower estimate: a network with nested codes is good for every size at once, and one that is fitted
    for a single size, as ``best_estimator_`` is, does as well or better at it.

    Parameters
    ----------
    estimator : AutoencoderTransformer or Pipeline
        An autoencoder, or a pipeline with one; steps after it are fitted anew for every size. A pipeline may be of
        imbalanced-learn: its samplers run in ``fit`` only.
    n_components : sequence of int
        Sizes to compare, in any order; repeated ones count once.
    classifier : estimator, default=None
        Fitted on the codes of every size, as the last step of a pipeline; with it the size that predicts best wins.
    cv : int, splitter or iterable, default=5
        As in GridSearchCV; an int is the number of folds of GroupKFold (StratifiedGroupKFold for classifiers) where
        ``fit`` gets groups.
    scoring : str or callable, default=None
        As in GridSearchCV; None takes the ``score`` of the whole: the explained share for an autoencoder, the accuracy
        for a classifier after it.
    rule : {"one_standard_error", "best"}
        The smallest size whose mean score is within one standard error of the best one (Breiman et al., 1984), or the
        best one.
    n_jobs : int, default=None
        Folds fitted at a time.
    error_score : "raise" or float, default=nan
        The score of a fold whose fit fails, with a warning.
    refit : bool, default=True
        Whether the estimator is fitted on all rows with the chosen size, as GridSearchCV does, its codes not nested
        unless its own variant says so.
    verbose : int, default=0
        Above 0, the number of fits is printed; above 1, the scores of every fold.

    Attributes
    ----------
    n_components_ : int
        The size chosen.
    cv_results_ : dict of ndarray
        In the form of GridSearchCV, one entry per size in ascending order; also "standard_error_test_score". Scores are
        lower estimates, as said above.
    best_index_, best_params_, best_score_ : int, dict, float
        Of the size chosen.
    best_estimator_ : estimator
        Fitted with that size, if ``refit``.
    n_splits_, refit_time_ : int, float
        Folds, and seconds of that fit.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer, BottleneckSearchCV
    >>> X, _ = load_digits(return_X_y=True)
    >>> autoencoder = AutoencoderTransformer(max_epochs=3, random_state=0)
    >>> search = BottleneckSearchCV(autoencoder, n_components=(4, 16, 64), cv=3).fit(X)
    >>> search.n_components_
    64
    >>> search.transform(X).shape
    (1797, 64)
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
    # ``fit`` passes groups on as it does all other metadata.
    __metadata_request__fit: ClassVar = {"groups": UNUSED}

    def __init__(
        self,
        estimator: AutoencoderTransformer | Pipeline,
        n_components: Iterable[int] = (1, 2, 4, 8, 16, 32),
        *,
        classifier: Any = None,
        cv: Any = 5,
        scoring: str | Callable[..., float] | None = None,
        rule: Literal["one_standard_error", "best"] = "one_standard_error",
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
        """Score every size on every fold, choose one, and fit with it.

        Parameters
        ----------
        X : array-like
            As the estimator takes it.
        y : array-like of shape (n_samples,), default=None
            For a classifier or a scorer that needs it.
        groups : array-like of shape (n_samples,), default=None
            Rows of a group stay together, in training or in testing: for the splitter, and for the ``fit`` of the
            autoencoder if that takes groups.
        **params : dict
            For the steps' ``fit`` as ``step__name`` (``classifier__name``), and for the autoencoder's as ``name`` where
            it is no pipeline; with metadata routing enabled, for what requests them: steps, splitter and scorer. What
            has an entry per row is split with the rows.

        Returns
        -------
        self : BottleneckSearchCV

        Raises
        ------
        ValueError, TypeError
            If a parameter is not as described, or every fit failed.

        Warns
        -----
        UserWarning
            If the size chosen is the largest of several, and smaller than the number of features.
        """
        sizes = self._checked_sizes()
        whole = self._whole()
        check_settings(whole, sizes[-1])
        scorer = check_scoring(whole, self.scoring)
        if y is None and (self.classifier is not None or is_classifier(whole)):
            raise ValueError("A classifier needs labels. Write fit(X, y).")
        X, y, groups = indexable(X, y, groups)
        cv = splitter_for(self.cv, y, groups, is_classifier(whole))
        routed = routed_metadata(self, whole, groups, params)
        splits = list(cv.split(X, y, **routed.splitter.split))
        context = self._init_callback_context(max_subtasks=len(splits) + bool(self.refit))
        if context is not None:
            context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        if self.verbose > 0:
            print(f"Fitting {len(splits)} folds once for all of {len(sizes)} sizes: n_components={sizes}")
        folds = self._folds(whole, sizes, X, y, splits, routed, scorer, context)
        learned = {
            "n_splits_": len(splits),
            "scorer_": scorer,
            "cv_results_": results(size_parameter(whole), sizes, folds),
        }
        scores = learned["cv_results_"]
        if np.isnan(scores["mean_test_score"]).all():
            raise ValueError(
                f"No size has a score on each of the {len(splits)} folds. See the warnings, or pass "
                f"error_score='raise' to see where a fold fails."
            )
        index = chosen(scores, self.rule)
        learned |= {"best_index_": index, "n_components_": sizes[index]}
        learned["best_params_"] = {size_parameter(whole): sizes[index]}
        learned["best_score_"] = float(scores["mean_test_score"][index])
        warn_of_edge(sizes, index, [fold.n_features for fold in folds if fold.n_features is not None])
        if self.refit:
            learned |= self._refitted(whole, learned["best_params_"], X, y, routed.estimator.fit, context)
        kept = {name: value for name, value in vars(self).items() if not name.endswith("_")}
        self.__dict__ = {**kept, **learned}
        if context is not None:
            context.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    def _folds(
        self, whole: Any, sizes: list[int], X: Any, y: Any, splits: list, routed: Any, scorer: Any, context: Any
    ) -> list:
        """Results of all folds."""
        for_all = (len(splits), routed.estimator.fit, routed.scorer.score)
        folds = [
            (Fold(number, for_all[0], train, test, *for_all[1:]), context and context.subcontext(task_name="fold"))
            for number, (train, test) in enumerate(splits, start=1)
        ]
        # Workers need nothing that an earlier fit learned.
        unfitted = copy.copy(self)
        unfitted.__dict__ = {name: v for name, v in vars(self).items() if not name.endswith("_")} | {"cv": splits}
        jobs = Parallel(n_jobs=self.n_jobs)
        return jobs(delayed(scored_fold)(unfitted, whole, sizes, X, y, fold, scorer, task) for fold, task in folds)

    def _refitted(self, whole: Any, best: dict, X: Any, y: Any, params: dict[str, Any], context: Any) -> dict[str, Any]:
        """What the fit on all rows with the chosen size learns."""
        began = time.perf_counter()
        estimator = clone(whole).set_params(**best)
        task = context and context.subcontext(task_name="refit-with-best-params")
        with subtask(self, task, X, y) as propagate, propagate(estimator):
            estimator.fit(X, y, **params)
        learned = {"best_estimator_": estimator, "refit_time_": time.perf_counter() - began}
        if hasattr(estimator, "feature_names_in_"):
            learned["feature_names_in_"] = estimator.feature_names_in_
        return learned

    def _checked_sizes(self) -> list[int]:
        """The sizes in ascending order; raises InvalidParameterError if a parameter of the search is wrong."""
        check_choice(OWNER, "rule", self.rule, RULES)
        check_bool(OWNER, "refit", self.refit)
        check_integer(OWNER, "verbose", int(self.verbose) if self.verbose is True else self.verbose, 0)
        if self.error_score != "raise" and not isinstance(self.error_score, Real):
            raise invalid(OWNER, "error_score", "'raise' or a number", self.error_score)
        if self.scoring is not None and not isinstance(self.scoring, str) and not callable(self.scoring):
            raise invalid(OWNER, "scoring", "one score: a name, a callable or None", self.scoring)
        return checked_sizes(self.n_components)

    def _whole(self) -> Any:
        """The estimator, with the classifier after it."""
        size_parameter(self.estimator)
        if self.classifier is None:
            return self.estimator
        if isinstance(self.estimator, Pipeline):
            taken = [name for name, _ in self.estimator.steps]
            name = "classifier" if "classifier" not in taken else "classifier_of_codes"
            whole = clone(self.estimator)
            whole.steps.append((name, self.classifier))
            return whole
        return Pipeline([("autoencoder", self.estimator), ("classifier", self.classifier)])

    @property
    def classes_(self) -> np.ndarray:
        """Labels, where the best estimator is a classifier."""
        return self.best_estimator_.classes_

    @property
    def n_features_in_(self) -> int:
        """As in the best estimator."""
        return self._best().n_features_in_

    def score(self, X: Any, y: ArrayLike | None = None, **params: Any) -> float:
        """The score of the best estimator, by ``scoring``; with metadata routing ``params`` are for the scorer."""
        best = self._best()
        if params and not routing_enabled():
            raise TypeError(f"{OWNER}.score got {sorted(params)}, which needs metadata routing to be enabled.")
        for_scorer = process_routing(self, "score", **params).scorer.score if params else {}
        return self.scorer_(best, X, y, **for_scorer)

    transform = call_best("transform", "Codes, by the best estimator.")
    inverse_transform = call_best("inverse_transform", "Samples from codes, by the best estimator.")
    reconstruct = call_best("reconstruct", "Samples compressed and reconstructed, by the best estimator.")
    score_samples = call_best("score_samples", "Minus the error of every sample, by the best estimator.")
    predict = call_best("predict", "Labels, by the best estimator.")
    predict_proba = call_best("predict_proba", "Probabilities of labels, by the best estimator.")
    predict_log_proba = call_best("predict_log_proba", "Logarithms of the probabilities of labels.")
    decision_function = call_best("decision_function", "Confidence scores of labels, by the best estimator.")

    @available_if(best_has("get_feature_names_out"))
    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the codes of the best estimator."""
        return self._best().get_feature_names_out(input_features)

    def _best(self) -> Any:
        """The best estimator; NotFittedError before ``fit`` or without ``refit``."""
        check_is_fitted(self, "best_estimator_")
        return self.best_estimator_

    def get_metadata_routing(self) -> MetadataRouter:
        """Who gets the metadata of ``fit`` and ``score``.

        Returns
        -------
        routing : sklearn.utils.metadata_routing.MetadataRouter
        """
        whole = self._whole()
        return router_of(self, whole, check_scoring(whole, self.scoring))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = self.estimator.__sklearn_tags__() if hasattr(self.estimator, "__sklearn_tags__") else tags
        last = self.classifier if self.classifier is not None else self.estimator
        ends = last.__sklearn_tags__() if hasattr(last, "__sklearn_tags__") else tags
        tags.input_tags = inner.input_tags
        tags.estimator_type = ends.estimator_type
        tags.classifier_tags, tags.regressor_tags = ends.classifier_tags, ends.regressor_tags
        return tags


def warn_of_edge(sizes: list[int], index: int, n_features: list[int]) -> None:
    """Warn if the size chosen is the largest of several, and samples have more features."""
    if index == len(sizes) - 1 > 0 and sizes[-1] < max(n_features):
        warn(
            f"n_components={sizes[-1]} was chosen, the largest size offered: larger ones may score better. Pass them "
            f"too, as in n_components={(*sizes, min(2 * sizes[-1], max(n_features)))}."
        )
