"""New digits from one fitted autoencoder: from densities of its codes, on the way between two digits, and from a prior.

On scikit-learn's digits, or with ``--data``, a file .npz with ``X_train`` (n, 28, 28), on its first 5,000 pictures. The
figure beside each row is the accuracy of telling its digits from real ones by the nearest neighbor: 0.5 is best.
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from skae import AutoencoderTransformer

matplotlib.use("agg")
import matplotlib.pyplot as plt

SHOWN, COMPARED = 16, 300


def told_apart(real, made):
    """Leave-one-out accuracy of the nearest neighbor between real and made pictures (Lopez-Paz and Oquab, 2017)."""
    both = np.concatenate([real[:COMPARED], made[:COMPARED]])
    labels = np.repeat([0, 1], COMPARED)
    return cross_val_score(KNeighborsClassifier(1), both.reshape(len(both), -1), labels, cv=LeaveOneOut()).mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    parser.add_argument("--data", type=Path, help=".npz with X_train (n, 28, 28): larger digits instead")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    X = np.load(arguments.data)["X_train"][:5000] if arguments.data else load_digits().images
    order = np.random.RandomState(0).permutation(len(X))
    train, real = X[order[: -2 * COMPARED]], X[order[-2 * COMPARED :]]
    plain = AutoencoderTransformer(10, random_state=0).fit(train)
    variational = AutoencoderTransformer(10, variant="variational", random_state=0).fit(train)
    quantized = AutoencoderTransformer(10, variant="vector_quantized", random_state=0).fit(train)
    made = {"plain, Gaussian": plain.sample(COMPARED, random_state=0, sampler="gaussian")}
    made["plain, mixture of ten"] = plain.sample(COMPARED, random_state=0)
    made["variational, its prior"] = variational.sample(COMPARED, random_state=0)
    made["variational, mixture"] = variational.sample(COMPARED, random_state=0, sampler="mixture")
    made["vector quantized"] = quantized.sample(COMPARED, random_state=0)
    told = {"real": told_apart(real[COMPARED:], real)} | {
        name: told_apart(real, digits) for name, digits in made.items()
    }
    print("accuracy of telling digits from real ones by the nearest neighbor (0.5 is best, 1 is worst)")
    for name, accuracy in told.items():
        print(f"{name:<24}{accuracy:6.3f}")
    ways = plain.interpolate(real[:2], real[2:4], steps=SHOWN)
    rows = {"real": real[:SHOWN], **made, "from one to another": ways[0], "and again": ways[1]}
    figure, grid = plt.subplots(len(rows), 1, figsize=(11, 0.85 * len(rows)), layout="constrained")
    for axis, (name, digits) in zip(grid, rows.items(), strict=True):
        axis.imshow(np.concatenate(list(digits[:SHOWN]), axis=1), cmap="gray_r", vmin=0, vmax=X.max())
        label = f"{name}\n{told[name]:.2f}" if name in told else name
        axis.set_ylabel(label, rotation=0, ha="right", va="center")
        axis.set(xticks=[], yticks=[])
    figure.suptitle("New digits; beside them, how often the nearest neighbor tells them from real ones")
    figure.savefig(arguments.out / "plot_generate_digits.png", dpi=110)
    assert told["plain, mixture of ten"] < told["plain, Gaussian"]


if __name__ == "__main__":
    main()
