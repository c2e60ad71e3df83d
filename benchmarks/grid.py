"""Does a grid search over the bottleneck size oversubscribe the CPU?

Eight sizes, three folds, in one process with two threads, in one process with one thread, and in two processes.
joblib limits the threads of its workers, so no parameter is needed.
"""

import time

import torch
from report import make_parser, write
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from skae import AutoencoderTransformer

SIZES = [1, 2, 4, 8, 12, 16, 24, 32]


def seconds(X, n_jobs, threads, device):
    torch.set_num_threads(threads)
    autoencoder = AutoencoderTransformer(max_epochs=5, device=device, random_state=0)
    search = GridSearchCV(autoencoder, {"n_components": SIZES}, cv=3)
    search.set_params(n_jobs=n_jobs)
    if n_jobs > 1:
        search.fit(X[:200])  # start the workers
    began = time.perf_counter()
    search.fit(X)
    return time.perf_counter() - began, search.cv_results_["mean_test_score"].max()


def main():
    device = make_parser(__doc__).parse_args().device
    X = load_digits(return_X_y=True)[0]
    settings = {"n_jobs=1, two threads": (1, 2), "n_jobs=1, one thread": (1, 1), "n_jobs=2": (2, 2)}
    results = {name: seconds(X, *setting, device) for name, setting in settings.items()}
    best = min(results["n_jobs=1, two threads"][0], results["n_jobs=1, one thread"][0])
    table = [[name, took, best / took, float(score)] for name, (took, score) in results.items()]
    write(
        "grid", ["search", "seconds", "times as fast as the better single process", "best score"], table, device=device
    )
    assert table[-1][2] >= 1.0, f"two processes are {table[-1][2]:.2f} times as fast as one"


if __name__ == "__main__":
    main()
