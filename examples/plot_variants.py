"""Variants of autoencoders side by side.

Question: how do variants differ in reconstructions, generated samples and codes?

Data: scikit-learn's handwritten digits, 8 components.

Baseline: the plain autoencoder, in the first row. The table shows the explained variance on test digits, the number
of active units, and the accuracy of nearest neighbors on the codes.

Result: regularized codes explain less variance than plain ones, most of all with a strong KL penalty (beta 3). The
accuracy differs little.
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from skae import AutoencoderTransformer
from skae.variants import Denoising, Nested, Variational

matplotlib.use("agg")
import matplotlib.pyplot as plt

VARIANTS = {
    "plain": "plain",
    "denoising": "denoising",
    "nested": "nested",
    "variational": "variational",
    "variational, beta 3": Variational(beta=3),
    "Wasserstein": "wasserstein",
    "VampPrior": "vamp_prior",
    "adversarial": "adversarial",
    "hyperspherical": "hyperspherical",
    "vector quantized": "vector_quantized",
    "denoising, nested": Denoising(variant=Nested()),
}
SHOWN, EPOCHS = 8, 20


def join_row(pictures):
    """Join pictures (n, 8, 8) in one row."""
    return np.concatenate(list(pictures), axis=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    digits = load_digits()
    train, test, y_train, y_test = train_test_split(digits.images, digits.target, test_size=0.3, random_state=0)
    figure, grid = plt.subplots(
        len(VARIANTS), 3, figsize=(11, 1.25 * len(VARIANTS)), layout="constrained", width_ratios=(SHOWN, SHOWN, 2)
    )
    print(f"{'variant':<22}explained variance   active units   accuracy of nearest neighbors")
    scores = {}
    for (name, variant), axes in zip(VARIANTS.items(), grid, strict=True):
        autoencoder = AutoencoderTransformer(8, variant=variant, max_epochs=EPOCHS, random_state=0).fit(train)
        Z, Z_test = autoencoder.transform(train), autoencoder.transform(test)
        scores[name] = autoencoder.score(test)
        active = int((Z_test.var(0) > 0.01 * Z_test.var(0).max()).sum())
        accuracy = KNeighborsClassifier().fit(Z, y_train).score(Z_test, y_test)
        print(f"{name:<22}{scores[name]:18.3f}{active:15}{accuracy:29.3f}", flush=True)
        for axis, pictures in zip(
            axes, (autoencoder.reconstruct(test[:SHOWN]), autoencoder.sample(SHOWN, random_state=0)), strict=False
        ):
            axis.imshow(join_row(pictures), cmap="gray_r", vmin=0, vmax=16)
        codes = PCA(2).fit_transform(Z_test)
        axes[2].scatter(*codes.T, c=y_test, cmap="tab10", s=3)
        axes[0].set_ylabel(f"{name}\n{scores[name]:.2f}", rotation=0, ha="right", va="center")
    for axis in grid.flat:
        axis.set(xticks=[], yticks=[])
    for axis, title in zip(
        grid[0], ("reconstructions (explained variance on the left)", "generated samples", "codes (PCA)"), strict=True
    ):
        axis.set_title(title, fontsize=10)
    figure.savefig(out / "plot_variants.png", dpi=100)
    assert min(scores.values()) > 0.3


if __name__ == "__main__":
    main()
