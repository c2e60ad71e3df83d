"""Compression of color pictures, patch by patch.

Question: are convolutions or dense layers better than PCA on unseen parts of a picture?

Data: 12 x 12 patches of two photographs of scikit-learn. The photographs are cut into horizontal bands. Every fourth
band is test data, so no test pixel is seen in training.

Baseline: PCA with the same number of components.

Result: with 4 components, both explain slightly more variance than PCA (0.938 against 0.935), and their colors are
more accurate. With 8 components, no network is significantly better, and ``fit`` falls back to PCA.
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from sklearn.datasets import load_sample_image
from sklearn.decomposition import PCA
from sklearn.feature_extraction.image import extract_patches_2d

from skae import AutoencoderTransformer

matplotlib.use("agg")
import matplotlib.pyplot as plt

PATCH, BAND, PHOTOGRAPHS = 12, 48, ("china.jpg", "flower.jpg")
N_PATCHES, EPOCHS = 400, 10  # training patches per band, and epochs: for a run of less than a minute


def bands(name):
    """Split a photograph into bands (8, 48, 636, 3)."""
    return load_sample_image(name)[: 8 * BAND, : 53 * PATCH].reshape(8, BAND, 53 * PATCH, 3)


def tiles(band):
    """Split a band into adjacent patches."""
    return band.reshape(BAND // PATCH, PATCH, -1, PATCH, 3).swapaxes(1, 2).reshape(-1, PATCH, PATCH, 3)


def join(patches):
    """Join patches to a band."""
    return patches.reshape(BAND // PATCH, -1, PATCH, PATCH, 3).swapaxes(1, 2).reshape(BAND, -1, 3)


def flat(X):
    return X.reshape(len(X), -1).astype(float)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    train_bands = [band for name in PHOTOGRAPHS for i, band in enumerate(bands(name)) if i % 4 != 2]
    train = np.concatenate(
        [extract_patches_2d(b, (PATCH, PATCH), max_patches=N_PATCHES, random_state=0) for b in train_bands]
    )
    test = np.concatenate([tiles(bands(name)[i]) for name in PHOTOGRAPHS for i in (2, 6)])
    print(f"{len(train)} training patches {train.shape[1:]}, {len(test)} test patches")
    print(" k                 explained variance    RMSE (pixel values from 0 to 255)")
    scores, reconstructed = {}, {}
    for k in (4, 8):
        for who, settings in {"convolutions": {"architecture": "conv"}, "default": {}}.items():
            autoencoder = AutoencoderTransformer(k, max_epochs=EPOCHS, random_state=0, **settings).fit(train)
            scores[k, who], reconstructed[k, who] = autoencoder.score(test), autoencoder.reconstruct(test)
        pca = PCA(k, random_state=0).fit(flat(train))
        by_pca = pca.inverse_transform(pca.transform(flat(test)))
        scores[k, "PCA"] = 1 - ((flat(test) - by_pca) ** 2).sum() / ((flat(test) - pca.mean_) ** 2).sum()
        reconstructed[k, "PCA"] = by_pca.reshape(test.shape)
        for who in ("convolutions", "default", "PCA"):
            error = np.sqrt(np.mean((reconstructed[k, who] - test.astype(float)) ** 2))
            print(f"{k:2}  {who:<14} {scores[k, who]:12.4f}    {error:12.2f}", flush=True)

    rows = {"original": test} | {f"{who}\n{scores[4, who]:.3f}": reconstructed[4, who] for k, who in scores if k == 4}
    figure, grid = plt.subplots(4, 2, figsize=(14, 3.4), layout="constrained")
    figure.suptitle(
        f"Test bands, reconstructed from 4 components per patch of {PATCH * PATCH * 3} values (explained variance)"
    )
    for axes, (title, patches) in zip(grid, rows.items(), strict=True):
        axes[0].set_ylabel(title, rotation=0, ha="right", va="center")
        for axis, number in zip(axes, (1, 2), strict=True):
            axis.imshow(np.clip(join(np.split(patches, 4)[number]), 0, 255).astype(np.uint8))
            axis.set(xticks=[], yticks=[])
    figure.savefig(out / "plot_pictures.png", dpi=110)
    assert all(scores[k, "default"] >= scores[k, "PCA"] - 0.002 for k in (4, 8))


if __name__ == "__main__":
    main()
