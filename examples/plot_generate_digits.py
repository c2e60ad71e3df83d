"""Generation of digits from the codes of fitted autoencoders.

Question: which sampler generates digits that are hardest to distinguish from real ones?

Data: scikit-learn's handwritten digits, or with ``--data`` a file .npz with ``X_train`` (n, 28, 28), 5,000 pictures
of it.

Baseline: a Gaussian density of the codes of a plain autoencoder. The measure is the accuracy of a nearest-neighbor
two-sample test between generated and real digits: 0.5 is best, 1 is worst.

Result: a kernel density of the codes (0.60), which is the default, is better than a Gaussian mixture (0.68), a single
Gaussian (0.84), and the priors of a variational autoencoder (0.82) and of quantized codes (0.67).
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


def two_sample_accuracy(real, generated):
    """Leave-one-out accuracy of a nearest-neighbor two-sample test (Lopez-Paz and Oquab, 2017)."""
    both = np.concatenate([real[:COMPARED], generated[:COMPARED]])
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
    samples = {"plain, Gaussian": plain.sample(COMPARED, random_state=0, sampler="gaussian")}
    samples["plain, mixture"] = plain.sample(COMPARED, random_state=0, sampler="mixture")
    samples["plain, kernel"] = plain.sample(COMPARED, random_state=0)
    samples["variational, prior"] = variational.sample(COMPARED, random_state=0, sampler="prior")
    samples["variational, kernel"] = variational.sample(COMPARED, random_state=0)
    samples["quantized, prior"] = quantized.sample(COMPARED, random_state=0, sampler="prior")
    samples["quantized, kernel"] = quantized.sample(COMPARED, random_state=0)
    accuracies = {"real": two_sample_accuracy(real[COMPARED:], real)} | {
        name: two_sample_accuracy(real, digits) for name, digits in samples.items()
    }
    print("accuracy of the two-sample test between generated and real digits (0.5 is best, 1 is worst)")
    for name, accuracy in accuracies.items():
        print(f"{name:<24}{accuracy:6.3f}")
    paths = plain.interpolate(real[:2], real[2:4], steps=SHOWN)
    rows = {"real": real[:SHOWN], **samples, "interpolation 1": paths[0], "interpolation 2": paths[1]}
    figure, grid = plt.subplots(len(rows), 1, figsize=(11, 0.85 * len(rows)), layout="constrained")
    for axis, (name, digits) in zip(grid, rows.items(), strict=True):
        axis.imshow(np.concatenate(list(digits[:SHOWN]), axis=1), cmap="gray_r", vmin=0, vmax=X.max())
        label = f"{name}\n{accuracies[name]:.2f}" if name in accuracies else name
        axis.set_ylabel(label, rotation=0, ha="right", va="center")
        axis.set(xticks=[], yticks=[])
    figure.suptitle("Generated digits, with the accuracy of a nearest-neighbor two-sample test (0.5 is best)")
    figure.savefig(arguments.out / "plot_generate_digits.png", dpi=110)
    assert accuracies["plain, kernel"] < accuracies["plain, mixture"] < accuracies["plain, Gaussian"]


if __name__ == "__main__":
    main()
