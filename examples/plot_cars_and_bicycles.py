"""Reconstruction of data that the autoencoder was not trained on.

Question: does an autoencoder that was trained on pictures of cars reconstruct pictures of bicycles?

Data: no such pictures ship with scikit-learn, so the two classes are its handwritten digits 0 to 4 and 5 to 9.

Baseline: PCA with the same number of components, 8.

Result: on test digits of the training class, the RMSE of the autoencoder is lower than that of PCA (1.5 against 2.3,
and 1.8 against 2.3). On the other class it is about twice as high, and slightly higher than that of PCA.
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer
from skae.metrics import explained_variance, reconstruction_error

matplotlib.use("agg")
import matplotlib.pyplot as plt

K = 8
CLASSES = {"digits 0 to 4": range(5), "digits 5 to 9": range(5, 10)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    X, y = load_digits(return_X_y=True)
    train, test, train_y, test_y = train_test_split(X, y, test_size=0.25, random_state=0)
    tests = {name: test[np.isin(test_y, list(members))] for name, members in CLASSES.items()}
    print(f"Two classes of handwritten digits instead of cars and bicycles, {K} components per picture of 64 pixels.")
    print("RMSE (pixel values from 0 to 16) on test samples")
    print("trained on       tested on        autoencoder    PCA")
    reconstructed, errors, scores = {}, {}, {}
    for trained, members in CLASSES.items():
        X_train = train[np.isin(train_y, list(members))]
        autoencoder = AutoencoderTransformer(K, random_state=0).fit(X_train)
        pca = PCA(K, random_state=0).fit(X_train)
        for tested, samples in tests.items():
            both = autoencoder.reconstruct(samples), pca.inverse_transform(pca.transform(samples))
            reconstructed[trained, tested] = both[0]
            errors[trained, tested] = [
                np.sqrt(reconstruction_error(samples, X_reconstructed)) for X_reconstructed in both
            ]
            print(
                f"{trained}    {tested}        {errors[trained, tested][0]:5.2f}     {errors[trained, tested][1]:5.2f}",
                flush=True,
            )
            if tested == trained:
                scores[trained] = [
                    explained_variance(samples, X_reconstructed, mean=pca.mean_) for X_reconstructed in both
                ]
    for name, (score, pca_score) in scores.items():
        print(f"explained variance of {name}, trained on them: autoencoder {score:.3f}, PCA {pca_score:.3f}")

    figure = plt.figure(figsize=(10, 3.4), layout="constrained")
    for part, (tested, samples) in zip(figure.subfigures(1, 2, wspace=0.05), tests.items(), strict=True):
        part.suptitle(f"tested on {tested}")
        rows = {"original": samples}
        for trained in CLASSES:
            rows[f"trained on\n{trained}\nRMSE {errors[trained, tested][0]:.2f}"] = reconstructed[trained, tested]
        for axes, (title, pictures) in zip(part.subplots(3, 6), rows.items(), strict=True):
            axes[0].set_ylabel(title, rotation=0, ha="right", va="center", linespacing=1.4)
            for axis, picture in zip(axes, pictures, strict=False):
                axis.imshow(picture.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
                axis.set(xticks=[], yticks=[])
    figure.savefig(out / "plot_cars_and_bicycles.png", dpi=110)
    for name, (score, pca_score) in scores.items():
        assert score >= pca_score - 0.002
        assert all(errors[name, name][0] < errors[other, name][0] for other in CLASSES if other != name)


if __name__ == "__main__":
    main()
