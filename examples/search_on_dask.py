"""Searches on a cluster: folds, candidates and members are fitted by the workers of dask.

Run ``python examples/search_on_dask.py``. It starts a cluster of two processes on this machine; ``Client("host:8786")``
connects to another cluster. It needs the extra ``dask``: ``pip install "skae[dask]"``.

Data: handwritten digits, which ship with scikit-learn.

Result: the scores of the workers are those of this process, to the bit.
"""

import joblib
from dask.distributed import Client, LocalCluster
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_limits

from skae import AutoencoderNovelty, AutoencoderTransformer, BottleneckSearchCV


def main():
    X, _ = load_digits(return_X_y=True)
    autoencoder = AutoencoderTransformer(8, max_epochs=3, random_state=0)
    grid = GridSearchCV(autoencoder, {"n_components": [4, 16]}, cv=3)
    search = BottleneckSearchCV(autoencoder, n_components=(4, 16, 64), cv=3)
    novelty = AutoencoderNovelty(autoencoder, n_members=3, random_state=0)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
        # Every worker gets X once, so that tasks of a worker that ends can move to another one.
        joblib.parallel_config(backend="dask", scatter=[X]),
    ):
        grid.fit(X)
        search.fit(X)
        novelty.fit(X)
    print("grid:", grid.best_params_, grid.cv_results_["mean_test_score"].round(3))
    print("bottleneck search:", search.n_components_, search.cv_results_["mean_test_score"].round(3))
    print("novelty:", len(novelty.members_), "members")
    with threadpool_limits(1):  # as in the workers
        alone = BottleneckSearchCV(autoencoder, n_components=(4, 16, 64), cv=3, refit=False).fit(X)
    same = (alone.cv_results_["mean_test_score"] == search.cv_results_["mean_test_score"]).all()
    print("scores equal those of this process:", bool(same))


if __name__ == "__main__":
    main()
