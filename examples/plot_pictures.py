"""
Compression of photographs, patch by patch
==========================================

How do photographs look after each patch of 8 x 8 color pixels, 192 values, was compressed to three numbers? The
data are the two photographs of scikit-learn. The baseline is PCA with the same number of components.
"""

# %%
# Train on random patches
# -----------------------
# The right third of each photograph is used for the test only.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_images
from sklearn.decomposition import PCA
from sklearn.feature_extraction.image import extract_patches_2d

from skae import AutoencoderTransformer

photographs = [photograph[:424, :640] for photograph in load_sample_images().images]
patches = [extract_patches_2d(p[:, :424], (8, 8), max_patches=4000, random_state=0) for p in photographs]
train = np.concatenate(patches)
autoencoder = AutoencoderTransformer(3, architecture="dense", max_epochs=15, random_state=0).fit(train)
pca = PCA(3).fit(train.reshape(len(train), -1))

# %%
# Reconstruct whole photographs
# -----------------------------


def split(photograph):
    """Split (424, 640, 3) into adjacent patches (4240, 8, 8, 3)."""
    return photograph.reshape(53, 8, 80, 8, 3).swapaxes(1, 2).reshape(-1, 8, 8, 3)


def join(tiles):
    """Join patches to a photograph of uint8."""
    whole = tiles.reshape(53, 80, 8, 8, 3).swapaxes(1, 2).reshape(424, 640, 3)
    return np.clip(whole, 0, 255).astype(np.uint8)


figure, axes = plt.subplots(2, 3, figsize=(12, 5.6), layout="constrained")
errors = []
for row, photograph in zip(axes, photographs, strict=True):
    tiles = split(photograph)
    by_pca = pca.inverse_transform(pca.transform(tiles.reshape(len(tiles), -1)))
    versions = {"original": tiles, "autoencoder": autoencoder.reconstruct(tiles), "PCA": by_pca.reshape(tiles.shape)}
    for axis, (name, version) in zip(row, versions.items(), strict=True):
        whole = join(version)
        error = np.sqrt(np.mean((whole[:, 424:] - photograph[:, 424:].astype(float)) ** 2))
        axis.imshow(whole)
        axis.set(
            xticks=[], yticks=[], title=name if name == "original" else f"{name}: RMSE {error:.1f} right of the line"
        )
        axis.axvline(424, color="white", linewidth=1)
        errors.append(error)
figure.suptitle("Three numbers per patch of 8 x 8 x 3 values; pixels right of the line were not used for training")
plt.show()

# sphinx_gallery_start_ignore
assert sum(errors[1::3]) < sum(errors[2::3])
# sphinx_gallery_end_ignore
