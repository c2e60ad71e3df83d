"""How good is one nested fit per fold, compared with one fit per size?

For each data set, eight sizes and three folds: the time of the curve relative to three fits at the largest size and
to GridSearchCV over the same sizes; the validation error of every size relative to an autoencoder of that size and to
PCA. Then the chosen size, over seeds, and the accuracy of a classifier on the codes.
"""

import time

import numpy as np
import torch
from report import make_parser, show, write
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, train_test_split
from sklearn.pipeline import make_pipeline

from skae import AutoencoderTransformer, BottleneckSearchCV
from skae._search.folds import choose_size

SIZES = {"digits": (1, 2, 4, 6, 8, 12, 16, 24), "breast cancer": (1, 2, 3, 4, 5, 6, 8, 12)}
MNIST_SIZES = (1, 2, 4, 8, 12, 16, 24, 32)
# Parameters of the autoencoders.
SETTINGS = {"device": "cpu"}


def scaled(autoencoder, X):
    return autoencoder._result.layout.scaling.transform(torch.from_numpy(X.reshape(len(X), -1))).numpy()


def pca_error(autoencoder, train, test, k):
    """Unexplained variance of PCA on the test set at size k, on the same scaled rows."""
    train, test = scaled(autoencoder, train), scaled(autoencoder, test)
    pca = PCA(k, random_state=0).fit(train)
    return float(((test - pca.inverse_transform(pca.transform(test))) ** 2).sum() / (test**2).sum())


def curve(name, X, sizes):
    """Errors, one row per size, and the two time ratios."""
    cv = KFold(3, shuffle=True, random_state=0)
    estimator = AutoencoderTransformer(random_state=0, **SETTINGS)
    began = time.perf_counter()
    search = BottleneckSearchCV(estimator, sizes, cv=cv, refit=False).fit(X)
    ours = time.perf_counter() - began
    began = time.perf_counter()
    grid = GridSearchCV(estimator, {"n_components": list(sizes)}, cv=cv, refit=False).fit(X)
    theirs = time.perf_counter() - began
    single = 3 * float(grid.cv_results_["mean_fit_time"][-1])
    by_pca = np.zeros(len(sizes))
    for train, test in cv.split(X):
        fitted = AutoencoderTransformer(1, max_epochs=1, random_state=0, **SETTINGS).fit(X[train])
        by_pca += [pca_error(fitted, X[train], X[test], k) / 3 for k in sizes]
    nested, alone = (1 - s.cv_results_["mean_test_score"] for s in (search, grid))
    rows = [
        [name, k, float(o), float(a), float(p), float(o / a), float(o / p)]
        for k, o, a, p in zip(sizes, nested, alone, by_pca, strict=True)
    ]
    return rows, [name, ours, ours / single, ours / theirs]


def agreement(seeds):
    """Number of grid steps between the chosen size and that of GridSearchCV, on tables, for both rules."""
    rows = []
    for name, load, sizes in (
        ("wine", load_wine, (1, 2, 3, 4, 6, 8, 10, 13)),
        ("breast cancer", load_breast_cancer, SIZES["breast cancer"]),
    ):
        X = load().data
        steps: dict[str, list[int]] = {"one_standard_error": [], "best": []}
        for seed in range(seeds):
            cv = KFold(3, shuffle=True, random_state=seed)
            estimator = AutoencoderTransformer(random_state=seed, **SETTINGS)
            search = BottleneckSearchCV(estimator, sizes, cv=cv, refit=False).fit(X)
            grid = GridSearchCV(estimator, {"n_components": list(sizes)}, cv=cv, refit=False).fit(X)
            found = dict(grid.cv_results_)
            splits = np.array([found[f"split{i}_test_score"] for i in range(3)])
            found["standard_error_test_score"] = splits.std(0, ddof=1) / np.sqrt(3)
            for rule, apart in steps.items():
                apart.append(abs(choose_size(search.cv_results_, rule) - choose_size(found, rule)))
        rows += [[name, rule, float(np.mean(np.array(n) <= 1)), int(max(n))] for rule, n in steps.items()]
    return rows


def classification(seeds):
    """Test accuracy on digits of the chosen pipelines and those of GridSearchCV."""
    X, y = load_digits(return_X_y=True)
    found = []
    for seed in range(seeds):
        X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=seed)
        autoencoder, classifier = (
            AutoencoderTransformer(random_state=seed, **SETTINGS),
            LogisticRegression(max_iter=5000),
        )
        sizes = (4, 8, 16, 24)
        search = BottleneckSearchCV(autoencoder, sizes, classifier=classifier, cv=3, rule="best").fit(X_train, y_train)
        pipeline = make_pipeline(autoencoder, classifier)
        grid = GridSearchCV(pipeline, {"autoencodertransformer__n_components": list(sizes)}, cv=3)
        grid.fit(X_train, y_train)
        found.append([search.score(X_test, y_test), grid.score(X_test, y_test)])
    return np.array(found)


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--data", help="npz with X_train (n, 28, 28)")
    parser.add_argument("--rows", type=int, default=4000, help="number of MNIST digits")
    parser.add_argument("--seeds", type=int, default=10)
    args = parser.parse_args()
    SETTINGS["device"] = args.device
    torch.set_num_threads(1)
    sets = {
        "digits": (load_digits().data, SIZES["digits"]),
        "breast cancer": (load_breast_cancer().data, SIZES["breast cancer"]),
    }
    if args.data:
        with np.load(args.data) as data:
            sets["MNIST"] = data["X_train"][: args.rows].reshape(args.rows, -1), MNIST_SIZES
    errors, times = [], []
    for name, (X, sizes) in sets.items():
        rows, row = curve(name, X, sizes)
        errors += rows
        times.append(row)
        print(row, flush=True)
    show(["data", "seconds of the curve", "against three fits", "against GridSearchCV"], times)
    steps = agreement(args.seeds)
    show(["data", "rule", "within a step", "most steps apart"], steps)
    accuracies = classification(3)
    ours, theirs = accuracies.mean(0)
    allowed = float(accuracies.std(0, ddof=1).max() / np.sqrt(len(accuracies)))
    print(f"digits, accuracy of the chosen pipeline: {ours:.4f}; of GridSearchCV {theirs:.4f} +- {allowed:.4f}")
    columns = ["data", "size", "nested", "alone", "PCA", "nested / alone", "nested / PCA"]
    figures = {"times": times, "choices": steps, "accuracy": [float(ours), float(theirs)]}
    write("bottleneck_search", columns, errors, device=args.device, **figures)
    ratios = np.array([row[5] for row in errors])
    print(
        f"{np.mean(ratios <= 1.15):.2f} of sizes within 15 % of an autoencoder per size; mean ratio {ratios.mean():.3f}"
    )
    assert max(row[2] for row in times) <= 2.0, "the curve costs more than twice three fits"
    assert max(row[3] for row in times) <= 0.25, "the curve costs more than a quarter of GridSearchCV"
    assert max(row[6] for row in errors) <= 1.002, "nested codes are worse than PCA"
    assert ratios.mean() <= 1.2, "nested codes are much worse than an autoencoder per size"
    assert min(row[2] for row in steps) >= 0.9, "the chosen sizes differ by more than a step"
    assert ours >= theirs - max(allowed, 0.005), "the chosen pipeline has a lower accuracy"


if __name__ == "__main__":
    main()
