"""New samples like given examples.

Question: can an autoencoder draw new threes, from no more than a few examples of a three?

Data: scikit-learn's handwritten digits. Half of them train the autoencoder, which sees no labels. The examples are
digits that it has not seen.

Baseline: a support vector classifier that is trained on all real digits counts how many of the new digits are of the
class of the examples. The variance of the new digits is compared with that of all real digits of the class.

Result: like 1, 5 and 20 examples of each class, 99, 99 and 98 % of the new digits are of that class. They have 0.2, 0.8
and 1.1 times the variance of the class.
"""

from pathlib import Path

import matplotlib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from skae import AutoencoderTransformer

matplotlib.use("agg")
import matplotlib.pyplot as plt

# The autoencoder is fitted without labels. Each digit is compressed to a code of 16 numbers.
images, labels = load_digits(return_X_y=True)
train, rest, _, y = train_test_split(images, labels, test_size=0.5, random_state=0)
autoencoder = AutoencoderTransformer(16, random_state=0).fit(train)

# ``like`` takes rows as ``transform`` does. New codes are drawn near the codes of these rows, and decoded. The training
# codes around them determine in which directions, and how far, codes may vary. So a single example is enough.
threes = rest[y == 3]
new_threes = {n: autoencoder.sample(12, random_state=0, like=threes[:n]) for n in (1, 5, 20)}

# Examples may be of several kinds: samples then are of one kind or of the other, and not in between.
mixed = np.concatenate([threes[:3], rest[y == 8][:3]])
new_mixed = autoencoder.sample(12, random_state=0, like=mixed)

# Without ``like``, samples are like all training rows.
new_digits = autoencoder.sample(12, random_state=0)

# How many of 200 samples like examples of a class are of that class, and how much do they vary?
classifier = SVC(gamma=0.001).fit(images, labels)
print("examples   same class   variance relative to real digits of the class")
for n in (1, 5, 20):
    hits, spreads = [], []
    for label in range(10):
        of_class = rest[y == label]
        samples = autoencoder.sample(200, random_state=0, like=of_class[:n])
        hits.append((classifier.predict(samples) == label).mean())
        spreads.append(samples.var(0).sum() / of_class.var(0).sum())
    print(f"{n:8}   {np.mean(hits):10.3f}   {np.mean(spreads):8.2f}")
    assert np.mean(hits) > 0.9

# Each row of the picture shows examples on the left, and new digits on the right.
rows = {
    "like one three": (threes[:1], new_threes[1]),
    "like five threes": (threes[:5], new_threes[5]),
    "like twenty threes": (threes[:20], new_threes[20]),
    "like threes and eights": (mixed, new_mixed),
    "like all training digits": (train, new_digits),
}
figure, grid = plt.subplots(len(rows), 2, figsize=(9, 3.2), width_ratios=(6, 12), layout="constrained")
for (left, right), (name, (examples, new)) in zip(grid, rows.items(), strict=True):
    shown = np.zeros((6, 64))
    shown[: len(examples[:6])] = examples[:6]
    for axis, digits in ((left, shown), (right, new)):
        axis.imshow(np.concatenate(list(digits.reshape(-1, 8, 8)), axis=1), cmap="gray_r", vmin=0, vmax=16)
        axis.set(xticks=[], yticks=[])
    left.set_ylabel(name, rotation=0, ha="right", va="center")
grid[0, 0].set_title("examples (at most six are shown)")
grid[0, 1].set_title("new digits")
Path("pictures").mkdir(exist_ok=True)
figure.savefig("pictures/plot_samples_like_these.png", dpi=110)
