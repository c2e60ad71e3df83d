"""How good are generated digits, measured without pretrained networks?

For each variant: the accuracy on real test digits of a classifier that is trained on generated digits only, labeled
by a mixture fitted to the codes of each class, compared with the same classifier trained on real digits. For each
sampler: the accuracy of a nearest-neighbor two-sample test (Lopez-Paz and Oquab, 2017; 0.5 is best), the maximum mean
discrepancy times 1,000, and precision and recall (Kynkäänniemi et al., 2019), all in the last hidden layer of a
classifier trained on real digits; and the fraction of exact copies of training digits.
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
from sklearn.model_selection import LeaveOneOut, cross_val_score, train_test_split
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer

CONTESTANTS = [
    ("PCA", "mixture"),
    ("plain", "gaussian"),
    ("plain", "mixture"),
    ("plain", "kernel"),
    ("variational", "prior"),
    ("variational", "mixture"),
    ("wasserstein", "prior"),
    ("wasserstein", "mixture"),
    ("adversarial", "prior"),
    ("hyperspherical", "prior"),
    ("importance_weighted", "prior"),
    ("vamp_prior", "prior"),
    ("regularized", "mixture"),
    ("vector_quantized", "prior"),
]


class Generator:
    """Codes of real digits, densities of the codes, and the decoder."""

    def __init__(self, variant, sampler, X, n_components, device):
        self.sampler = sampler
        if variant == "PCA":
            self.model = PCA(n_components, random_state=0).fit(X)
        else:
            self.model = AutoencoderTransformer(n_components, variant=variant, device=device, random_state=0).fit(X)
        self.codes = self.model.transform(X)

    def samples(self, n):
        if isinstance(self.model, PCA):
            return self.model.inverse_transform(GaussianMixture(10, random_state=0).fit(self.codes).sample(n)[0])
        return self.model.sample(n, random_state=0, sampler=self.sampler)

    def class_samples(self, y, n):
        """Equally many samples per class, from mixtures of five components fitted to the codes of each class."""
        made = []
        for label in np.unique(y):
            codes = self.codes[y == label].astype(np.float64)
            density = GaussianMixture(5, random_state=0, reg_covar=1e-4 * codes.var()).fit(codes)
            made.append(self.model.inverse_transform(density.sample(n)[0].astype(np.float32)))
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
    both = np.concatenate([real, made])
    labels = np.repeat([0, 1], [len(real), len(made)])
    return float(cross_val_score(KNeighborsClassifier(1), both, labels, cv=LeaveOneOut()).mean())


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--data", help="npz with X_train, y_train, X_test, y_test of MNIST; else scikit-learn's digits")
    parser.add_argument("--rows", type=int, default=6000)
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
    real, other = (features(on_real, part) for part in (X_test[:n], X_test[n : 2 * n]))
    gamma = 1 / np.median(euclidean_distances(real, squared=True))
    table = [["real digits", "-", best, two_sample_accuracy(real, other), mmd(real, other, gamma)]]
    table[0] += [coverage(other, real), coverage(real, other), 0.0]
    for variant, sampler in CONTESTANTS:
        generator = Generator(variant, sampler, X, 16, args.device)
        made_X, made_y = generator.class_samples(y, len(X) // 10)
        accuracy = float(classifier().fit(made_X, made_y).score(X_test, y_test))
        if (variant, sampler) == ("variational", "prior"):
            codes = generator.model.transform(X_test) / generator.model.net_.module_.latent_scale.numpy()
            used, share = int((codes.var(0) > 0.01).sum()), generator.model.score(X_test)
            print(f"variational: {used} of 16 units active, explained variance on the test set {share:.3f}")
        samples = generator.samples(n)
        made = features(on_real, samples)
        copies = float((NearestNeighbors(n_neighbors=1).fit(X).kneighbors(samples)[0] < 1e-3).mean())
        row = [two_sample_accuracy(real, made), mmd(real, made, gamma), coverage(made, real), coverage(real, made)]
        table.append([variant, sampler, accuracy, *row, copies])
        print("  ".join(f"{v:.3f}" if isinstance(v, float) else v for v in table[-1]), flush=True)
    columns = ["variant", "sampler", "accuracy of mixtures", "told from real", "discrepancy", "precision", "recall"]
    name = f"generation_{data_name.lower()}"
    write(name, [*columns, "exact copies"], table, device=args.device, rows_seen=len(X), units=used, share=share)
    found = {(row[0], row[1]): row for row in table}
    print(f"gap to real digits: {best - found['plain', 'mixture'][2]:.3f}")
    assert used >= 8, "the variational code collapsed"
    assert share > 0.6, "the variational code collapsed"
    assert all(row[-1] == 0 for row in table), "training digits were copied"
    assert found["plain", "mixture"][2] > found["PCA", "mixture"][2], "a classifier trained on samples of PCA is better"
    assert found["plain", "mixture"][4] < found["plain", "gaussian"][4], "the mixture is not better than a Gaussian"


if __name__ == "__main__":
    main()
