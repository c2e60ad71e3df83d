"""
Novelty detection and its explanation
=====================================

Which digits differ from the training digits, and in which pixels? The detector is trained on half of the
handwritten threes of scikit-learn, and tested on the other half and on all other digits. The baseline is the
reconstruction error of PCA with 75 % explained variance.
"""

# %%
# Train on threes
# ---------------
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import RocCurveDisplay
from sklearn.model_selection import train_test_split

from skae import AutoencoderNovelty

digits = load_digits()
train, threes = train_test_split(digits.images[digits.target == 3], test_size=0.5, random_state=0)
others = digits.images[digits.target != 3]
test, is_new = np.concatenate([threes, others]), np.repeat([0, 1], [len(threes), len(others)])
novelty = AutoencoderNovelty(random_state=0).fit(train)
print(f"classified as novelties: {(novelty.predict(threes) == -1).mean():.3f} of the test threes, ", end="")
print(f"{(novelty.predict(others) == -1).mean():.3f} of the other digits")

# %%
# Explain
# -------
# ``explain`` returns the difference of each pixel from its reconstruction: red pixels are too dark for a three,
# blue ones are too bright. The figure shows one digit of each class, and the threes with the lowest scores.
classes = digits.target[digits.target != 3]
shown = {
    "other digits": np.array([others[classes == label][0] for label in sorted(set(classes))]),
    "threes with the\nlowest scores": threes[novelty.score_samples(threes).argsort()[:9]],
}
figure, axes = plt.subplots(4, 1, figsize=(9, 4.4), layout="constrained")
for (above, below), (name, pictures) in zip(axes.reshape(2, 2), shown.items(), strict=True):
    above.imshow(np.hstack(pictures), cmap="gray_r", vmin=0, vmax=16)
    below.imshow(np.hstack(novelty.explain(pictures)), cmap="RdBu_r", vmin=-16, vmax=16)
    above.set_ylabel(name, rotation=0, ha="right", va="center")
    below.set_ylabel("explain", rotation=0, ha="right", va="center")
for axis in axes:
    axis.set(xticks=[], yticks=[])

# %%
# Compare with PCA
# ----------------
flat = test.reshape(len(test), -1)
pca = PCA(0.75, svd_solver="full").fit(train.reshape(len(train), -1))
scores = {
    "AutoencoderNovelty": -novelty.score_samples(test),
    "reconstruction error of PCA": np.square(flat - pca.inverse_transform(pca.transform(flat))).sum(1),
}
figure, axis = plt.subplots(figsize=(5.5, 4.4), layout="constrained")
areas = {}
for name, score in scores.items():
    display = RocCurveDisplay.from_predictions(is_new, score, name=name, ax=axis)
    areas[name] = display.roc_auc
axis.set(
    xlim=(-0.01, 0.3), ylim=(0.7, 1.01), xlabel="false positive rate (threes)", ylabel="true positive rate (others)"
)
plt.show()

# sphinx_gallery_start_ignore
assert areas["AutoencoderNovelty"] > areas["reconstruction error of PCA"] - 0.005
# sphinx_gallery_end_ignore
