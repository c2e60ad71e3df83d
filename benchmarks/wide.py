"""Are networks of wide rows as good on coordinates along principal axes as on all features, and how long do they take?

Explained variance of test rows, and accuracy of logistic regression on codes where rows have classes, of PCA, of the
default and of ``Dense(projection=None)`` (left out with ``--fast``), on seven sets of at least 1,024 features. Then
seconds of ``fit`` of 50 components on 913 documents of hashed words, against TruncatedSVD: at most 20 times as long,
plus two seconds. Seconds are those of the processor, in all threads.
"""

import ast
import time
import warnings
from pathlib import Path

import numpy as np
from report import make_parser, show, write
from scipy.sparse import csr_array, issparse
from sklearn.datasets import load_digits, load_sample_image
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.image import extract_patches_2d
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score, train_test_split

from skae import AutoencoderTransformer, Dense

N_DOCUMENTS, N_COMPONENTS = 913, 50
# Columns of hashed words in the comparison with TruncatedSVD.
COLUMNS = (2_000, 10_000, 50_000)
TIMES, SECONDS = 20, 2
# Largest loss of explained variance against PCA, and against the network on all features.
WORSE_THAN_PCA, WORSE_THAN_FEATURES = 0.005, 0.02


def documents(n):
    """Docstrings of the standard library with at least 30 words."""
    found = {}
    for path in sorted(Path(ast.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
                text = ast.get_docstring(node) or ""
                found |= {text: None} if len(text.split()) >= 30 else {}
    texts = list(found)
    return [texts[i] for i in np.linspace(0, len(texts) - 1, n).astype(int)]


def hashed(n, n_columns):
    return csr_array(HashingVectorizer(n_features=n_columns, alternate_sign=False).transform(documents(n)))


def categories(n, n_columns=60, n_levels=20):
    """One-hot columns of categories that depend on two numbers."""
    random = np.random.RandomState(0)
    numbers, directions = random.standard_normal((n, 2)), random.standard_normal((2, n_columns))
    values = numbers @ (directions / np.linalg.norm(directions, axis=0)) + 0.1 * random.standard_normal((n, n_columns))
    levels = ((values + 2.5) / 5 * n_levels).astype(int).clip(0, n_levels - 1)
    return csr_array(np.eye(n_levels, dtype=np.float32)[levels].reshape(n, -1))


def genes(n, n_columns=1500):
    """Rows of low rank, whose columns differ in scale, and noise."""
    random = np.random.RandomState(0)
    signal = random.standard_normal((n, 8)) @ random.standard_normal((8, n_columns))
    return signal * np.exp(0.5 * random.standard_normal(n_columns)) + 2 * random.standard_normal((n, n_columns))


def surface(n, n_columns=1200):
    """Rows near a curved surface of two dimensions, and noise."""
    random = np.random.RandomState(0)
    position = random.uniform(-2, 2, (n, 2))
    bent = np.sin(position @ (1.5 * random.standard_normal((2, 40))) + random.uniform(0, 6, 40))
    return bent @ random.standard_normal((40, n_columns)) + 0.5 * random.standard_normal((n, n_columns))


def patches(n, size=20):
    photographs = [load_sample_image(name) for name in ("china.jpg", "flower.jpg")]
    found = [extract_patches_2d(p, (size, size), max_patches=n // 2, random_state=0) for p in photographs]
    return np.concatenate(found).reshape(n, -1)


def sets():
    """X, classes or None, number of components, by name."""
    digits, classes = (part[:1000] for part in load_digits(return_X_y=True))
    noise = np.random.RandomState(0).standard_normal((len(digits), 1000))
    large = np.kron(digits.reshape(-1, 8, 8), np.ones((1, 4, 4)))
    return {
        "documents": (hashed(600, 1200), None, 20),
        "categories": (categories(600), None, 5),
        "genes": (genes(600), None, 8),
        "curved surface": (surface(600), None, 2),
        "digits, noise columns": (np.hstack([digits, noise]), classes, 8),
        "digits, 32 x 32": (large.reshape(len(digits), -1), classes, 8),
        "patches, 20 x 20 x 3": (patches(600), None, 8),
    }


def cpu_seconds(call):
    began = time.process_time()
    result = call()
    return time.process_time() - began, result


def accuracy(codes, classes):
    if classes is None:
        return None
    reader = LogisticRegression(max_iter=5000)
    return float(cross_val_score(reader, (codes - codes.mean(0)) / codes.std(0), classes, cv=5).mean())


def compare(X, classes, n_components, device, projections):
    """Explained variance and accuracy of PCA, of a network on coordinates, and on features; seconds of both."""
    index, test_index = train_test_split(np.arange(X.shape[0]), train_size=200, random_state=0)
    train, test, labels = X[index], X[test_index], None if classes is None else classes[test_index]
    shares, accuracies, seconds = [], [], []
    for projection in projections:
        autoencoder = AutoencoderTransformer(
            n_components, architecture=Dense(projection=projection), scaling="global", device=device, random_state=0
        )
        taken, _ = cpu_seconds(lambda: autoencoder.fit(train))  # noqa: B023 - called at once
        seconds.append(taken)
        shares.append(autoencoder.score(test))
        accuracies.append(accuracy(autoencoder.transform(test), labels))
    missing = [None] * (2 - len(projections))
    shares, accuracies, seconds = shares + missing, accuracies + missing, seconds + missing
    dense, dense_test = (rows.toarray() if issparse(rows) else rows for rows in (train, test))
    pca = PCA(n_components, svd_solver="full").fit(dense)
    codes = pca.transform(dense_test)
    error = np.square(dense_test - pca.inverse_transform(codes)).sum()
    share = float(1 - error / np.square(dense_test - dense.mean(0)).sum())
    return [share, *shares, accuracy(codes, labels), *accuracies, *seconds]


def against_truncated_svd(device="cpu"):
    """Rows of columns, seconds of TruncatedSVD and of fit, and the seconds allowed."""
    rows = []
    for n_columns in COLUMNS:
        X = hashed(N_DOCUMENTS, n_columns)
        svd = min(cpu_seconds(lambda: TruncatedSVD(N_COMPONENTS, random_state=0).fit(X))[0] for _ in range(3))  # noqa: B023
        autoencoder = AutoencoderTransformer(N_COMPONENTS, device=device, random_state=0)
        taken = min(cpu_seconds(lambda: autoencoder.fit(X))[0] for _ in range(2))  # noqa: B023
        rows.append([n_columns, svd, taken, TIMES * svd + SECONDS])
        print(*rows[-1], flush=True)
    return rows


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--fast", action="store_true", help="leave out networks on all features")
    options = parser.parse_args()
    device, projections = options.device, ("auto",) if options.fast else ("auto", None)
    warnings.simplefilter("ignore")  # where PCA is kept
    AutoencoderTransformer(2, max_epochs=1).fit(np.random.RandomState(0).standard_normal((50, 5)))  # imports of torch
    times = against_truncated_svd(device)
    table = []
    for name, (X, classes, n_components) in sets().items():
        table.append([name, str(X.shape[1]), n_components, *compare(X, classes, n_components, device, projections)])
        print(*table[-1], flush=True)
    time_columns = ["columns", "TruncatedSVD s", "fit s", "allowed s"]
    show(time_columns, times)
    columns = ["set", "features", "k", "PCA", "coordinates", "all features"]
    columns += [f"accuracy, {name}" for name in columns[3:]] + ["coordinates s", "all features s"]
    figures = [dict(zip(time_columns, row, strict=True)) for row in times]
    write("wide", columns, table, device=device, against_truncated_svd=figures)
    for n_columns, _, taken, allowed in times:
        assert taken <= allowed, f"fit on {n_columns} columns took {taken:.2f} s, allowed {allowed:.2f}"
    for name, _, _, pca, coordinates, features, *_ in table:
        assert coordinates >= pca - WORSE_THAN_PCA, f"{name}: {coordinates:.4f}, PCA {pca:.4f}"
        assert features is None or coordinates >= features - WORSE_THAN_FEATURES, (
            f"{name}: {coordinates:.4f}, all features {features:.4f}"
        )


if __name__ == "__main__":
    main()
