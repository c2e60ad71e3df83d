"""Where scikit-learn's users put an estimator: pipelines, searches, callbacks."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.fixes import parse_version

from skae import AutoencoderTransformer, Convolutional, Dense

HAS_CALLBACKS = parse_version(sklearn.__version__) >= parse_version("1.9")
X, y = load_digits(return_X_y=True)
X, y = X[:400], y[:400]
QUICK = AutoencoderTransformer(8, max_epochs=3, random_state=0)


def test_codes_are_features_in_a_pipeline():
    pipeline = make_pipeline(clone(QUICK), LogisticRegression(max_iter=2000)).fit(X, y)
    assert pipeline.score(X, y) > 0.9


def test_in_a_union_and_a_column_transformer():
    union = FeatureUnion([("codes", clone(QUICK)), ("scaled", StandardScaler())]).fit(X)
    assert union.transform(X).shape == (400, 72)
    frame = pd.DataFrame(X[:, 20:30], columns=[f"c{i}" for i in range(10)]).assign(name="a")
    columns = ColumnTransformer([("codes", AutoencoderTransformer(2, max_epochs=1), [f"c{i}" for i in range(10)])])
    codes = columns.set_output(transform="pandas").fit_transform(frame)
    assert list(codes.columns) == ["codes__autoencodertransformer0", "codes__autoencodertransformer1"]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_grid_search_over_the_bottleneck(n_jobs):
    search = GridSearchCV(clone(QUICK), {"n_components": [1, 16]}, cv=2, n_jobs=n_jobs).fit(X)
    assert search.best_params_ == {"n_components": 16}
    assert search.best_estimator_.n_components_ == 16
    assert search.transform(X).shape == (400, 16)


def test_grid_search_over_the_architecture_of_pictures():
    pictures = X.reshape(-1, 8, 8)[:120]
    autoencoder = AutoencoderTransformer(4, architecture=Convolutional(), max_epochs=1, random_state=0)
    grid = {"architecture__channels": [(4,), (4, 8)], "architecture__kernel_size": [3]}
    search = GridSearchCV(autoencoder, grid, cv=2).fit(pictures)
    assert search.cv_results_["mean_test_score"].shape == (2,)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_grid_search_in_a_pipeline_with_a_classifier():
    pipeline = Pipeline([("codes", clone(QUICK)), ("classifier", LogisticRegression(max_iter=2000))])
    search = GridSearchCV(pipeline, {"codes__n_components": [1, 8]}, cv=2).fit(X, y)
    assert search.best_params_ == {"codes__n_components": 8}


def test_search_is_the_same_in_one_process_and_in_two():
    searches = [GridSearchCV(clone(QUICK), {"n_components": [1, 4]}, cv=2, n_jobs=n).fit(X) for n in (1, 2)]
    first, second = (search.cv_results_["mean_test_score"] for search in searches)
    np.testing.assert_allclose(first, second, rtol=1e-5)


def test_candidates_that_diverge_score_nan_and_the_search_goes_on():
    estimator = AutoencoderTransformer(2, max_epochs=20, optimizer="sgd", architecture=Dense((8,)), random_state=0)
    with pytest.warns() as caught:
        search = GridSearchCV(estimator, {"lr": [1e-2, 1e30]}, cv=2).fit(X[:100])
    assert search.best_params_ == {"lr": 1e-2}
    assert np.isnan(search.cv_results_["mean_test_score"][1])
    assert any("DivergenceError" in str(warning.message) for warning in caught)


class Silent:
    """A callback of scikit-learn's that does nothing."""

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context, **kwargs):
        pass

    def on_fit_task_end(self, estimator, context, **kwargs):
        pass


class Keeper(Silent):
    """Keeps a copy of the estimator after the second epoch, and its codes."""

    def __init__(self, by):
        self.by = by
        self.kept = self.codes = None

    def on_fit_task_end(self, estimator, context, *, fitted_estimator, **kwargs):
        if context.task_name == "epoch" and context.task_id == 1:
            self.kept = copy.deepcopy(fitted_estimator)
            if self.by == "pickle":
                self.kept = pickle.loads(pickle.dumps(fitted_estimator))
            self.codes = self.kept.transform(X)


@pytest.mark.skipif(not HAS_CALLBACKS, reason="sklearn.callback came with scikit-learn 1.9")
class TestCallbacks:
    def test_progress_bar_shows_epochs_alone(self, capsys):
        from sklearn.callback import ProgressBar

        clone(QUICK).set_callbacks(ProgressBar()).fit(X)
        out = capsys.readouterr().out
        assert "AutoencoderTransformer" in out
        assert "3/3" in out or "100%" in out

    @pytest.mark.parametrize("n_jobs", [1, 2])
    def test_progress_bar_in_a_search_over_pipelines(self, n_jobs, capsys):
        from sklearn.callback import ProgressBar

        pipeline = make_pipeline(StandardScaler(), clone(QUICK))
        grid = {"autoencodertransformer__n_components": [1, 4]}
        search = GridSearchCV(pipeline, grid, cv=2, n_jobs=n_jobs).set_callbacks(ProgressBar()).fit(X)
        assert search.best_params_ == {"autoencodertransformer__n_components": 4}
        assert "GridSearchCV" in capsys.readouterr().out

    @pytest.mark.parametrize("given_y", [None, y])
    def test_scoring_monitor_logs_every_epoch(self, given_y):
        from sklearn.callback import ScoringMonitor

        monitor = ScoringMonitor(scoring={"share": lambda estimator, X, y: estimator.score(X)})
        autoencoder = clone(QUICK).set_callbacks(monitor).fit(X, given_y)
        epochs = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
        assert len(epochs) == 3
        shares = [row["share"] for row in epochs]
        assert shares == sorted(shares)
        assert shares[-1] == pytest.approx(autoencoder.score(X), abs=1e-6)

    def test_a_callback_can_stop_training(self):
        class Stopper(Silent):
            def on_fit_task_end(self, estimator, context, **kwargs):
                return context.task_name == "epoch" and context.task_id == 1

        assert clone(QUICK).set_callbacks(Stopper()).fit(X).n_iter_ == 2

    @pytest.mark.parametrize("by", ["deepcopy", "pickle"])
    def test_copies_made_in_the_middle_of_training_are_apart(self, by):
        keeper = Keeper(by)
        autoencoder = clone(QUICK).set_params(batch_size=16).set_callbacks(keeper).fit(X)
        np.testing.assert_array_equal(keeper.kept.transform(X), keeper.codes)
        assert autoencoder.n_iter_ == 3
