"""How many components? One nested fit a fold gives the whole curve; GridSearchCV trains once for every size.

On scikit-learn's digits, by explained share: the curve beside GridSearchCV's and PCA's, and how long each took. Then by
how well a classifier does on the codes.
"""

import argparse
import time
from pathlib import Path

import matplotlib
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, train_test_split

from skae import AutoencoderTransformer, BottleneckSearchCV
from skae.inspection import BottleneckCurveDisplay
from skae.metrics import explained_variance_scorer

matplotlib.use("agg")
import matplotlib.pyplot as plt

SIZES = [1, 2, 4, 8, 12, 16, 24, 32]


def timed(search, X, y=None):
    began = time.perf_counter()
    search.fit(X, y)
    return search, time.perf_counter() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    digits = load_digits()
    X, X_test, y, y_test = train_test_split(digits.data, digits.target, test_size=0.3, random_state=0)
    autoencoder, sizes = AutoencoderTransformer(random_state=0), {"n_components": SIZES}
    common = {"cv": KFold(3, shuffle=True, random_state=0), "scoring": explained_variance_scorer}
    searches = {
        "one nested fit a fold": BottleneckSearchCV(autoencoder, SIZES, refit=False, **common),
        "GridSearchCV": GridSearchCV(autoencoder, sizes, refit=False, **common),
        "PCA": GridSearchCV(PCA(random_state=0), sizes, refit=False, **common),
    }
    found = {name: timed(search, X) for name, search in searches.items()}
    print(
        "explained share of held-out digits, mean of three folds\n"
        + " " * 24
        + "seconds "
        + ("{:>7}" * 8).format(*SIZES)
    )
    for name, (search, took) in found.items():
        means = "".join(f"{score:7.3f}" for score in search.cv_results_["mean_test_score"])
        print(f"{name:<24}{took:7.1f} {means}", flush=True)
    share = found["one nested fit a fold"][1] / found["GridSearchCV"][1]
    print(f"The curve took {share:.2f} of GridSearchCV's time.")

    classifier = LogisticRegression(max_iter=5000)
    by_accuracy, took = timed(BottleneckSearchCV(autoencoder, SIZES, classifier=classifier, cv=3), X, y)
    accuracy = by_accuracy.score(X_test, y_test)
    print(
        f"By accuracy: {by_accuracy.n_components_} components in {took:.1f} s; {accuracy:.3f} of unseen digits right."
    )

    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.6), layout="constrained")
    curves = {name: search for name, (search, _) in found.items()}
    BottleneckCurveDisplay.from_results(curves, score_name="explained variance", ax=left)
    left.set_title(f"by share: the curve in {share:.2f} of GridSearchCV's time")
    BottleneckCurveDisplay.from_results(by_accuracy, "classifier on codes", score_name="accuracy", ax=right)
    right.set_title(f"by accuracy: {by_accuracy.n_components_} components, {accuracy:.3f} on unseen digits")
    figure.savefig(out / "plot_choose_bottleneck.png", dpi=110)
    scores = {name: search.cv_results_["mean_test_score"] for name, search in curves.items()}
    assert (scores["one nested fit a fold"] >= scores["PCA"] - 0.002).all()


if __name__ == "__main__":
    main()
