"""
Supervised codes
================

Which two numbers per picture tell the ten digits apart best, for pictures that were not in training? PCA and the
default autoencoder see no labels; linear discriminant analysis and ``Supervised`` codes do. The data are the
handwritten digits of scikit-learn.
"""

# %%
# Four reducers with the same calls
# ---------------------------------
# ``fit`` gets y everywhere, as in a Pipeline; PCA and the default autoencoder ignore it. The next step of the
# pipeline only sees the codes. Here it is a classifier by five nearest neighbors.
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from skae import AutoencoderTransformer
from skae.variants import Supervised

X, X_test, y, y_test = train_test_split(*load_digits(return_X_y=True), test_size=0.3, random_state=0)
reducers = {
    "PCA": PCA(2),
    "LDA": LinearDiscriminantAnalysis(n_components=2),
    "autoencoder": AutoencoderTransformer(2, random_state=0),
    "autoencoder, Supervised()": AutoencoderTransformer(2, variant=Supervised(), random_state=0),
}
accuracy = {}
for name, reducer in reducers.items():
    Z = reducer.fit(X, y).transform(X)
    accuracy[name] = KNeighborsClassifier().fit(Z, y).score(reducer.transform(X_test), y_test)
    print(f"{name:<27} accuracy of neighbors on test digits {accuracy[name]:.3f}")

# %%
# Codes of test digits
# --------------------
figure, axes = plt.subplots(2, 2, figsize=(9, 8), layout="constrained")
for axis, (name, reducer) in zip(axes.flat, reducers.items(), strict=True):
    points = axis.scatter(*reducer.transform(X_test).T, c=y_test, cmap="tab10", s=9)
    axis.set(title=f"{name}: accuracy {accuracy[name]:.2f}", xticks=[], yticks=[])
figure.legend(*points.legend_elements(), title="digit", loc="outside right center")
plt.show()

# %%
# Missing labels
# --------------
# Labels may be missing for some rows: -1 counts for the reconstruction only. Here, one digit in ten has a label.
few = [label if number % 10 == 0 else -1 for number, label in enumerate(y)]
supervised = AutoencoderTransformer(2, variant=Supervised(), random_state=0).fit(X, few)
for name, reducer in {"default": reducers["autoencoder"], "Supervised()": supervised}.items():
    neighbors = KNeighborsClassifier().fit(reducer.transform(X[::10]), y[::10])
    print(f"one label in ten, {name:<13} {neighbors.score(reducer.transform(X_test), y_test):.3f}")

# sphinx_gallery_start_ignore
assert accuracy["autoencoder, Supervised()"] == max(accuracy.values())
# sphinx_gallery_end_ignore
