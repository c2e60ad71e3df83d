"""BottleneckSearchCV: results, rules of choice, errors."""

import numpy as np
import pytest
from sklearn.base import is_classifier
from sklearn.datasets import load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer, BottleneckSearchCV, Dense
from skae._search.folds import find_autoencoder
from skae.training.fit import other_folds

X, y = load_digits(return_X_y=True)
X, y = X[:500], y[:500]
# Without early stopping: no cross-validation.
QUICK = {"architecture": Dense((16,)), "early_stopping": False, "max_epochs": 3, "random_state": 0}
# The few sizes here would warn; that warning has its own tests.
pytestmark = pytest.mark.filterwarnings("ignore:n_components=.* was chosen, the largest size")


class TestBottleneckSearchCV:
    def test_cv_results_have_the_keys_of_grid_search(self):
        search = BottleneckSearchCV(AutoencoderTransformer(**QUICK), (4, 1, 2, 2), cv=3).fit(X)
        grid = GridSearchCV(AutoencoderTransformer(**QUICK), {"n_components": [1, 2, 4]}, cv=3).fit(X)
        ours, theirs = search.cv_results_, grid.cv_results_
        assert set(theirs) <= set(ours)
        for name, value in theirs.items():
            assert np.shape(ours[name]) == np.shape(value)
        assert ours["params"] == theirs["params"]
        assert search.best_params_ == {"n_components": search.n_components_}
        assert search.best_estimator_.n_components_ == search.n_components_
        best = AutoencoderTransformer(search.n_components_, **QUICK).fit(X)
        np.testing.assert_array_equal(search.transform(X), best.transform(X))
        assert search.score(X) == best.score(X)

    def test_one_standard_error_rule_never_chooses_a_larger_size(self):
        sizes = (1, 2, 4, 8, 13)
        wine = load_wine().data
        best = BottleneckSearchCV(AutoencoderTransformer(**QUICK), sizes, cv=3, rule="best").fit(wine)
        small = BottleneckSearchCV(AutoencoderTransformer(**QUICK), sizes, cv=3, rule="one_standard_error").fit(wine)
        assert small.n_components_ <= best.n_components_
        np.testing.assert_array_equal(
            small.cv_results_["mean_test_score"], best.cv_results_["mean_test_score"], strict=True
        )
        mean, error = (best.cv_results_[f"{name}_test_score"] for name in ("mean", "standard_error"))
        within = mean >= mean.max() - error[mean.argmax()]
        assert small.best_index_ == np.flatnonzero(within)[0]

    @pytest.mark.parametrize("frames", [False, True])
    def test_search_in_a_pipeline_with_a_classifier(self, frames):
        pipeline = make_pipeline(StandardScaler(), AutoencoderTransformer(**QUICK))
        if frames:
            pipeline.set_output(transform="pandas")
        search = BottleneckSearchCV(pipeline, (2, 8), classifier=LogisticRegression(max_iter=2000), cv=2).fit(X, y)
        assert search.n_components_ == 8
        assert search.score(X, y) > 0.7
        assert search.predict(X).shape == y.shape
        assert list(search.classes_) == list(range(10))
        assert not hasattr(search, "transform")

    def test_steps_after_the_autoencoder_are_fitted(self):
        pipeline = Pipeline(
            [("autoencoder", AutoencoderTransformer(**QUICK)), ("classifier", LogisticRegression(max_iter=2000))]
        )
        search = BottleneckSearchCV(pipeline, (2, 8), cv=2, scoring="accuracy").fit(X, y)
        assert search.best_params_ == {"autoencoder__n_components": 8}

    def test_n_jobs_does_not_change_results(self):
        one, two = (
            BottleneckSearchCV(AutoencoderTransformer(**QUICK), (1, 4), cv=2, n_jobs=n_jobs).fit(X) for n_jobs in (1, 2)
        )
        np.testing.assert_allclose(one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"], atol=1e-6)

    @pytest.mark.parametrize(
        ("sizes", "match"),
        [
            ((), "is empty"),
            ((0, 2), "Got 0 at index 0"),
            ((2, -1), "Got -1 at index 1"),
            ((2.0,), "Got 2.0 at index 0"),
            ((True,), "Got True at index 0"),
            (4, "sequence of ints"),
            ("48", "sequence of ints"),
        ],
    )
    def test_invalid_sizes_are_refused(self, sizes, match):
        with pytest.raises(ValueError, match=match):
            BottleneckSearchCV(AutoencoderTransformer(), sizes).fit(X)

    @pytest.mark.parametrize("estimator", [PCA(), make_pipeline(StandardScaler(), PCA())])
    def test_estimators_without_an_autoencoder_are_refused(self, estimator):
        with pytest.raises(ValueError, match="Pipeline with one among its steps"):
            BottleneckSearchCV(estimator).fit(X)

    def test_classifier_without_y_is_refused(self):
        with pytest.raises(ValueError, match=r"Write fit\(X, y\)"):
            BottleneckSearchCV(AutoencoderTransformer(), classifier=LogisticRegression()).fit(X)

    def test_sizes_above_the_features_warn(self):
        with pytest.warns(UserWarning, match="over-complete: n_components=6"):
            BottleneckSearchCV(AutoencoderTransformer(**QUICK), (2, 6), cv=2, refit=False).fit(X[:, 20:24])

    def test_fewer_rows_than_components_work(self):
        search = BottleneckSearchCV(AutoencoderTransformer(**QUICK), (2, 30), cv=2).fit(X[:40])
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()

    def test_failing_folds_score_nan_and_all_failing_raises(self):
        search = BottleneckSearchCV(AutoencoderTransformer(lr=1e30, **QUICK), (1, 2), cv=2)
        with (
            pytest.warns(FitFailedWarning, match="non-finite"),
            pytest.raises(ValueError, match="No size has a score on each of the 2 folds"),
        ):
            search.fit(X)
        assert not hasattr(search, "cv_results_")

    @pytest.mark.parametrize(
        ("wrong", "match"),
        [
            ({"variant": "vector_quantized"}, "Nested cannot wrap"),
            ({"variant": "none"}, "'variant' parameter"),
            ({"lr": -1}, "'lr' parameter"),
        ],
    )
    def test_wrong_parameters_of_the_autoencoder_are_refused_before_training(self, wrong, match):
        with pytest.raises(ValueError, match=match):
            BottleneckSearchCV(AutoencoderTransformer(**wrong)).fit(X)

    @pytest.mark.parametrize(
        ("wrong", "match"),
        [({"scoring": ["r2"]}, "one score"), ({"error_score": "nan"}, "'raise' or a number"), ({"refit": 1}, "refit")],
    )
    def test_wrong_parameters_of_the_search_are_refused(self, wrong, match):
        with pytest.raises(ValueError, match=match):
            BottleneckSearchCV(AutoencoderTransformer(), **wrong).fit(X)

    def test_search_is_a_classifier_if_its_last_step_is_one(self):
        search = BottleneckSearchCV(
            AutoencoderTransformer(**QUICK), (2, 4), cv=2, classifier=LogisticRegression(max_iter=2000)
        )
        assert is_classifier(search)
        order = y.argsort(kind="stable")
        assert cross_val_score(search, X[order], y[order], cv=2).min() > 0.3
        assert not is_classifier(BottleneckSearchCV(AutoencoderTransformer()))

    def test_classifier_that_fails_on_a_fold_scores_nan(self):
        one_class = [(np.flatnonzero(y == 0), np.flatnonzero(y > 0)), (np.arange(250), np.arange(250, 500))]
        search = BottleneckSearchCV(
            AutoencoderTransformer(**QUICK),
            (2, 4),
            cv=one_class,
            classifier=LogisticRegression(max_iter=2000),
            error_score=0.0,
        )
        with pytest.warns(FitFailedWarning) as caught:
            search.fit(X, y)
        messages = [str(warning.message) for warning in caught]
        assert any(text.startswith("The score of n_components=2 is 0.0") for text in messages)
        assert search.cv_results_["split0_test_score"].tolist() == [0.0, 0.0]

    def test_fit_removes_the_attributes_of_the_previous_fit(self):
        search = BottleneckSearchCV(AutoencoderTransformer(**QUICK), (1,), cv=2).fit(X)
        search.set_params(refit=False).fit(X)
        assert not hasattr(search, "best_estimator_")


class TestEdgeOfTheSearch:
    def test_choosing_the_largest_size_warns(self):
        with pytest.warns(UserWarning, match=r"n_components=4 was chosen, the largest size offered.*\(2, 4, 8\)"):
            BottleneckSearchCV(AutoencoderTransformer(**QUICK), (2, 4), cv=2, refit=False).fit(X)

    @pytest.mark.filterwarnings("error")
    @pytest.mark.parametrize(("sizes", "n_features"), [((4,), 64), ((1, 6), 6), ((1, 2, 40), 41)])
    def test_choosing_the_largest_possible_size_does_not_warn(self, sizes, n_features):
        rank_two = X[:, 20:22] @ np.random.RandomState(0).standard_normal((2, n_features))
        BottleneckSearchCV(AutoencoderTransformer(**QUICK), sizes, cv=2, refit=False).fit(rank_two)


def test_folds_need_no_cross_validation_of_their_own(monkeypatch):
    calls = []

    def counted(spec, *args):
        folds = other_folds(spec, *args)
        calls.append((spec.in_search, folds is None))
        return folds

    monkeypatch.setattr("skae.training.fit.other_folds", counted)
    settings = {**QUICK, "early_stopping": True, "max_epochs": 1}
    search = BottleneckSearchCV(AutoencoderTransformer(**settings), (1, 2), cv=2).fit(X[:100])
    # The two folds, then the chosen size.
    assert calls == [(True, True), (True, True), (False, False)]
    assert not search.best_estimator_._in_search
    # The validation sets have two groups.
    calls.clear()
    groups = np.arange(100) // 5
    BottleneckSearchCV(AutoencoderTransformer(**settings), (1, 2), cv=2, refit=False).fit(X[:100], groups=groups)
    assert calls == [(True, False), (True, False)]


@pytest.mark.parametrize("steps", [(), (StandardScaler(),)])
def test_estimators_of_folds_are_ordinary_ones_afterwards(steps):
    found = []

    def scorer(estimator, X, y=None):
        autoencoder = find_autoencoder(estimator)
        found.append("_in_search" in vars(autoencoder))
        return 0.0

    autoencoder = AutoencoderTransformer(**QUICK)
    estimator = make_pipeline(*steps, autoencoder) if steps else autoencoder
    BottleneckSearchCV(estimator, (1, 2), cv=2, refit=False, scoring=scorer).fit(X[:100])
    assert found == [False] * 4
