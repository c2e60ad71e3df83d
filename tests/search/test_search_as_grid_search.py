"""BottleneckSearchCV behaves as GridSearchCV does."""

import importlib.util
import re

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_digits, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skae import AutoencoderTransformer, BottleneckSearchCV, Dense
from skae.training import progress

X, y = load_digits(return_X_y=True)
X, y = X[:500], y[:500]
# Without early stopping: no cross-validation.
QUICK = {"architecture": Dense((8,)), "early_stopping": False, "max_epochs": 2, "random_state": 0}
HAS_CALLBACKS = importlib.util.find_spec("sklearn.callback") is not None


# The few sizes here would warn; that warning has its own tests.
pytestmark = pytest.mark.filterwarnings("ignore:n_components=.* was chosen, the largest size")


class Doubling(BaseEstimator):
    """A sampler of imbalanced-learn's kind that gives every row twice."""

    def fit(self, X, y):
        return self

    def fit_resample(self, X, y):
        return np.concatenate([X, X]), np.concatenate([y, y])


def test_methods_of_the_classifier_are_available():
    by_margin = BottleneckSearchCV(AutoencoderTransformer(**QUICK), (2, 4), classifier=LinearSVC(max_iter=10_000), cv=2)
    assert hasattr(by_margin, "decision_function")
    assert not hasattr(by_margin, "predict_proba")
    scores = cross_val_score(by_margin, X, y == 3, cv=2, scoring="roc_auc", error_score="raise")
    assert scores.min() > 0.5
    by_odds = clone(by_margin).set_params(classifier=LogisticRegression(max_iter=2000)).fit(X, y)
    np.testing.assert_allclose(by_odds.predict_log_proba(X), np.log(by_odds.predict_proba(X)))
    assert by_odds.decision_function(X).shape == (500, 10)


@pytest.mark.parametrize("place", ["before", "after"])
def test_imbalanced_learn_samplers_run_only_in_fit(place):
    imblearn = pytest.importorskip("imblearn.pipeline")
    steps = [("reduce", AutoencoderTransformer(**QUICK)), ("classify", LogisticRegression(max_iter=2000))]
    steps.insert(0 if place == "before" else 1, ("double", Doubling()))
    search = BottleneckSearchCV(imblearn.Pipeline(steps), (2, 4), cv=2, scoring="accuracy", error_score="raise")
    search.fit(X, y)
    assert type(search.best_estimator_) is imblearn.Pipeline
    assert search.predict(X).shape == y.shape
    appended = BottleneckSearchCV(
        imblearn.Pipeline(steps[:2]), (2, 4), classifier=LogisticRegression(max_iter=2000), cv=2
    ).fit(X, y)
    assert type(appended.best_estimator_) is imblearn.Pipeline


def test_smote_balances_the_codes():
    over_sampling = pytest.importorskip("imblearn.over_sampling")
    imblearn = pytest.importorskip("imblearn.pipeline")
    pipeline = imblearn.make_pipeline(
        AutoencoderTransformer(**QUICK), over_sampling.SMOTE(random_state=0), LogisticRegression(max_iter=2000)
    )
    search = BottleneckSearchCV(pipeline, (2, 4), cv=2, scoring="roc_auc", error_score="raise").fit(X, y == 3)
    assert search.best_score_ > 0.5


def test_steps_are_fitted_once_per_fold_before_the_autoencoder():
    fits = []

    class Counting(StandardScaler):
        def fit(self, X, y=None, sample_weight=None):
            fits.append(len(X))
            return super().fit(X, y, sample_weight)

    pipeline = Pipeline([("scale", Counting()), ("reduce", AutoencoderTransformer(**QUICK))])
    BottleneckSearchCV(pipeline, (1, 2, 4), cv=2).fit(X)
    assert fits == [250, 250, 500]


def test_pipeline_memory_is_used(tmp_path):
    pipeline = make_pipeline(StandardScaler(), AutoencoderTransformer(**QUICK), memory=str(tmp_path))
    search = BottleneckSearchCV(pipeline, (2, 4), cv=2, classifier=LogisticRegression(max_iter=2000)).fit(X, y)
    assert search.best_estimator_.memory == str(tmp_path)
    assert list(tmp_path.iterdir())


def test_verbose_prints_scores_per_fold(capsys):
    search = BottleneckSearchCV(AutoencoderTransformer(**QUICK), (2, 4), cv=2, refit=False)
    search.fit(X)
    assert capsys.readouterr().out == ""
    search.set_params(verbose=1).fit(X)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "Fitting 2 folds once for all of 2 sizes: n_components=[2, 4]"
    assert printed[2].startswith("fit 2/2, 00:00 left")
    assert printed[3:] == [f"n_components={search.n_components_} is chosen."]
    search.set_params(verbose=2).fit(X)
    assert re.search(r"\[CV 2/2\] 2: 0\.\d{3}, 4: 0\.\d{3}; total time=", capsys.readouterr().out)


def test_feature_names_are_those_of_the_input():
    frame = load_wine(as_frame=True).data
    search = BottleneckSearchCV(AutoencoderTransformer(**QUICK), (1, 13), cv=2).fit(frame)
    assert list(search.feature_names_in_) == list(frame.columns)
    assert not hasattr(search.fit(frame.to_numpy()), "feature_names_in_")


@pytest.mark.skipif(not HAS_CALLBACKS, reason="sklearn.callback came with scikit-learn 1.9")
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_callbacks_see_folds_and_epochs(n_jobs, capsys):
    from sklearn.callback import ProgressBar

    pipeline = make_pipeline(StandardScaler(), AutoencoderTransformer(**QUICK))
    for estimator, classifier in (
        (AutoencoderTransformer(**QUICK), None),
        (pipeline, LogisticRegression(max_iter=2000)),
    ):
        search = BottleneckSearchCV(estimator, (2, 4), classifier=classifier, cv=2, n_jobs=n_jobs)
        search.set_callbacks(ProgressBar()).fit(X, y)
        shown = capsys.readouterr().out
        assert "fold" in shown
        assert "refit-with-best-params" in shown
    assert not hasattr(estimator, "_skl_callbacks")


@pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
def test_progress_of_parallel_folds(backend, capsys):
    search = BottleneckSearchCV(AutoencoderTransformer(**QUICK), (2, 4), cv=2, n_jobs=2, refit=False, verbose=2)
    with joblib.parallel_config(backend=backend):
        search.fit(X)
    printed = capsys.readouterr().out
    assert "fit 2/2, 00:00 left" in printed
    assert "[CV 2/2] 2: 0." in printed


def test_progress_with_a_backend_that_returns_all_results_at_once(monkeypatch, capsys):
    def list_only(return_as="list", **settings):
        if return_as != "list":
            raise ValueError("Backend does not support return_as=generator")
        return joblib.Parallel(**settings)

    monkeypatch.setattr(progress, "Parallel", list_only)
    BottleneckSearchCV(AutoencoderTransformer(**QUICK), (2, 4), cv=2, refit=False, verbose=1).fit(X)
    assert "fit 2/2, 00:00 left" in capsys.readouterr().out
