"""Is AutoencoderNovelty better at detecting samples of other classes than other methods, all with default parameters?

Trained on one half of the normal rows, tested on the other half and on all other classes. Every class of digits and
wine is normal once; benign tumors are normal; and with --data three digits of MNIST: 2,000 training rows, tested on
the test digits of the class and 1,500 others. Self-made tables of few, skewed, binary and other columns have anomalies
of four kinds. AutoencoderNovelty gets digits as pictures, other methods as flat rows.
Without PyOD (extra "bench"), its AutoEncoder is skipped, and a line says that nothing is asserted about it.
"""

import contextlib
import dataclasses
import importlib.util
import os
import time
from collections import defaultdict

import numpy as np
import torch
from novelty_tables import made
from report import make_parser, write
from scipy.stats import rankdata
from sklearn import datasets
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

from skae import AutoencoderNovelty
from skae._novelty.distances import DISTANCES
from skae._novelty.members import prepare_autoencoder

OURS, PEER, MARGIN = "AutoencoderNovelty", "PyOD AutoEncoder", 0.02
# Parameters of the autoencoders.
SETTINGS = {"device": "cpu"}


def split(X, normal):
    """Training rows, test rows, and whether each test row is a novelty."""
    rows = np.random.RandomState(0).permutation(np.flatnonzero(normal))
    train, test = rows[: len(rows) // 2], np.r_[rows[len(rows) // 2 :], np.flatnonzero(~normal)]
    return X[train], X[test], ~normal[test]


def bundled():
    """Name, training rows, test rows, labels."""
    digits, wine, cancer = datasets.load_digits(), datasets.load_wine(), datasets.load_breast_cancer()
    for c in range(10):
        yield "digits", *split(digits.images, digits.target == c)
    yield "breast cancer", *split(cancer.data, cancer.target == 1)
    for c in range(3):
        yield "wine", *split(wine.data, wine.target == c)


def mnist(path, classes=(3, 5, 8)):
    with np.load(path) as data:
        X, y, X_test, y_test = (data[name] for name in ("X_train", "y_train", "X_test", "y_test"))
    for c in classes:
        others = np.random.RandomState(0).permutation(np.flatnonzero(y_test != c))[:1500]
        rows = np.r_[np.flatnonzero(y_test == c), others]
        yield "MNIST", X[y == c][:2000], X_test[rows], y_test[rows] != c


def flat(X):
    return X.reshape(len(X), -1).astype(float)


def by_skae(train, test):
    """Scores by every distance from one fit; the statistics per distance do not change the ranking."""
    device = SETTINGS["device"]
    autoencoder = None if device == "cpu" else prepare_autoencoder(None, train, 0).set_params(device=device)
    novelty = AutoencoderNovelty(autoencoder, random_state=0).fit(train)
    scores = {}
    for distance in DISTANCES:
        novelty._result = dataclasses.replace(novelty._result, distance=distance)
        scores[distance] = novelty.score_samples(test)
    return scores


def by_pca(train, test):
    """Minus the squared error of PCA of standardized columns, with components for 0.9 of the variance."""
    scaler = StandardScaler().fit(flat(train))
    train, test = scaler.transform(flat(train)), scaler.transform(flat(test))
    pca = PCA(0.9, svd_solver="full").fit(train)
    return -np.square(test - pca.inverse_transform(pca.transform(test))).sum(1)


def by_pca_of_one_unit(train, test):
    pca = PCA(0.9, svd_solver="full").fit(flat(train))
    return -np.square(flat(test) - pca.inverse_transform(pca.transform(flat(test)))).sum(1)


def by_neighbors(train, test):
    scaler = StandardScaler().fit(flat(train))
    search = NearestNeighbors(n_neighbors=5).fit(scaler.transform(flat(train)))
    return -search.kneighbors(scaler.transform(flat(test)))[0].mean(1)


def by_neighbors_of_one_unit(train, test):
    return -NearestNeighbors(n_neighbors=5).fit(flat(train)).kneighbors(flat(test))[0].mean(1)


def by_forest(train, test):
    return IsolationForest(random_state=0).fit(flat(train)).score_samples(flat(test))


def by_factor(train, test):
    return make_pipeline(StandardScaler(), LocalOutlierFactor(novelty=True)).fit(flat(train)).score_samples(flat(test))


def by_machine(train, test):
    return make_pipeline(StandardScaler(), OneClassSVM()).fit(flat(train)).score_samples(flat(test))


def by_pyod(train, test):
    from pyod.models.auto_encoder import AutoEncoder

    torch.manual_seed(0)
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        # PyOD drops the last incomplete batch, and fails if there is no other batch.
        batch_size = min(32, len(train))
        detector = AutoEncoder(batch_size=batch_size, device=torch.device("cpu"), random_state=0, verbose=0)
        detector.fit(flat(train))
        return -detector.decision_function(flat(test))


METHODS = {
    OURS: by_skae,
    "PCA": by_pca,
    "PCA, columns as they are": by_pca_of_one_unit,
    "IsolationForest": by_forest,
    "LocalOutlierFactor": by_factor,
    "OneClassSVM": by_machine,
    "nearest neighbors": by_neighbors,
    "nearest neighbors, columns as they are": by_neighbors_of_one_unit,
}


def measure(methods, sets):
    """ROC AUC, average precision and seconds of every method, by data set."""
    found = defaultdict(lambda: defaultdict(list))
    for name, train, test, is_novel in sets:
        for who, scores_of in methods.items():
            began = time.perf_counter()
            scores = scores_of(train, test)
            seconds = time.perf_counter() - began
            named = {f"{who}, {key}": s for key, s in scores.items()} if isinstance(scores, dict) else {who: scores}
            for key, values in named.items():
                figures = roc_auc_score(is_novel, -values), average_precision_score(is_novel, -values)
                found[key][name].append((*figures, seconds))
        print(name, train.shape, *(f"{rows[name][-1][0]:.3f}" for rows in found.values()), flush=True)
    return {who: {name: np.mean(rows, 0) for name, rows in by_set.items()} for who, by_set in found.items()}


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--data", help="npz with X_train, y_train, X_test, y_test of MNIST")
    args = parser.parse_args()
    SETTINGS["device"] = args.device
    torch.set_num_threads(1)
    methods = METHODS | ({PEER: by_pyod} if importlib.util.find_spec("pyod") else {})
    found = measure(methods, [*bundled(), *made(), *(mnist(args.data) if args.data else ())])
    default = f"{OURS}, {DISTANCES[0]}"
    names = list(found[default])
    table, auroc = [], {}
    for part, figure in enumerate(("AUROC", "average precision")):
        figures = np.array([[found[who][name][part] for name in names] for who in found])
        ranks = np.mean([rankdata(-column) for column in figures.T], 0)
        for who, row, rank in zip(found, figures, ranks, strict=True):
            seconds = sum(found[who][name][2] for name in names)
            table.append([who, figure, *map(float, row), float(row.mean()), float(rank), float(seconds)])
            auroc.setdefault(who, row.mean())
    columns = ["method", "figure", *names, "mean", "mean rank", "seconds"]
    write("novelty", columns, table, device=args.device, margin_over_pca=MARGIN)
    margins = {"PCA": MARGIN, "PCA, columns as they are": MARGIN, "nearest neighbors": 0.0, PEER: 0.0}
    if PEER not in auroc:
        print(f'{PEER} is not installed: nothing is asserted about it. Write pip install -e ".[bench]".')
        del margins[PEER]
    for who, margin in margins.items():
        gain = auroc[default] - auroc[who]
        assert gain > margin, f"mean ROC AUC is {gain:.3f} above that of {who}, expected more than {margin}"
    for name in names:
        gain = found[default][name][0] - found["nearest neighbors"][name][0]
        assert gain > -MARGIN, f"on {name}, ROC AUC is {-gain:.3f} below that of nearest neighbors"


if __name__ == "__main__":
    main()
