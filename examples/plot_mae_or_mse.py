"""
Training loss for data with outliers
====================================

Which loss reconstructs clean digits from corrupted ones? One pixel in twenty is replaced by black or white.
Training and test digits are both corrupted; the clean ones are used for the evaluation only. The baseline is PCA
with the same number of components, 8.
"""

# %%
# Corrupted digits
# ----------------
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer

clean = load_digits().images
random = np.random.RandomState(0)
is_corrupted = random.uniform(size=clean.shape) < 0.05
corrupted = np.where(is_corrupted, random.choice([0.0, 16.0], size=clean.shape), clean)
train, test, _, clean = train_test_split(corrupted, clean, test_size=0.25, random_state=0)

# %%
# Squared and absolute error
# --------------------------
# The absolute error is robust to outliers: a pixel that does not fit the others costs its difference, not the
# square of it.
pca = PCA(8).fit(train.reshape(-1, 64))
reconstructed = {"PCA": pca.inverse_transform(pca.transform(test.reshape(-1, 64))).reshape(test.shape)}
for loss in ("mse", "mae"):
    reconstructed[f'loss="{loss}"'] = AutoencoderTransformer(8, loss=loss, random_state=0).fit(train).reconstruct(test)
errors = {name: np.abs(digits - clean).mean() for name, digits in reconstructed.items()}
for name, error in errors.items():
    print(f"{name:<12} mean absolute error on the clean digits {error:.2f} (pixel values from 0 to 16)")

# %%
# Pictures
# --------
rows = {"clean": clean, "corrupted input": test}
rows |= {f"{name}: {errors[name]:.2f}": digits for name, digits in reconstructed.items()}
figure, axes = plt.subplots(5, 1, figsize=(9, 4.2), layout="constrained")
for axis, (name, digits) in zip(axes, rows.items(), strict=True):
    axis.imshow(np.hstack(digits[:14]), cmap="gray_r", vmin=0, vmax=16)
    axis.set_ylabel(name, rotation=0, ha="right", va="center")
    axis.set(xticks=[], yticks=[])
figure.suptitle("Corrupted test digits, reconstructed from 8 components (mean absolute error on the clean digits)")
plt.show()

# sphinx_gallery_start_ignore
assert errors['loss="mae"'] < errors['loss="mse"'] < errors["PCA"]
# sphinx_gallery_end_ignore
