"""
Variants of autoencoders side by side
=====================================

How do variants differ in reconstructions, generated samples and codes? Four variants are fitted to the handwritten
digits of scikit-learn, with 8 components. The plain autoencoder is the baseline.
"""

# %%
# Fit four variants
# -----------------
# Codes of variants with a penalty explain less variance. In return, codes of the variational autoencoder are close
# to a normal distribution, and nested codes can be cut to any size. "Denoising" gets pictures with masked pixels in
# training.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from skae import AutoencoderTransformer
from skae.variants import Denoising, Variational

digits = load_digits()
train, test, y_train, y_test = train_test_split(digits.images, digits.target, test_size=0.3, random_state=0)
variants = {
    "plain": "plain",
    "denoising": Denoising("masking", 0.3),
    "nested": "nested",
    "variational, beta 3": Variational(beta=3),
}
models = {
    name: AutoencoderTransformer(8, variant=variant, max_epochs=20, random_state=0).fit(train)
    for name, variant in variants.items()
}
scores = {name: model.score(test) for name, model in models.items()}
for name, model in models.items():
    neighbors = KNeighborsClassifier().fit(model.transform(train), y_train)
    accuracy = neighbors.score(model.transform(test), y_test)
    print(f"{name:<20} explained variance {scores[name]:.3f}, accuracy of neighbors on codes {accuracy:.3f}")

# %%
# Reconstructions and generated samples
# -------------------------------------
figure, axes = plt.subplots(5, 2, figsize=(11, 4), layout="constrained")
axes[0, 0].set_title("test digits and their reconstructions (explained variance)")
axes[0, 1].set_title("generated digits")
rows = [("original", test[:10], train[:10])]
for name, model in models.items():
    rows.append((f"{name}: {scores[name]:.2f}", model.reconstruct(test[:10]), model.sample(10, random_state=0)))
for pair, (name, *pictures) in zip(axes, rows, strict=True):
    for axis, shown in zip(pair, pictures, strict=True):
        axis.imshow(np.hstack(shown), cmap="gray_r", vmin=0, vmax=16)
        axis.set(xticks=[], yticks=[])
    pair[0].set_ylabel(name, rotation=0, ha="right", va="center")
axes[0, 1].set_xlabel("(training digits)")

# %%
# Codes
# -----
# The first two principal axes of the codes of test digits.
figure, axes = plt.subplots(1, 4, figsize=(13, 3.6), layout="constrained")
for axis, (name, model) in zip(axes, models.items(), strict=True):
    points = axis.scatter(*PCA(2).fit_transform(model.transform(test)).T, c=y_test, cmap="tab10", s=6)
    axis.set(title=name, xticks=[], yticks=[])
figure.legend(*points.legend_elements(), title="digit", loc="outside right center")
plt.show()

# sphinx_gallery_start_ignore
assert min(scores.values()) > 0.3
# sphinx_gallery_end_ignore
