"""
The smallest example: six features, four components
===================================================

Can four components represent six features that depend on four variables nonlinearly? A robot arm in space with two
links of length 1 and 0.8 has four random joint angles; the features are the coordinates of its elbow and its hand.
The baseline is PCA with four components.
"""

# %%
# A robot arm
# -----------
import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer
from skae.metrics import explained_variance


def direction(turn, lift):
    """Unit vectors (n, 3) for angles around the vertical axis and above the horizon."""
    return np.stack([np.cos(lift) * np.cos(turn), np.cos(lift) * np.sin(turn), np.sin(lift)], axis=1)


turn, lift, turn_2, lift_2 = np.random.RandomState(0).uniform(-1.2, 1.2, (4, 2000))
elbow = direction(turn, lift)
X = np.hstack([elbow, elbow + 0.8 * direction(turn + turn_2, lift + lift_2)])
train, test = train_test_split(X, test_size=0.25, random_state=0)

# %%
# Fit, and print the layers
# -------------------------
autoencoder = AutoencoderTransformer(4, random_state=0).fit(train)
pca = PCA(4).fit(train)
table = autoencoder.summary()

# %%
# Reconstructed against true coordinates
# --------------------------------------
figure, axes = plt.subplots(1, 2, figsize=(9, 4.4), layout="constrained", sharey=True)
scores = {}
for axis, (name, model) in zip(axes, {"autoencoder": autoencoder, "PCA": pca}.items(), strict=True):
    X_reconstructed = model.inverse_transform(model.transform(test))
    scores[name] = explained_variance(test, X_reconstructed)
    for feature, label in enumerate(["elbow x", "elbow y", "elbow z", "hand x", "hand y", "hand z"]):
        axis.scatter(test[:, feature], X_reconstructed[:, feature], s=5, alpha=0.6, label=label)
    axis.set(title=f"{name}: explained variance {scores[name]:.4f}", xlabel="coordinate", aspect="equal")
axes[0].set_ylabel("reconstruction from 4 components")
axes[0].legend(fontsize=8, markerscale=2, frameon=False)
plt.show()

# sphinx_gallery_start_ignore
assert scores["autoencoder"] > scores["PCA"]
# sphinx_gallery_end_ignore
