"""The size of the bottleneck, chosen by cross-validation from one ordered fit a fold."""

from __future__ import annotations

import time
from numbers import Real
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, indexable

from skae.folds import (
    OWNER,
    check_settings,
    checked_sizes,
    chosen,
    results,
    scored_fold,
    size_parameter,
)
from skae.parameters import check_bool, check_choice, invalid
from skae.training import with_snapshots

RULES = ("best", "one_standard_error")


def best_has(name: str):
    """Whether the fitted search's best estimator, or the given one, has a method."""

    def check(search: Any) -> bool:
        getattr(getattr(search, "best_estimator_", search.estimator), name)
        return True

    return check


@with_snapshots("score", "_best")
class BottleneckSearchCV(MetaEstimatorMixin, BaseEstimator):
    """How many components? Every size is scored from one fit a fold, of ordered codes; then the chosen one is fitted.

    Parameters
    ----------
    estimator : AutoencoderTransformer or Pipeline
        An autoencoder, or a pipeline with one; steps after it are fitted anew for every size.
    n_components : sequence of int
        Sizes to compare, in any order; repeated ones count once.
    classifier : estimator, default=None
        Fitted on the codes of every size, as the last step of a pipeline; with it the size that predicts best wins.
    cv : int, splitter or iterable, default=5
        As in GridSearchCV.
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
        Whether the estimator is fitted on all rows with the chosen size, as GridSearchCV does, its codes not ordered
        unless its own variant says so.

    Attributes
    ----------
    n_components_ : int
        The size chosen.
    cv_results_ : dict of ndarray
        In the form of GridSearchCV, one entry a size in ascending order; also "standard_error_test_score".
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
    >>> search = BottleneckSearchCV(autoencoder, n_components=(2, 4, 8, 16), cv=3).fit(X)
    >>> search.n_components_
    16
    >>> search.transform(X).shape
    (1797, 16)
    """

    def __init__(
        self,
        estimator,
        n_components=(1, 2, 4, 8, 16, 32),
        *,
        classifier=None,
        cv=5,
        scoring=None,
        rule="one_standard_error",
        n_jobs=None,
        error_score=np.nan,
        refit=True,
    ):
        self.estimator = estimator
        self.n_components = n_components
        self.classifier = classifier
        self.cv = cv
        self.scoring = scoring
        self.rule = rule
        self.n_jobs = n_jobs
        self.error_score = error_score
        self.refit = refit

    def fit(self, X, y=None):
        """Score every size on every fold, choose one, and fit with it.

        Parameters
        ----------
        X : array-like
            As the estimator takes it.
        y : array-like of shape (n_samples,), default=None
            For a classifier or a scorer that needs it.

        Returns
        -------
        self : BottleneckSearchCV

        Raises
        ------
        ValueError, TypeError
            If a parameter is not as described, or every fit failed.
        """
        sizes = self._checked_sizes()
        whole = self._whole()
        check_settings(whole, sizes[-1])
        scorer = check_scoring(whole, self.scoring)
        if y is None and (self.classifier is not None or is_classifier(whole)):
            raise ValueError("A classifier needs labels. Write fit(X, y).")
        X, y = indexable(X, y)
        cv = check_cv(self.cv, y, classifier=is_classifier(whole))
        splits = list(cv.split(X, y))
        jobs = Parallel(n_jobs=self.n_jobs)
        folds = jobs(
            delayed(scored_fold)(whole, sizes, X, y, train, test, scorer, self.error_score) for train, test in splits
        )
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
        if self.refit:
            began = time.perf_counter()
            learned["best_estimator_"] = clone(whole).set_params(**learned["best_params_"]).fit(X, y)
            learned["refit_time_"] = time.perf_counter() - began
        kept = {name: value for name, value in vars(self).items() if not name.endswith("_")}
        self.__dict__ = {**kept, **learned}
        return self

    def _checked_sizes(self) -> list[int]:
        """The sizes in ascending order; raises InvalidParameterError if a parameter of the search is wrong."""
        check_choice(OWNER, "rule", self.rule, RULES)
        check_bool(OWNER, "refit", self.refit)
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
            return Pipeline([*self.estimator.steps, (name, self.classifier)])
        return Pipeline([("autoencoder", self.estimator), ("classifier", self.classifier)])

    @property
    def classes_(self):
        """Labels, where the best estimator is a classifier."""
        return self.best_estimator_.classes_

    @property
    def n_features_in_(self):
        """As in the best estimator."""
        check_is_fitted(self, "best_estimator_")
        return self.best_estimator_.n_features_in_

    def score(self, X, y=None):
        """The score of the best estimator, by ``scoring``."""
        check_is_fitted(self, "best_estimator_")
        return self.scorer_(self.best_estimator_, X, y)

    @available_if(best_has("transform"))
    def transform(self, X):
        """Codes of the best estimator."""
        return self._best("transform", X)

    @available_if(best_has("inverse_transform"))
    def inverse_transform(self, X):
        """Samples from codes, by the best estimator."""
        return self._best("inverse_transform", X)

    @available_if(best_has("reconstruct"))
    def reconstruct(self, X):
        """There and back, by the best estimator."""
        return self._best("reconstruct", X)

    @available_if(best_has("score_samples"))
    def score_samples(self, X):
        """Minus the error of every sample, by the best estimator."""
        return self._best("score_samples", X)

    @available_if(best_has("predict"))
    def predict(self, X):
        """Labels, by the best estimator."""
        return self._best("predict", X)

    @available_if(best_has("predict_proba"))
    def predict_proba(self, X):
        """Probabilities of labels, by the best estimator."""
        return self._best("predict_proba", X)

    @available_if(best_has("get_feature_names_out"))
    def get_feature_names_out(self, input_features=None):
        """Names of the codes of the best estimator."""
        return self._best("get_feature_names_out", input_features)

    def _best(self, method: str, *args: Any) -> Any:
        check_is_fitted(self, "best_estimator_")
        return getattr(self.best_estimator_, method)(*args)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = self.estimator.__sklearn_tags__() if hasattr(self.estimator, "__sklearn_tags__") else tags
        last = self.classifier if self.classifier is not None else self.estimator
        ends = last.__sklearn_tags__() if hasattr(last, "__sklearn_tags__") else tags
        tags.input_tags = inner.input_tags
        tags.estimator_type = ends.estimator_type
        tags.classifier_tags, tags.regressor_tags = ends.classifier_tags, ends.regressor_tags
        return tags
