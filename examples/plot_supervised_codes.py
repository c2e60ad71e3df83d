"""Supervised codes: digits in two dimensions, with and without labels.

Question: which two numbers per picture tell the ten digits apart best, for pictures that were not in training?

Data: scikit-learn's handwritten digits; 70 % are for training, the others for the test.

Baselines: PCA and the default autoencoder, which see no labels, and linear discriminant analysis, which does.

Result: five nearest neighbors of test codes are right for 61 % (PCA), 87 % (default), 71 % (LDA) and 94 % (supervised)
of the test digits. The labels lower the explained variance from 0.59 to 0.43.
"""

from pathlib import Path

import matplotlib
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from skae import AutoencoderTransformer
from skae.metrics import explained_variance
from skae.variants import Supervised

matplotlib.use("agg")
import matplotlib.pyplot as plt

# Test digits are used neither for training nor for early stopping.
digits = load_digits()
X, X_test, y, y_test = train_test_split(
    digits.data, digits.target, test_size=0.3, stratify=digits.target, random_state=0
)

# All four have two components and the same calls. ``fit`` gets y everywhere, as in a Pipeline; PCA and the default
# autoencoder ignore it.
reducers = {
    "PCA": PCA(2),
    "autoencoder, default": AutoencoderTransformer(2, random_state=0),
    "LDA": LinearDiscriminantAnalysis(n_components=2),
    "autoencoder, Supervised()": AutoencoderTransformer(2, variant=Supervised(), random_state=0),
}

# The next step of a Pipeline only sees the codes. Here it is a classifier by five nearest neighbors.
accuracy, explained = {}, {}
figure, axes = plt.subplots(2, 2, figsize=(11, 10), layout="constrained")
print(f"{'codes':<28}accuracy on test digits   explained variance")
for (name, reducer), axis in zip(reducers.items(), axes.flat, strict=True):
    reducer.fit(X, y)
    Z_test = reducer.transform(X_test)
    accuracy[name] = KNeighborsClassifier().fit(reducer.transform(X), y).score(Z_test, y_test)
    # LDA cannot reconstruct.
    explained[name] = (
        explained_variance(X_test, reducer.inverse_transform(Z_test))
        if hasattr(reducer, "inverse_transform")
        else float("nan")
    )
    print(f"{name:<28}{accuracy[name]:23.3f}{explained[name]:21.3f}", flush=True)
    points = axis.scatter(*Z_test.T, c=y_test, cmap="tab10", s=9)
    axis.set(title=f"{name}: accuracy {accuracy[name]:.2f}", xticks=[], yticks=[])
figure.legend(*points.legend_elements(), title="digit", loc="outside right center")

folder = Path("pictures")
folder.mkdir(exist_ok=True)
figure.savefig(folder / "plot_supervised_codes.png", dpi=100)

# Labels may also be missing for some rows: -1 counts for the reconstruction alone. One digit in ten has a label here.
few = [label if number % 10 == 0 else -1 for number, label in enumerate(y)]
reducer = AutoencoderTransformer(2, variant=Supervised(), random_state=0).fit(X, few)
labeled = slice(None, None, 10)
found = KNeighborsClassifier().fit(reducer.transform(X[labeled]), y[labeled]).score(reducer.transform(X_test), y_test)
plain = reducers["autoencoder, default"]
baseline = KNeighborsClassifier().fit(plain.transform(X[labeled]), y[labeled]).score(plain.transform(X_test), y_test)
print(f"with one label in ten: {found:.3f}, default codes with the same labels {baseline:.3f}")

assert accuracy["autoencoder, Supervised()"] == max(accuracy.values())
