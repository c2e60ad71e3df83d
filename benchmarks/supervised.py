"""Are supervised codes better features than those of the supervised reducers of scikit-learn, at the same size?

Codes of k components are fitted on training rows and their labels, and the readers of features.py are trained on them:
accuracy on the test rows, or ROC AUC for two classes. LinearDiscriminantAnalysis (at most one component less than
classes), PLSRegression of one-hot labels and NeighborhoodComponentsAnalysis get standardized columns; the autoencoder
gets raw data. Data sets and scaling are those of features.py. Every figure is a mean over splits and readers.
"""

import time
import warnings
from collections import defaultdict

import numpy as np
import torch
from features import bundled, of_files, read, scaled
from report import make_parser, write
from sklearn.cross_decomposition import PLSRegression
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import NeighborhoodComponentsAnalysis

from skae import AutoencoderTransformer
from skae.exceptions import PCAKeptWarning
from skae.variants import Supervised

OURS, PLAIN, SIZES = "Supervised", "plain", (2, 5, 10)
BASELINES = {
    "LDA": lambda k, y: LinearDiscriminantAnalysis(n_components=min(k, len(np.unique(y)) - 1)).fit,
    "PLS": lambda k, y: lambda rows, y: PLSRegression(k).fit(rows, y[:, None] == np.unique(y)),
    "NCA": lambda k, y: NeighborhoodComponentsAnalysis(k, random_state=0).fit,
}


def codes(method, X, X_test, y, k, seed, device):
    """Codes of training and test rows."""
    if method in BASELINES:
        rows, test_rows = scaled(X, X_test)
        reducer = BASELINES[method](k, y)(rows, y)
        return reducer.transform(rows), reducer.transform(test_rows)
    variant = Supervised() if method == OURS else "plain"
    autoencoder = AutoencoderTransformer(k, variant=variant, random_state=seed, device=device).fit(X, y)
    return autoencoder.transform(X), autoencoder.transform(X_test)


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--data", help="npz of MNIST, with spoken_digits.npz in the same directory")
    parser.add_argument("--seeds", type=int, default=2, help="number of splits")
    args = parser.parse_args()
    torch.set_num_threads(1)
    methods = (OURS, PLAIN, *BASELINES)
    figures, by_reader = defaultdict(list), defaultdict(list)
    for data in [*bundled(), *(of_files(args.data) if args.data else ())]:
        began = time.perf_counter()
        for k in SIZES:
            for method in methods if k in data.sizes else ():
                found = []
                for seed in range(min(args.seeds, data.max_splits)):
                    X, X_test, y, y_test = data.split(seed)
                    y = y.astype(int)
                    Z, Z_test = codes(method, X, X_test, y, k, seed, args.device)
                    found.append(read(Z, y, Z_test, y_test.astype(int)))
                figures[data.name, k, method] = float(np.mean([list(row.values()) for row in found]))
                for reader in found[0]:
                    by_reader[reader, k, method].append(np.mean([row[reader] for row in found]))
        means = {m: np.mean([figures[data.name, k, m] for k in SIZES if k in data.sizes]) for m in methods}
        print(data.name, *(f"{m} {mean:.3f}" for m, mean in means.items()), f"{time.perf_counter() - began:.0f} s")
    names = list(dict.fromkeys(name for name, _, _ in figures))
    table = [
        [name, k, *(figures[name, k, m] for m in methods)]
        for name in names
        for k in SIZES
        if (name, k, OURS) in figures
    ]
    means = {
        k: [float(np.mean([row[2 + i] for row in table if row[1] == k])) for i in range(len(methods))] for k in SIZES
    }
    table += [["mean", k, *row] for k, row in means.items()]
    table += [
        [f"mean, {reader}", k, *(float(np.mean(by_reader[reader, k, m])) for m in methods)]
        for reader, k in dict.fromkeys((reader, k) for reader, k, _ in by_reader)
    ]
    write("supervised", ["data", "k", *methods], table, device=args.device, seeds=args.seeds)
    for k, row in means.items():
        assert row[0] > max(row[1:]), f"at {k} components {OURS} is not the best on the mean: {row}"


if __name__ == "__main__":
    warnings.simplefilter("ignore", PCAKeptWarning)
    warnings.filterwarnings("ignore", "The .* rows of X do not seem independent")
    main()
