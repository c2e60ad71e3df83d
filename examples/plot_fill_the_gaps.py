"""
Missing pixels and missing columns, filled
==========================================

How well does ``AutoencoderImputer`` fill missing values? The data are the handwritten digits of scikit-learn with half
of the pixels missing at random, and its wines with 30 % of all values missing at random. The baselines are
scikit-learn's imputers: the mean, nearest neighbors, and ``IterativeImputer`` with Bayesian ridge regression.
"""

# %%
# Pictures with gaps
# ------------------
# Both kinds of imputers learn from 1,500 pictures with gaps, and fill 297 other ones. ``AutoencoderImputer`` takes
# pictures as they are. Imputers of scikit-learn take flattened rows.
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderImputer

warnings.simplefilter("ignore", ConvergenceWarning)
random = np.random.RandomState(0)
pictures = random.permutation(load_digits().images)
gaps = np.where(random.random_sample(pictures.shape) < 0.5, np.nan, pictures)
train, test, true = gaps[:1500], gaps[1500:], pictures[1500:]
own = AutoencoderImputer(random_state=0).fit(train)
filled = {"AutoencoderImputer": own.transform(test)}
baselines = {
    "Bayesian ridge": IterativeImputer(random_state=0),
    "nearest neighbors": KNNImputer(),
    "mean": SimpleImputer(),
}
for name, imputer in baselines.items():
    filled[name] = imputer.fit(train.reshape(-1, 64)).transform(test.reshape(-1, 64)).reshape(test.shape)


def error(filled, true, gaps):
    """Root mean square error of missing values, in standard deviations of all values."""
    return np.sqrt(np.mean((filled - true)[np.isnan(gaps)] ** 2) / true.var(axis=0).mean())


errors = {name: error(values, true, test) for name, values in filled.items()}
for name, value in errors.items():
    print(f"digits, {name:<20} error of missing pixels {value:.2f} standard deviations")

# %%
# Each missing value is a weighted sum of three estimates: the conditional mean of a normal distribution, and two
# reconstructions of the autoencoder. The weights are fitted to values that are hidden in training.
print({name: round(weight, 2) for name, weight in own.weights_.items()})

# %%
# Some test pictures
# ------------------
figure, axes = plt.subplots(2 + len(filled), 1, figsize=(9, 4.8), layout="constrained")
rows = {"true": true, "given": test} | {f"{name}: {errors[name]:.2f}": values for name, values in filled.items()}
colors = plt.get_cmap("gray_r").with_extremes(bad="orange")
for axis, (name, values) in zip(axes, rows.items(), strict=True):
    axis.imshow(np.ma.masked_invalid(np.hstack(values[:14])), cmap=colors, vmin=0, vmax=16)
    axis.set_ylabel(name, rotation=0, ha="right", va="center")
    axis.set(xticks=[], yticks=[])
figure.suptitle("Test digits of which half of the pixels are missing, with the error of the missing pixels")
plt.show()

# %%
# A table with missing values
# ---------------------------
wines = StandardScaler().fit_transform(load_wine().data)
wine_gaps = np.where(random.uniform(size=wines.shape) < 0.3, np.nan, wines)
imputers = {"AutoencoderImputer": AutoencoderImputer(random_state=0), **baselines}
of_wines = {name: error(imputer.fit_transform(wine_gaps), wines, wine_gaps) for name, imputer in imputers.items()}
for name, value in of_wines.items():
    print(f"wines, {name:<20} error of missing values {value:.2f} standard deviations")

# sphinx_gallery_start_ignore
assert errors["AutoencoderImputer"] == min(errors.values())
assert of_wines["AutoencoderImputer"] == min(of_wines.values())
# sphinx_gallery_end_ignore
