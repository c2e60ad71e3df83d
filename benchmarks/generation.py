"""Which sampler generates digits that are hardest to distinguish from real ones?

For each variant and sampler, in the last hidden layer of a classifier trained on real digits: the accuracy of a
nearest-neighbor two-sample test (Lopez-Paz and Oquab, 2017; 0.5 is best), the maximum mean discrepancy times 1,000, and
precision and recall (Kynkäänniemi et al., 2019). In pixels: the median distance to the nearest training digit, relative
to that of new digits, and the fraction of exact copies. For each variant: the accuracy on real test digits of a
classifier that is trained only on digits generated like those of each class, and the number of active units (Burda,
Grosse and Salakhutdinov, 2016).
"""

import warnings

import numpy as np
import torch
from report import make_parser, write
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics.pairwise import euclidean_distances, rbf_kernel
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer
from skae.variants import VARIANTS

SAMPLERS = ("auto", "mixture", "gaussian", "prior")
N_COMPONENTS = 16


class PCADensity:
    """PCA with a Gaussian mixture of its codes, for all digits or for examples."""

    def __init__(self, X):
        self.X, self.pca = X, PCA(N_COMPONENTS, random_state=0).fit(X)

    def sample(self, n_samples, random_state, sampler="mixture", like=None):
        if sampler != "mixture":
            raise ValueError(sampler)
        codes = self.pca.transform(self.X if like is None else like).astype(np.float64)
        mixture = GaussianMixture(10 if like is None else 5, random_state=random_state, reg_covar=1e-4 * codes.var())
        return self.pca.inverse_transform(mixture.fit(codes).sample(n_samples)[0])


def samples_of_classes(model, X, y, n):
    """Equally many samples like the rows of each class."""
    made = [model.sample(n, random_state=0, like=X[y == label]) for label in np.unique(y)]
    return np.concatenate(made), np.repeat(np.unique(y), n)


def classifier():
    return make_pipeline(StandardScaler(), MLPClassifier((100, 50), max_iter=40, random_state=0))


def features(pipeline, X):
    """The last hidden layer, (n, 50)."""
    scale, network = pipeline[0], pipeline[-1]
    hidden = scale.transform(X)
    for weights, bias in list(zip(network.coefs_, network.intercepts_, strict=True))[:-1]:
        hidden = np.maximum(hidden @ weights + bias, 0)
    return hidden


def mmd(a, b, gamma):
    n = len(a)
    within = sum((rbf_kernel(rows, gamma=gamma).sum() - n) / (n * (n - 1)) for rows in (a, b))
    return 1000 * float(within - 2 * rbf_kernel(a, b, gamma=gamma).mean())


def coverage(points, by, k=3):
    """Fraction of points within the k-nearest-neighbor distance of a point of ``by``."""
    radius = NearestNeighbors(n_neighbors=k + 1).fit(by).kneighbors(by)[0][:, -1]
    return float((euclidean_distances(points, by) <= radius).any(1).mean())


def two_sample_accuracy(real, made):
    """Leave-one-out accuracy of a nearest-neighbor test between real and generated samples."""
    distances = euclidean_distances(np.concatenate([real, made]))
    np.fill_diagonal(distances, np.inf)
    labels = np.repeat([0, 1], [len(real), len(made)])
    return float((labels[distances.argmin(1)] == labels).mean())


def nearest(samples, X):
    return NearestNeighbors(n_neighbors=1).fit(X).kneighbors(samples)[0]


def count_active(model, X):
    """Units whose deterministic code has a variance of more than 0.01 in the units of the network."""
    module = model.net_.module_
    codes = module.to_inner(torch.from_numpy(model.transform(X)).to(module.latent_scale.device))
    return int((codes.var(0) > 0.01).sum())


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--data", help="npz with X_train, y_train, X_test, y_test of MNIST; else scikit-learn's digits")
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--variants", nargs="+", default=["PCA", *VARIANTS])
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", ConvergenceWarning)  # the classifier has a fixed number of epochs
    data_name = "MNIST" if args.data else "digits"
    if args.data:
        with np.load(args.data) as data:
            X, y = data["X_train"][: args.rows].reshape(-1, 784).astype(np.float32), data["y_train"][: args.rows]
            X_test, y_test = data["X_test"][:4000].reshape(-1, 784).astype(np.float32), data["y_test"][:4000]
    else:
        digits = load_digits()
        X, X_test, y, y_test = train_test_split(digits.data, digits.target, test_size=0.4, random_state=0)
    n = min(800, len(X_test) // 2)
    on_real = classifier().fit(X, y)
    best = float(on_real.score(X_test, y_test))
    real = features(on_real, X_test[:n])
    gamma = 1 / np.median(euclidean_distances(real, squared=True))
    usual = np.median(nearest(X_test[:n], X))

    def measure(samples):
        made, distance = features(on_real, samples), nearest(samples, X)
        quality = [two_sample_accuracy(real, made), mmd(real, made, gamma), coverage(made, real), coverage(real, made)]
        return [*quality, float(np.median(distance) / usual), float((distance < 1e-3).mean())]

    table, variants = [["real digits", "-", *measure(X_test[n : 2 * n])]], {"real digits": {"like": best}}
    for variant in args.variants:
        if variant == "PCA":
            model, found = PCADensity(X), {}
        else:
            model = AutoencoderTransformer(N_COMPONENTS, variant=variant, device=args.device, random_state=0).fit(X)
            found = {"active": count_active(model, X_test), "R2": model.score(X_test)}
        made_X, made_y = samples_of_classes(model, X, y, len(X) // 10)
        found["like"] = float(classifier().fit(made_X, made_y).score(X_test, y_test))
        variants[variant] = found
        print(variant, *(f"{name} {value:.3f}" for name, value in found.items()), flush=True)
        for sampler in SAMPLERS:
            try:
                samples = model.sample(n, random_state=0, sampler=sampler)
            except ValueError:  # the variant has no prior
                continue
            table.append([variant, sampler, *measure(samples)])
            print("  ".join(f"{v:.3f}" if isinstance(v, float) else v for v in table[-1]), flush=True)
    columns = ["variant", "sampler", "told from real", "discrepancy", "precision", "recall", "distance", "exact copies"]
    write(f"generation_{data_name.lower()}", columns, table, device=args.device, rows_seen=len(X), variants=variants)
    told = {(row[0], row[1]): row[2] for row in table}
    for sampler in SAMPLERS[1:]:
        pairs = [
            (told[variant, "auto"], accuracy)
            for (variant, name), accuracy in told.items()
            if name == sampler and variant != "PCA"
        ]
        if not pairs:  # no variant of these has a prior
            continue
        auto, accuracy = np.mean(pairs, axis=0)
        print(f"mean over {len(pairs)} variants: auto {auto:.3f}, {sampler} {accuracy:.3f}")
        assert auto < accuracy, f"'auto' is distinguished more than {sampler!r}"
    assert all(row[-1] == 0 for row in table), "training digits were copied"
    for variant, found in variants.items():
        assert found.get("active", N_COMPONENTS) > N_COMPONENTS // 2, f"{variant} lost half of its units"
    if {"plain", "PCA"} <= set(variants):
        assert variants["plain"]["like"] > variants["PCA"]["like"], "a classifier trained on samples of PCA is better"


if __name__ == "__main__":
    main()
