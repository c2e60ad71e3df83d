"""The smallest example: six features, four components.

Question: can four components represent six features that depend on four variables nonlinearly?

Data: synthetic. A robot arm in space with two links of length 1 and 0.8 has four random joint angles; the features
are the coordinates of its elbow and its hand.

Baseline: PCA with four components.

Result: explained variance 0.9998, RMSE 0.010; PCA 0.981 and 0.090. The learned weights are printed and drawn.
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer

matplotlib.use("agg")
import matplotlib.pyplot as plt

FEATURES = ["elbow x", "elbow y", "elbow z", "hand x", "hand y", "hand z"]


def arms(n=2000):
    """Coordinates (n, 6) of elbow and hand for random joint angles."""
    turn, lift, turn_2, lift_2 = np.random.RandomState(0).uniform(-1.2, 1.2, (4, n))
    elbow = unit_vector(turn, lift)
    return np.hstack([elbow, elbow + 0.8 * unit_vector(turn + turn_2, lift + lift_2)])


def unit_vector(turn, lift):
    return np.stack([np.cos(lift) * np.cos(turn), np.cos(lift) * np.sin(turn), np.sin(lift)], axis=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    train, test = train_test_split(arms(), test_size=0.25, random_state=0)
    autoencoder = AutoencoderTransformer(4, random_state=0).fit(train)
    pca = PCA(4, random_state=0).fit(train)
    autoencoder.summary()

    print("\nLearned weights of net_.module_ (for scaled features)")
    module = autoencoder.net_.module_
    for name, weights in module.named_parameters():
        print(f"{name:<22} {tuple(weights.shape)!s:<12} root mean square {weights.square().mean().sqrt():.3f}")
    encoder = module.linear.encoder.weight.detach().cpu().numpy()
    print("Encoder weights of the linear path, one latent unit per row:")
    print(("{:>10}" * 7).format("", *FEATURES))
    for unit, row in enumerate(encoder):
        print(f"unit {unit}    " + "".join(f"{weight:10.3f}" for weight in row))

    reconstructed = {"autoencoder": autoencoder.reconstruct(test), "PCA": pca.inverse_transform(pca.transform(test))}
    pca_score = 1 - ((test - reconstructed["PCA"]) ** 2).sum() / ((test - pca.mean_) ** 2).sum()
    scores = {"autoencoder": autoencoder.score(test), "PCA": pca_score}
    print(f"\n{len(test)} test arms        explained variance    RMSE")
    for who, score in scores.items():
        print(f"{who:<20} {score:18.4f}    {np.sqrt(np.mean((reconstructed[who] - test) ** 2)):10.3f}")

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4), layout="constrained", width_ratios=(1.2, 1, 1))
    drawn = left.imshow(encoder, cmap="RdBu_r", norm=matplotlib.colors.CenteredNorm())
    left.set_title("encoder weights of the linear path")
    left.set_yticks(range(4), [f"unit {unit}" for unit in range(4)])
    left.set_xticks(range(6), FEATURES, rotation=35, ha="right")
    figure.colorbar(drawn, ax=left, shrink=0.7)
    for axis, who in zip((middle, right), ("autoencoder", "PCA"), strict=True):
        for feature, name in enumerate(FEATURES):
            axis.scatter(test[:, feature], reconstructed[who][:, feature], s=5, alpha=0.6, label=name)
        axis.axline((0, 0), slope=1, color="black", linewidth=0.8)
        axis.set(
            title=f"{who}: explained variance {scores[who]:.3f}",
            xlabel="input",
            ylabel="reconstruction from 4 components",
        )
        axis.set(xlim=(-2, 2), ylim=(-2, 2), aspect="equal")
    middle.legend(fontsize=8, markerscale=2, frameon=False)
    figure.savefig(out / "plot_six_to_four.png", dpi=110)
    assert scores["autoencoder"] >= scores["PCA"] - 0.002


if __name__ == "__main__":
    main()
