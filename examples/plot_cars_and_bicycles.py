"""Trained on cars, asked for bicycles: compression fits the kind of data it was trained on.

A stand-in: no pictures of cars and bicycles ship with scikit-learn. The "cars" are its handwritten digits 0 to 4, the
"bicycles" its digits 5 to 9. An autoencoder and PCA are trained on either kind, and asked for held-out samples of both.
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer

matplotlib.use("agg")
import matplotlib.pyplot as plt

K = 8
KINDS = {"digits 0 to 4": range(5), "digits 5 to 9": range(5, 10)}


def error(goal, pictures):
    """Root of the mean squared error of a pixel."""
    return np.sqrt(np.mean((goal - pictures) ** 2))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    X, y = load_digits(return_X_y=True)
    train, test, train_y, test_y = train_test_split(X, y, test_size=0.25, random_state=0)
    tests = {kind: test[np.isin(test_y, list(members))] for kind, members in KINDS.items()}
    print(f"Stand-in for cars and bicycles: two kinds of handwritten digits, 64 pixels from 0 to 16 as {K} numbers.")
    print("Error of a pixel (root mean square) on held-out samples")
    print("trained on       asked for        autoencoder    PCA")
    restored, errors, shares = {}, {}, {}
    for kind, members in KINDS.items():
        own = train[np.isin(train_y, list(members))]
        autoencoder = AutoencoderTransformer(K, random_state=0).fit(own)
        pca = PCA(K, random_state=0).fit(own)
        for asked, samples in tests.items():
            by_pca = pca.inverse_transform(pca.transform(samples))
            restored[kind, asked] = autoencoder.reconstruct(samples)
            errors[kind, asked] = error(samples, restored[kind, asked]), error(samples, by_pca)
            print(
                f"{kind}    {asked}        {errors[kind, asked][0]:5.2f}     {errors[kind, asked][1]:5.2f}", flush=True
            )
            if asked == kind:
                by_chance = ((samples - pca.mean_) ** 2).sum()
                shares[kind] = autoencoder.score(samples), 1 - ((samples - by_pca) ** 2).sum() / by_chance
    for kind, (share, by_pca) in shares.items():
        print(f"explained share of {kind}, trained on them: autoencoder {share:.3f}, PCA {by_pca:.3f}")

    figure = plt.figure(figsize=(10, 4.6), layout="constrained")
    halves = figure.subfigures(1, 2, wspace=0.05)
    for half, (asked, samples) in zip(halves, tests.items(), strict=True):
        half.suptitle(f"asked for {asked}")
        rows = {"original": samples}
        rows |= {f"trained on\n{kind}\nerror {errors[kind, asked][0]:.2f}": restored[kind, asked] for kind in KINDS}
        for axes, (title, pictures) in zip(half.subplots(3, 6), rows.items(), strict=True):
            axes[0].set_ylabel(title, rotation=0, ha="right", va="center", linespacing=1.4)
            for axis, picture in zip(axes, pictures, strict=False):
                axis.imshow(picture.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
                axis.set(xticks=[], yticks=[])
    figure.savefig(out / "plot_cars_and_bicycles.png", dpi=110)
    for kind, (share, by_pca) in shares.items():
        assert share >= by_pca - 0.002
        assert all(errors[kind, kind][0] < errors[kind, other][0] for other in KINDS if other != kind)


if __name__ == "__main__":
    main()
