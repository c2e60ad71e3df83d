"""Which pictures are not the digit that was trained on, and where in the picture it shows, compared with PCA.

Trained on half of the handwritten threes that ship with scikit-learn; the other half and all other digits are to be
told apart. Red is ink that should not be there, blue is ink that is missing.
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score, roc_curve

from skae import AutoencoderNovelty

matplotlib.use("agg")
import matplotlib.pyplot as plt

USUAL, SHOWN = 3, 8


def data():
    """Pictures (n, 8, 8) to train on, pictures to test on, and their digits."""
    pictures, y = load_digits().images, load_digits().target
    usual = np.random.RandomState(0).permutation(np.flatnonzero(y == USUAL))
    train, test = usual[: len(usual) // 2], np.r_[usual[len(usual) // 2 :], np.flatnonzero(y != USUAL)]
    return pictures[train], pictures[test], y[test]


def errors_of_pca(train, test):
    train, test = (part.reshape(len(part), -1) for part in (train, test))
    pca = PCA(0.75, svd_solver="full").fit(train)
    return np.square(test - pca.inverse_transform(pca.transform(test))).sum(1)


def draw(grid, pictures, differences, digits, title):
    """Pictures above, and below them what is too much and what is missing."""
    for column, picture, difference, digit in zip(grid.T, pictures, differences, digits, strict=False):
        column[0].imshow(picture, cmap="gray_r", vmin=0, vmax=16)
        column[1].imshow(difference, cmap="RdBu_r", vmin=-16, vmax=16)
        column[0].set_title(digit, fontsize=9)
        plt.setp(column, xticks=[], yticks=[])
    for axis, label in zip(grid[:, 0], (title, "where it shows"), strict=True):
        axis.set_ylabel(label, rotation=0, ha="right", va="center")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    (out := parser.parse_args().out).mkdir(parents=True, exist_ok=True)
    train, test, digits = data()
    novelty = AutoencoderNovelty(random_state=0).fit(train)
    unusual = {"AutoencoderNovelty": -novelty.score_samples(test), "PCA": errors_of_pca(train, test)}
    areas = {who: roc_auc_score(digits != USUAL, scores) for who, scores in unusual.items()}
    called = [(novelty.predict(test[kind]) == -1).mean() for kind in (digits == USUAL, digits != USUAL)]
    print(f"{len(train)} threes to train on, {novelty.n_components_} components; area under the ROC curve:")
    print("  ".join(f"{who} {area:.4f}" for who, area in areas.items()))
    print(f"called unusual: {called[0]:.3f} of new threes, {called[1]:.3f} of other digits")

    figure = plt.figure(figsize=(12, 4.6), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(5, 2.6))
    order = np.argsort(-unusual["AutoencoderNovelty"])
    threes = order[digits[order] == USUAL]
    grid = left.subplots(4, SHOWN)
    for part, rows, title in ((grid[:2], order, "most unusual"), (grid[2:], threes, "most unusual\nof the threes")):
        draw(part, test[rows[:SHOWN]], novelty.explain(test[rows[:SHOWN]]), digits[rows], title)
    axis = right.subplots()
    for who, scores in unusual.items():
        axis.plot(*roc_curve(digits != USUAL, scores)[:2], label=f"{who} {areas[who]:.4f}")
    axis.set(xlabel="share of new threes called unusual", ylabel="share of other digits called unusual")
    axis.set(xlim=(-0.01, 0.3), ylim=(0.7, 1.01))
    axis.legend(title="area under the whole ROC curve", loc="lower right")
    figure.savefig(out / "plot_find_the_unusual.png", dpi=110)
    assert areas["AutoencoderNovelty"] > areas["PCA"] - 0.005


if __name__ == "__main__":
    main()
