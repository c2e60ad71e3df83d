"""
New samples like given examples
===============================

Can an autoencoder draw new threes, from no more than a few examples of a three? Half of the handwritten digits of
scikit-learn train the autoencoder, which sees no labels. The examples are digits that it has not seen.
"""

# %%
# Fit without labels
# ------------------
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from skae import AutoencoderTransformer

X, y = load_digits(return_X_y=True)
train, rest, _, labels = train_test_split(X, y, test_size=0.5, random_state=0)
autoencoder = AutoencoderTransformer(16, random_state=0).fit(train)

# %%
# Draw samples like examples
# --------------------------
# ``like`` takes rows as ``transform`` does. New codes are drawn near the codes of these rows, and decoded. The
# training codes around them determine in which directions, and how far, codes may vary. So a single example is
# enough. Examples may be of several kinds: a sample then is of one kind or of the other, and not in between.
threes, eights = rest[labels == 3], rest[labels == 8]
examples = {
    "like one three": threes[:1],
    "like five threes": threes[:5],
    "like twenty threes": threes[:20],
    "like threes and eights": np.concatenate([threes[:3], eights[:3]]),
}
new = {name: autoencoder.sample(12, random_state=0, like=rows) for name, rows in examples.items()}
new["like all training digits"] = autoencoder.sample(12, random_state=0)

# %%
# Count
# -----
# A support vector classifier that is trained on all real digits counts how many of the new digits are of the class
# of the examples. Their variance is compared with that of all real digits of the class.
classifier = SVC(gamma=0.001).fit(X, y)
print("examples   of the class   variance relative to real digits of the class")
for n in (1, 5, 20):
    hits, spreads = [], []
    for label in range(10):
        of_class = rest[labels == label]
        samples = autoencoder.sample(100, random_state=0, like=of_class[:n])
        hits.append((classifier.predict(samples) == label).mean())
        spreads.append(samples.var(0).sum() / of_class.var(0).sum())
    print(f"{n:8}{np.mean(hits):15.3f}{np.mean(spreads):11.2f}")
    # sphinx_gallery_start_ignore
    assert np.mean(hits) > 0.9
    # sphinx_gallery_end_ignore

# %%
# Pictures
# --------
examples["like all training digits"] = train
figure, axes = plt.subplots(5, 2, figsize=(10, 4), width_ratios=(6, 12), layout="constrained")
for (left, right), name in zip(axes, new, strict=True):
    shown = np.zeros((6, 64))
    shown[: len(examples[name][:6])] = examples[name][:6]
    for axis, digits in ((left, shown), (right, new[name])):
        axis.imshow(np.hstack(digits.reshape(-1, 8, 8)), cmap="gray_r", vmin=0, vmax=16)
        axis.set(xticks=[], yticks=[])
    left.set_ylabel(name, rotation=0, ha="right", va="center")
axes[0, 0].set_title("examples (at most six are shown)")
axes[0, 1].set_title("new digits")
plt.show()
