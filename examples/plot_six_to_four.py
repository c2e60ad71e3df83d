"""The smallest example: six features, four latent units.

The table is synthetic and says so: an arm in space with two links of length 1 and 0.8, its four angles (turn and lift
of either link) drawn at random. The six features are where its elbow and its hand are. Four numbers are enough, but the
way back from them is not linear.
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
    """Elbows and hands (n, 6) of arms at random angles."""
    turn, lift, bend, raised = np.random.RandomState(0).uniform(-1.2, 1.2, (4, n))
    elbow = pointing(turn, lift)
    return np.hstack([elbow, elbow + 0.8 * pointing(turn + bend, lift + raised)])


def pointing(turn, lift):
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

    print("\nLearned weights, as net_.module_ holds them (for scaled features)")
    module = autoencoder.net_.module_
    for name, weights in module.named_parameters():
        print(f"{name:<22} {tuple(weights.shape)!s:<12} root mean square {weights.square().mean().sqrt():.3f}")
    encoder = module.linear.encoder.weight.detach().cpu().numpy()
    print("Those of the linear path's encoder, one latent unit a row:")
    print(("{:>10}" * 7).format("", *FEATURES))
    for unit, row in enumerate(encoder):
        print(f"unit {unit}    " + "".join(f"{weight:10.3f}" for weight in row))

    restored = {"autoencoder": autoencoder.reconstruct(test), "PCA": pca.inverse_transform(pca.transform(test))}
    pca_share = 1 - ((test - restored["PCA"]) ** 2).sum() / ((test - pca.mean_) ** 2).sum()
    shares = {"autoencoder": autoencoder.score(test), "PCA": pca_share}
    print(f"\n{len(test)} held-out arms    explained share    error of a feature (root mean square)")
    for who, share in shares.items():
        print(f"{who:<20} {share:15.4f}    {np.sqrt(np.mean((restored[who] - test) ** 2)):10.3f}")

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4), layout="constrained", width_ratios=(1.2, 1, 1))
    drawn = left.imshow(encoder, cmap="RdBu_r", norm=matplotlib.colors.CenteredNorm())
    left.set_title("learned weights: linear path, encoder")
    left.set_yticks(range(4), [f"unit {unit}" for unit in range(4)])
    left.set_xticks(range(6), FEATURES, rotation=35, ha="right")
    figure.colorbar(drawn, ax=left, shrink=0.7)
    for axis, who in zip((middle, right), ("autoencoder", "PCA"), strict=True):
        for feature, name in enumerate(FEATURES):
            axis.scatter(test[:, feature], restored[who][:, feature], s=5, alpha=0.6, label=name)
        axis.axline((0, 0), slope=1, color="black", linewidth=0.8)
        axis.set(title=f"{who}: share {shares[who]:.3f}", xlabel="feature", ylabel="brought back from 4 numbers")
        axis.set(xlim=(-2, 2), ylim=(-2, 2), aspect="equal")
    middle.legend(fontsize=8, markerscale=2, frameon=False)
    figure.savefig(out / "plot_six_to_four.png", dpi=110)
    assert shares["autoencoder"] >= shares["PCA"] - 0.002


if __name__ == "__main__":
    main()
