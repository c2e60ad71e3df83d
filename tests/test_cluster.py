"""Searches and novelty detection on a cluster of dask give the results of one process."""

import multiprocessing
import os
import signal

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold
from skorch.callbacks import Callback
from threadpoolctl import threadpool_limits

from skae import AutoencoderNovelty, AutoencoderTransformer, BottleneckSearchCV, Dense

distributed = pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.filterwarnings("default"),  # those of dask
    pytest.mark.slow,
]
random = np.random.RandomState(0)
X = np.tanh(random.standard_normal((300, 3)) @ random.standard_normal((3, 8)))
SMALL = AutoencoderTransformer(2, architecture=Dense((8,)), max_epochs=2, random_state=0, device="cpu")


@pytest.fixture(scope="module")
def client():
    """A client of two worker processes, with one thread each."""
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(autouse=True)
def one_thread():
    """As many threads as a worker."""
    with threadpool_limits(1):
        yield


def estimators(autoencoder):
    """Estimators that fit autoencoders in parallel."""
    return {
        "grid": GridSearchCV(autoencoder, {"n_components": [1, 2]}, cv=3, refit=False),
        "bottleneck": BottleneckSearchCV(autoencoder, n_components=(1, 2, 8), cv=3, refit=False),
        "novelty": AutoencoderNovelty(autoencoder, n_members=3, random_state=0),
    }


def scores(fitted):
    """The scores of all folds, or of all rows."""
    if isinstance(fitted, AutoencoderNovelty):
        return fitted.score_samples(X)
    return np.array([fitted.cv_results_[f"split{fold}_test_score"] for fold in range(3)])


@pytest.mark.parametrize("name", ["grid", "bottleneck", "novelty"])
def test_scores_equal_those_of_one_process_to_the_bit(client, name):
    alone, on_cluster = estimators(SMALL)[name].fit(X), estimators(SMALL)[name]
    with joblib.parallel_config(backend="dask"):
        on_cluster.fit(X)
    np.testing.assert_array_equal(scores(on_cluster), scores(alone))


class KillOnce(Callback):
    """Kills the worker in which it is called first; ``marker`` is the file that it leaves."""

    def __init__(self, marker):
        self.marker = marker

    def on_epoch_end(self, net, **kwargs):
        if multiprocessing.current_process().name != "MainProcess" and not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("name", ["grid", "bottleneck", "novelty"])
def test_a_killed_worker_is_survived(client, tmp_path, name):
    client.wait_for_workers(2)  # the worker that an earlier test killed starts anew; without workers, fits run here
    killing = clone(SMALL).set_params(net_params={"callbacks": [KillOnce(tmp_path / "killed")]})
    alone, on_cluster = estimators(SMALL)[name].fit(X), estimators(killing)[name]
    if name == "grid":
        # Of arrays of rows, joblib keeps one copy only.
        on_cluster.set_params(cv=[(train.tolist(), test.tolist()) for train, test in KFold(3).split(X)])
    with joblib.parallel_config(backend="dask", scatter=[X]):
        on_cluster.fit(X)
    assert (tmp_path / "killed").exists()
    np.testing.assert_array_equal(scores(on_cluster), scores(alone))


def test_rows_are_sent_once(client, monkeypatch):
    large, sent = np.tile(X, (3, 1)), []
    scatter = distributed.Client.scatter

    def counted(self, data, *arguments, **settings):
        sent.extend(part for part in (data if isinstance(data, list) else [data]) if isinstance(part, np.ndarray))
        return scatter(self, data, *arguments, **settings)

    monkeypatch.setattr(distributed.Client, "scatter", counted)
    for estimator in estimators(SMALL).values():
        sent.clear()
        with joblib.parallel_config(backend="dask", scatter=[large]):
            estimator.fit(large)
        assert [part.nbytes for part in sent].count(large.nbytes) == 1, estimator
