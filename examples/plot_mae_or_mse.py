"""Absolute or squared error as the training loss, where some pixels are wrong.

Handwritten digits in which one pixel in twenty is replaced by black or white. Two autoencoders learn from these, one
with ``loss="mse"`` and one with ``loss="mae"``. Held-out digits are compressed and brought back, and compared with what
went in and with the clean digits, which nothing saw in training.
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
SHARE_WRONG = 0.05


def digits():
    """Digits (1797, 8, 8) with wrong pixels, and the same without."""
    clean = load_digits().images
    random = np.random.RandomState(0)
    wrong = random.uniform(size=clean.shape) < SHARE_WRONG
    return np.where(wrong, random.choice([0.0, 16.0], size=clean.shape), clean), clean


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    train, test, _, clean = train_test_split(*digits(), test_size=0.25, random_state=0)
    flat_train, flat_test = train.reshape(len(train), -1), test.reshape(len(test), -1)
    pca = PCA(K, random_state=0).fit(flat_train)
    restored, shares = {}, {}
    for loss in ("mse", "mae"):
        autoencoder = AutoencoderTransformer(K, loss=loss, random_state=0).fit(train)
        restored[f"loss={loss!r}"] = autoencoder.reconstruct(test)
        shares[f"loss={loss!r}"] = autoencoder.score(test)
    restored["PCA"] = pca.inverse_transform(pca.transform(flat_test)).reshape(test.shape)
    shares["PCA"] = 1 - ((test - restored["PCA"]) ** 2).sum() / ((flat_test - pca.mean_) ** 2).sum()

    print(f"{len(test)} held-out digits, 64 pixels from 0 to 16, {SHARE_WRONG:.0%} of them wrong, as {K} numbers")
    print("               against what went in          against clean digits")
    print("                MAE     MSE    share            MAE     MSE")
    errors = {}
    for who, pictures in restored.items():
        errors[who] = [np.mean(np.abs(pictures - goal) ** power) for goal in (test, clean) for power in (1, 2)]
        figures = [f"{error:7.2f}" for error in errors[who]]
        print(f"{who:<12} {figures[0]} {figures[1]}   {shares[who]:6.3f}        {figures[2]} {figures[3]}", flush=True)

    rows = {"clean, never seen": clean, "what went in": test, **restored}
    figure, grid = plt.subplots(5, 12, figsize=(11, 5), layout="constrained")
    for axes, (title, pictures) in zip(grid, rows.items(), strict=True):
        label = title if title not in errors else f"{title}\nMAE to clean {errors[title][2]:.2f}"
        axes[0].set_ylabel(label, rotation=0, ha="right", va="center")
        for axis, picture in zip(axes, pictures, strict=False):
            axis.imshow(picture, cmap="gray_r", vmin=0, vmax=16)
            axis.set(xticks=[], yticks=[])
    figure.suptitle(f"Digits with wrong pixels as {K} numbers: absolute error as the loss leaves the wrong pixels out")
    figure.savefig(out / "plot_mae_or_mse.png", dpi=110)
    assert shares["loss='mse'"] >= shares["PCA"] - 0.002


if __name__ == "__main__":
    main()
