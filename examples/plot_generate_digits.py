"""
Generation of digits
====================

Which sampler generates digits that are hardest to distinguish from real ones? The measure is the accuracy of a
two-sample test by the nearest neighbor (Lopez-Paz and Oquab, 2017): 0.5 is best, and 1 is worst. The baseline is a
single Gaussian density of the codes.
"""

# %%
# Two autoencoders and five samplers
# ----------------------------------
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_predict, train_test_split
from sklearn.neighbors import KNeighborsClassifier

from skae import AutoencoderTransformer

train, real = train_test_split(load_digits().images, test_size=600, random_state=0)
plain = AutoencoderTransformer(10, random_state=0).fit(train)
variational = AutoencoderTransformer(10, variant="variational", random_state=0).fit(train)
samples = {
    "real digits": real[300:],
    "plain, kernel density (default)": plain.sample(300, random_state=0),
    "plain, mixture of Gaussians": plain.sample(300, random_state=0, sampler="mixture"),
    "plain, one Gaussian": plain.sample(300, random_state=0, sampler="gaussian"),
    "variational, kernel density": variational.sample(300, random_state=0),
    "variational, prior": variational.sample(300, random_state=0, sampler="prior"),
}

# %%
# Two-sample tests
# ----------------


def two_sample_accuracy(generated):
    """Tell generated from real digits by the nearest neighbor among all others."""
    both = np.concatenate([real[:300], generated]).reshape(600, 64)
    labels = np.repeat([0, 1], 300)
    return np.mean(cross_val_predict(KNeighborsClassifier(1), both, labels, cv=20) == labels)


accuracies = {name: two_sample_accuracy(digits) for name, digits in samples.items()}
for name, accuracy in accuracies.items():
    print(f"{name:<32}{accuracy:.2f}")

# %%
# Pictures
# --------
# The last rows interpolate between two test digits: their codes are connected by a line, and points on it are
# decoded.
rows = {f"{name}: {accuracies[name]:.2f}": digits[:16] for name, digits in samples.items()}
rows["interpolation"], rows["another interpolation"] = plain.interpolate(real[:2], real[5:7], steps=16)
figure, axes = plt.subplots(len(rows), 1, figsize=(9, 5), layout="constrained")
for axis, (name, digits) in zip(axes, rows.items(), strict=True):
    axis.imshow(np.hstack(digits), cmap="gray_r", vmin=0, vmax=16)
    axis.set_ylabel(name, rotation=0, ha="right", va="center")
    axis.set(xticks=[], yticks=[])
figure.suptitle("Generated digits, with the accuracy of a two-sample test (0.5 is best)")
plt.show()

# sphinx_gallery_start_ignore
assert accuracies["plain, kernel density (default)"] < accuracies["plain, one Gaussian"]
# sphinx_gallery_end_ignore
