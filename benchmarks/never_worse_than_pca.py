"""Is the autoencoder ever worse than PCA on test data, at the same bottleneck size and with default parameters?

One row per data set and size: the explained variance on a test quarter, minus that of PCA fitted on the same scaled
data; the minimum and the mean over seeds. All data sets bundled with scikit-learn, complete and reduced to 30 rows,
patches of its photographs, synthetic thumbnails, and MNIST with --data. Dependent rows are tested on new series and
subjects: overlapping windows and repeated measurements, with groups and with detected near duplicates.
"""

import warnings

import numpy as np
import torch
from report import make_parser, write
from sklearn import datasets
from sklearn.decomposition import PCA
from sklearn.feature_extraction.image import extract_patches_2d
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer
from skae.exceptions import PCAKeptWarning

TOLERANCE = 0.002
TABLES = {
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast cancer": datasets.load_breast_cancer,
    "diabetes": datasets.load_diabetes,
    "linnerud": datasets.load_linnerud,
    "digits": datasets.load_digits,
}


# Parameters of thumbnails: colors of background and shape, center and half size of the shape.
SHAPES = (((150, 256), 3), ((0, 130), 3), ((6, 15), 2), ((3, 7), 2))


def bundled():
    """Name and rows of every data set bundled with scikit-learn."""
    for name, load in TABLES.items():
        X = load(return_X_y=True)[0]
        yield name, X
        if len(X) > 40:
            yield f"{name}, 30 rows", np.random.RandomState(0).permutation(X)[:40]
    for name in ("china", "flower"):
        photograph = datasets.load_sample_image(f"{name}.jpg")
        yield f"patches of {name}", extract_patches_2d(photograph, (8, 8), max_patches=2000, random_state=0)
    yield "thumbnails", thumbnails()


def thumbnails(n=400, seed=0):
    """Small RGB pictures (n, 20, 24, 3) of a box or an ellipse on a plain background."""
    random = np.random.RandomState(seed)
    y, x = np.mgrid[:20, :24]
    pictures = np.empty((n, 20, 24, 3), dtype=np.uint8)
    for number, picture in enumerate(pictures):
        back, front, center, half = (random.randint(*ends, size=s) for ends, s in SHAPES)
        across, down = np.abs(x - center[0]) / half[0], np.abs(y - center[1]) / half[1]
        inside = np.maximum(across, down) <= 1 if number % 2 else across**2 + down**2 <= 1
        picture[:] = np.where(inside[..., None], front, back)
    return pictures


def windows(seed):
    """Overlapping windows of a noisy series, windows of its later part, and the groups of the former."""
    random = np.random.RandomState(seed)
    series = np.convolve(random.standard_normal(1400), np.exp(-np.arange(60) / 12), "valid")[:1200]
    series = series / series.std() + 0.3 * random.standard_normal(1200)
    rows = np.lib.stride_tricks.sliding_window_view(series, 48).copy()
    return rows[:500], rows[600:], np.arange(500) // 50


def subjects(seed, noise=0.1):
    """25 measurements of each of eight subjects, those of forty other subjects, and the groups of the former."""
    random = np.random.RandomState(seed)
    basis = random.standard_normal((12, 20))

    def measure(n):
        means = np.tanh(random.standard_normal((n, 12)) @ basis / 2)
        return np.repeat(means, 25, axis=0) + noise * random.standard_normal((n * 25, 20))

    return measure(8), measure(40), np.repeat(np.arange(8), 25)


DEPENDENT = {"overlapping windows": windows, "repeated measurements": subjects}


def sizes(n_features):
    """Sizes from 1 to n_features, each about twice the one before."""
    return sorted({1, 2, n_features, *(2**i for i in range(2, 12) if 2**i < n_features)})


def difference(X, n_components, seed, **settings):
    """Explained variance of PCA on the test set, and the difference of the autoencoder from it."""
    return compare(*train_test_split(X, test_size=0.25, random_state=seed), None, n_components, seed, **settings)


def compare(train, test, groups, n_components, seed, **settings):
    """Explained variance of ``test`` by PCA of ``train``, and the difference of the autoencoder from it."""
    autoencoder = AutoencoderTransformer(n_components, random_state=seed, **settings).fit(train, groups=groups)
    scaling = autoencoder._result.layout.scaling
    flat_train, flat_test = (
        scaling.transform(torch.from_numpy(part.reshape(len(part), -1))).numpy() for part in (train, test)
    )
    pca = PCA(min(n_components, *flat_train.shape), random_state=0).fit(flat_train)
    restored = pca.inverse_transform(pca.transform(flat_test))
    share = 1 - ((flat_test - restored) ** 2).sum() / (flat_test**2).sum()
    return share, autoencoder.score(test) - share


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--data", help="npz with X_train (n, 28, 28), of which 3,000 digits are used")
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    sets = list(bundled())
    if args.data:
        with np.load(args.data) as data:
            sets.append(("MNIST, 3000 rows", data["X_train"][:3000]))
    # Two threads are slower than one on small data.
    torch.set_num_threads(1)
    table = []

    def add(name, n_rows, k, found):
        shares, gains = zip(*found, strict=True)
        table.append([name, n_rows, k, *map(float, (np.mean(shares), np.mean(gains), min(gains)))])
        print("  ".join(f"{v:.4f}" if isinstance(v, float) else str(v) for v in table[-1]), flush=True)

    for name, X in sets:
        # Convolutions are slow.
        seeds = args.seeds if len(X) < 2500 and name != "thumbnails" else 1
        for k in sizes(int(np.prod(X.shape[1:]))) if name != "thumbnails" else (2, 8, 32):
            add(name, len(X), k, (difference(X, k, seed, device=args.device) for seed in range(seeds)))
    for name, drawn in DEPENDENT.items():
        for given in (True, False):
            for k in (1, 2, 4, 8):
                cases = ((drawn(seed), seed) for seed in range(args.seeds))
                found = [
                    compare(train, new, groups if given else None, k, seed, device=args.device)
                    for (train, new, groups), seed in cases
                ]
                add(f"{name}, groups {'given' if given else 'found'}", len(drawn(0)[0]), k, found)
    write(
        "never_worse_than_pca",
        ["data", "rows", "k", "PCA", "mean difference", "worst difference"],
        table,
        device=args.device,
        tolerance=TOLERANCE,
        seeds=args.seeds,
    )
    worse = [row for row in table if row[-1] < -TOLERANCE]
    assert not worse, f"worse than PCA by more than {TOLERANCE}: {worse}"


if __name__ == "__main__":
    warnings.simplefilter("error")
    warnings.simplefilter("ignore", PCAKeptWarning)
    warnings.filterwarnings("ignore", "The .* rows of X do not seem independent")
    main()
