"""Are the codes better features than those of PCA and KernelPCA, for the next step of a Pipeline?

Codes of k components are fitted on training rows without labels. Four readers are then trained on them: one and five
nearest neighbors, logistic regression of standardized codes, and a random forest. Accuracy on the test rows, or ROC AUC
for two classes. PCA and KernelPCA get standardized columns for tables, and one divisor for pictures; the autoencoder
gets raw data, and "PCA, same scaling" the rows as the autoencoder scales them. Data sets are tables and pictures of
scikit-learn, tables of its generators, and, with --data, MNIST and the spoken digits in the same directory. Every
figure is a mean over splits; the worst is over data sets.
"""

import time
import warnings
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from report import make_parser, write
from scipy.signal import stft
from sklearn import datasets
from sklearn.decomposition import PCA, KernelPCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.image import extract_patches_2d
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer
from skae.exceptions import PCAKeptWarning

OURS, COLUMNS, BASELINES = "skae", "all columns", ("PCA", "PCA, same scaling", "KernelPCA")
SIZES = (2, 5, 10, 32, 64)
# Largest mean difference below PCA that passes, over data sets, sizes and readers.
MARGIN = 0.01


@dataclass(frozen=True)
class Labeled:
    """Samples with classes, of which at most ``n_train`` rows are for training."""

    name: str
    X: np.ndarray
    y: np.ndarray
    n_train: int = 1000
    max_splits: int = 100
    all_sizes: tuple = SIZES

    @property
    def sizes(self):
        return [k for k in self.all_sizes if k < np.prod(self.X.shape[1:])]

    def split(self, seed):
        """Training and test samples, and their classes: 70 % are for training, up to ``n_train``."""
        n_train = min(self.n_train, int(0.7 * len(self.X)))
        n_test = min(len(self.X) - n_train, 2000)
        return train_test_split(
            self.X, self.y, train_size=n_train, test_size=n_test, stratify=self.y, random_state=seed
        )


def tables():
    """Tables of scikit-learn."""
    for name in ("iris", "wine", "breast_cancer"):
        yield Labeled(name.replace("_", " "), *getattr(datasets, f"load_{name}")(return_X_y=True))
    X, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    yield Labeled("diabetes", X, (y > np.median(y)).astype(int))


def generated():
    """Tables of scikit-learn's generators, most with a nonlinear structure."""
    for n_features in (15, 40):
        X, y = datasets.make_classification(
            1500, n_features, n_informative=8, n_redundant=4, n_classes=3, n_clusters_per_class=2, random_state=0
        )
        yield Labeled(f"clusters in {n_features} columns", X, y)
    yield Labeled("hastie", *datasets.make_hastie_10_2(1500, random_state=0))
    X, y = datasets.make_s_curve(1500, noise=0.05, random_state=0)
    yield Labeled("s curve in 12 columns", lift(X, 12), np.digitize(y, np.quantile(y, (0.25, 0.5, 0.75))))
    X, y = datasets.make_moons(1500, noise=0.15, random_state=0)
    yield Labeled("moons in 20 columns", lift(X, 20), y)
    yield Labeled("skewed columns and flags", *skewed())


def lift(X, n_features, noise=0.1, seed=0):
    """Columns that are smooth nonlinear functions of X, with noise."""
    random = np.random.RandomState(seed)
    inner = np.tanh(StandardScaler().fit_transform(X) @ random.standard_normal((X.shape[1], 16)))
    columns = inner @ random.standard_normal((16, n_features)) / 4
    return columns + noise * random.standard_normal(columns.shape)


def skewed(n=1500, seed=0):
    """Log-normal columns and one-hot flags, and whether a combination of their causes is positive."""
    random = np.random.RandomState(seed)
    causes = random.standard_normal((n, 5))
    numbers = np.exp(causes @ random.standard_normal((5, 10)) / 2 + 0.3 * random.standard_normal((n, 10)))
    kinds = (causes @ random.standard_normal((5, 4, 3)).reshape(5, -1)).reshape(n, 4, 3) + random.gumbel(size=(n, 4, 3))
    flags = (kinds == kinds.max(2, keepdims=True)).reshape(n, -1)
    return np.c_[numbers, flags], (causes[:, 0] * causes[:, 1] + causes[:, 2] > 0).astype(int)


def pictures():
    """Digits, and patches of two photographs."""
    digits = datasets.load_digits()
    yield Labeled("digits", digits.images, digits.target)
    patches = [
        extract_patches_2d(datasets.load_sample_image(f"{name}.jpg"), (8, 8), max_patches=1000, random_state=0)
        for name in ("china", "flower")
    ]
    yield Labeled("patches", np.concatenate(patches), np.repeat([0, 1], 1000))


def of_files(path):
    """MNIST, and spectrograms of spoken digits."""
    with np.load(path) as data:
        # Convolutions are slow.
        yield Labeled("MNIST", data["X_train"][:3000], data["y_train"][:3000], max_splits=1, all_sizes=(2, 10, 64))
    with np.load(Path(path).with_name("spoken_digits.npz")) as data:
        yield Labeled("spoken digits", spectrograms(data["X"].astype(np.float32)), data["digit"])


def spectrograms(signals, n_bands=15, n_times=12):
    """Logarithms of the energy by band and time, (n, n_bands, n_times), of signals (n, 4096) at 8 kHz."""
    energy = np.square(np.abs(stft(signals, 8000, nperseg=256, noverlap=128)[2][:, 1:121, :-1])) + 1
    bands = energy.reshape(len(signals), n_bands, -1, energy.shape[2]).mean(2)
    pieces = np.array_split(bands, n_times, axis=2)
    return np.log(np.stack([piece.mean(2) for piece in pieces], axis=2))


