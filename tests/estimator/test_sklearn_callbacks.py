"""Callbacks of sklearn.callback see epochs."""

import copy
import pickle

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.fixes import parse_version

from skae import AutoencoderNovelty, AutoencoderTransformer, BottleneckSearchCV

HAS_CALLBACKS = parse_version(sklearn.__version__) >= parse_version("1.9")
X, y = load_digits(return_X_y=True)
X, y = X[:400], y[:400]
QUICK = AutoencoderTransformer(8, max_epochs=3, random_state=0)


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
    def test_progress_bar_shows_epochs(self, capsys):
        from sklearn.callback import ProgressBar

        clone(QUICK).set_callbacks(ProgressBar()).fit(X)
        out = capsys.readouterr().out
        assert "AutoencoderTransformer" in out
        assert "3/3" in out or "100%" in out

    @pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
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
    def test_copies_made_during_training_are_independent(self, by):
        keeper = Keeper(by)
        autoencoder = clone(QUICK).set_params(batch_size=16).set_callbacks(keeper).fit(X)
        np.testing.assert_array_equal(keeper.kept.transform(X), keeper.codes)
        assert autoencoder.n_iter_ == 3

    @pytest.mark.parametrize(
        ("estimator", "task"),
        [
            (BottleneckSearchCV(clone(QUICK), (4, 64), cv=2), "fold"),
            (AutoencoderNovelty(clone(QUICK), n_members=2, random_state=0), "member"),
        ],
    )
    def test_progress_bar_shows_folds_and_members_and_their_epochs(self, estimator, task, capsys):
        from sklearn.callback import ProgressBar

        estimator.set_callbacks(ProgressBar()).fit(X)
        out = capsys.readouterr().out
        assert f"{type(estimator).__name__} - {task} | AutoencoderTransformer - fit #1" in " ".join(out.split())

    def test_callbacks_do_not_change_the_members(self):
        novelty = AutoencoderNovelty(clone(QUICK), n_members=2, random_state=0)
        plain = clone(novelty).fit(X)
        seen = novelty.set_callbacks(Silent()).fit(X)
        np.testing.assert_array_equal(seen.score_samples(X), plain.score_samples(X))
