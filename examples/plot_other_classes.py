"""
Reconstruction of data that the autoencoder was not trained on
==============================================================

Does an autoencoder that was trained on some classes reconstruct others? It does so poorly, and this is wanted: a
code of few numbers describes what the training data have in common. The data are the handwritten digits of
scikit-learn, 0 to 4 and 5 to 9. The baseline is PCA with the same number of components, 8.
"""

# %%
# Two autoencoders, each of which has seen half of the classes
# ------------------------------------------------------------
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer
from skae.metrics import reconstruction_error

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=0)
low, high = X_train[y_train < 5], X_train[y_train >= 5]
models = {
    "autoencoder of 0 to 4": AutoencoderTransformer(8, random_state=0).fit(low),
    "autoencoder of 5 to 9": AutoencoderTransformer(8, random_state=0).fit(high),
    "PCA of 0 to 4": PCA(8).fit(low),
    "PCA of 5 to 9": PCA(8).fit(high),
}

# %%
# Errors on test digits
# ---------------------
# On the classes of the training set, the autoencoder has the lower error. On the others, its error is about twice
# as high, and about that of PCA.
tests = {"0 to 4": X_test[y_test < 5], "5 to 9": X_test[y_test >= 5]}
errors = {}
for name, model in models.items():
    for tested, digits in tests.items():
        X_reconstructed = model.inverse_transform(model.transform(digits))
        errors[name, tested] = np.sqrt(reconstruction_error(digits, X_reconstructed))
        print(f"{name:<22} tested on {tested}: RMSE {errors[name, tested]:.2f} (pixel values from 0 to 16)")

# %%
# Pictures
# --------
figure, axes = plt.subplots(5, 2, figsize=(11, 4), layout="constrained")
for column, (tested, digits) in zip(axes.T, tests.items(), strict=True):
    rows = {f"original, {tested}": digits[:10]}
    for name, model in models.items():
        rows[f"{name}: {errors[name, tested]:.2f}"] = model.inverse_transform(model.transform(digits[:10]))
    for axis, (name, shown) in zip(column, rows.items(), strict=True):
        axis.imshow(np.hstack(shown.reshape(-1, 8, 8)), cmap="gray_r", vmin=0, vmax=16)
        axis.set(xticks=[], yticks=[])
        axis.set_ylabel(name, rotation=0, ha="right", va="center")
figure.suptitle("Test digits and their reconstructions from 8 components, with the RMSE")
plt.show()

# sphinx_gallery_start_ignore
assert errors["autoencoder of 0 to 4", "0 to 4"] < errors["PCA of 0 to 4", "0 to 4"]
assert errors["autoencoder of 0 to 4", "0 to 4"] < errors["autoencoder of 5 to 9", "0 to 4"]
# sphinx_gallery_end_ignore