def bundled():
    return [*tables(), *generated(), *pictures()]


READERS = {
    "1 neighbor": lambda: KNeighborsClassifier(1),
    "5 neighbors": lambda: KNeighborsClassifier(5),
    "logistic regression": lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=3000)),
    "forest": lambda: RandomForestClassifier(100, random_state=0),
}


def read(codes, y, test_codes, y_test):
    """Accuracy of every reader, or ROC AUC for two classes."""
    found = {}
    for name, make in READERS.items():
        reader = make().fit(codes, y)
        if len(reader.classes_) == 2:
            found[name] = roc_auc_score(y_test, reader.predict_proba(test_codes)[:, 1])
        else:
            found[name] = accuracy_score(y_test, reader.predict(test_codes))
    return found


def scaled(X, X_test):
    """Rows for the baselines: standardized columns of tables, one divisor for pictures."""
    flat, flat_test = (part.reshape(len(part), -1).astype(float) for part in (X, X_test))
    if X.ndim == 2:
        scaler = StandardScaler().fit(flat)
        return scaler.transform(flat), scaler.transform(flat_test)
    center, divisor = flat.mean(0), flat.std(0).mean()
    return (flat - center) / divisor, (flat_test - center) / divisor


def baseline_codes(name, X, X_test, k, seed):
    """Codes of training and test rows."""
    rows, test_rows = scaled(X, X_test)
    reducer = PCA(k, random_state=seed) if name == "PCA" else KernelPCA(k, kernel="rbf", random_state=seed)
    return reducer.fit_transform(rows), reducer.transform(test_rows)


def skae_codes(X, X_test, k, seed, device):
    """Codes of training and test rows, and those of PCA of the same scaled rows."""
    autoencoder = AutoencoderTransformer(k, random_state=seed, device=device).fit(X)
    flat, flat_test = (((part - autoencoder.mean_) / autoencoder.scale_).reshape(len(part), -1) for part in (X, X_test))
    pca = PCA(k, random_state=seed).fit(flat)
    return {
        OURS: (autoencoder.transform(X), autoencoder.transform(X_test)),
        "PCA, same scaling": (pca.transform(flat), pca.transform(flat_test)),
    }


def measure(data, seeds, device):
    """Figures by (k, method, reader), each a mean over splits."""
    found = defaultdict(list)
    for seed in range(min(seeds, data.max_splits)):
        X, X_test, y, y_test = data.split(seed)

        def add(k, method, codes, test_codes, y=y, y_test=y_test):
            for reader, figure in read(codes, y, test_codes, y_test).items():
                found[k, method, reader].append(figure)

        add(None, COLUMNS, *scaled(X, X_test))
        for k in data.sizes:
            for method, codes in skae_codes(X, X_test, k, seed, device).items():
                add(k, method, *codes)
            for method in ("PCA", "KernelPCA"):
                add(k, method, *baseline_codes(method, X, X_test, k, seed))
    return {key: float(np.mean(figures)) for key, figures in found.items()}


def summarize(found):
    """Rows by size and reader: means over data sets, and the mean and worst difference to each baseline."""
    rows = []
    for k in SIZES:
        named = [name for name, figures in found.items() if any(key[0] == k for key in figures)]
        for reader in READERS if named else ():
            figures = {
                method: np.array([found[name][None if method == COLUMNS else k, method, reader] for name in named])
                for method in (OURS, *BASELINES, COLUMNS)
            }
            row = [k, reader, len(named), *(float(values.mean()) for values in figures.values())]
            for baseline in BASELINES:
                difference = figures[OURS] - figures[baseline]
                row += [float(difference.mean()), float(difference.min()), named[difference.argmin()]]
            rows.append(row)
    return rows


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--data", help="npz of MNIST, with spoken_digits.npz in the same directory")
    parser.add_argument("--sets", help="names of data sets, separated by commas; all by default")
    parser.add_argument("--seeds", type=int, default=2, help="number of splits")
    args = parser.parse_args()
    torch.set_num_threads(1)
    sets = [*bundled(), *(of_files(args.data) if args.data else ())]
    if args.sets:
        chosen = args.sets.split(",")
        unknown = set(chosen) - {data.name for data in sets}
        if unknown:
            parser.error(f"--sets are of {', '.join(data.name for data in sets)}. Got {', '.join(unknown)}.")
        sets = [data for data in sets if data.name in chosen]
    found = {}
    for data in sets:
        began = time.perf_counter()
        found[data.name] = measure(data, args.seeds, args.device)
        gains = [
            figure - found[data.name][k, "PCA", reader]
            for (k, method, reader), figure in found[data.name].items()
            if method == OURS
        ]
        print(
            f"{data.name} {data.X.shape}: mean difference from PCA {np.mean(gains):+.4f}, "
            f"{time.perf_counter() - began:.0f} s",
            flush=True,
        )
    table = summarize(found)
    columns = ["k", "reader", "sets", OURS, *BASELINES, COLUMNS]
    for baseline in BASELINES:
        columns += [f"mean difference from {baseline}", f"worst difference from {baseline}", f"worst set, {baseline}"]
    by_set = [
        {"data": name, "k": k, "method": method, "reader": reader, "figure": figure}
        for name, figures in found.items()
        for (k, method, reader), figure in figures.items()
    ]
    write("features", columns, table, device=args.device, margin=MARGIN, seeds=args.seeds, by_set=by_set)
    gain = float(np.mean([row[columns.index("mean difference from PCA")] for row in table]))
    assert args.sets or gain > -MARGIN, f"codes are worse features than PCA's by {-gain:.4f} on the mean"


if __name__ == "__main__":
    warnings.simplefilter("ignore", PCAKeptWarning)
    warnings.filterwarnings("ignore", "The .* rows of X do not seem independent")
    main()
