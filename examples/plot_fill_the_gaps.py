"""
Missing pixels and missing columns, filled
==========================================

How well does ``AutoencoderImputer`` fill hidden values? The data are the handwritten digits of scikit-learn with a
square of 4 x 4 pixels missing in every picture, and its wines with 30 % of all values missing at random. The
baselines are scikit-learn's imputers: the mean, nearest neighbors, and ``IterativeImputer`` with Bayesian ridge
regression.
"""

# %%
# Pictures with a gap
# -------------------
# An autoencoder of pictures takes them as they are. Imputers of scikit-learn take flattened rows;
# ``IterativeImputer`` is left out here, because it takes minutes for 64 pixels.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits, load_wine
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderImputer, AutoencoderTransformer

random = np.random.RandomState(0)
pictures = random.permutation(load_digits().images)
gaps = pictures.copy()
for picture, (row, column) in zip(gaps, random.randint(0, 5, (len(gaps), 2)), strict=True):
    picture[row : row + 4, column : column + 4] = np.nan
train, test, true = gaps[:1500], gaps[1500:], pictures[1500:]
autoencoder = AutoencoderTransformer(16, axes="h w", early_stopping=False)
filled = {"AutoencoderImputer": AutoencoderImputer(autoencoder, random_state=0).fit(train).transform(test)}
for name, imputer in {"nearest neighbors": KNNImputer(), "mean": SimpleImputer(keep_empty_features=True)}.items():
    flat = imputer.fit(train.reshape(-1, 64)).transform(test.reshape(-1, 64))
    filled[name] = flat.reshape(test.shape)


def error(filled, true, gaps):
    """Root mean square error of missing values, in standard deviations of all values."""
    return np.sqrt(np.mean((filled - true)[np.isnan(gaps)] ** 2) / true.var(axis=0).mean())


errors = {name: error(values, true, test) for name, values in filled.items()}
for name, value in errors.items():
    print(f"digits, {name:<20} error of missing pixels {value:.2f} standard deviations")

# %%
# Some test pictures
# ------------------
figure, axes = plt.subplots(2 + len(filled), 1, figsize=(9, 4.2), layout="constrained")
rows = {"true": true, "with a gap": test} | {f"{name}: {errors[name]:.2f}": values for name, values in filled.items()}
colors = plt.get_cmap("gray_r").with_extremes(bad="orange")
for axis, (name, values) in zip(axes, rows.items(), strict=True):
    axis.imshow(np.ma.masked_invalid(np.hstack(values[:14])), cmap=colors, vmin=0, vmax=16)
    axis.set_ylabel(name, rotation=0, ha="right", va="center")
    axis.set(xticks=[], yticks=[])
figure.suptitle("Test digits with a missing square, with the error of the missing pixels")
plt.show()

# %%
# A table with missing values
# ---------------------------
wines = StandardScaler().fit_transform(load_wine().data)
wine_gaps = np.where(random.uniform(size=wines.shape) < 0.3, np.nan, wines)
imputers = {
    "AutoencoderImputer": AutoencoderImputer(random_state=0),
    "Bayesian ridge": IterativeImputer(random_state=0),
    "nearest neighbors": KNNImputer(),
    "mean": SimpleImputer(),
}
of_wines = {name: error(imputer.fit_transform(wine_gaps), wines, wine_gaps) for name, imputer in imputers.items()}
for name, value in of_wines.items():
    print(f"wines, {name:<20} error of missing values {value:.2f} standard deviations")

# sphinx_gallery_start_ignore
assert errors["AutoencoderImputer"] < errors["mean"]
assert of_wines["AutoencoderImputer"] < of_wines["mean"]
# sphinx_gallery_end_ignore
