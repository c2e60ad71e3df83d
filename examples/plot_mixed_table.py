"""
A table of numbers, categories, booleans and dates
==================================================

How much of each column of a mixed table comes back from three numbers per row? The cars are synthetic: two latent
variables, the size of a car and its age, determine all columns, with noise, by nonlinear functions. The baseline is
``OneHotEncoder`` and ``StandardScaler`` in a ``ColumnTransformer``, then PCA. It has no ``inverse_transform``, so
the way back is written by hand.
"""

# %%
# The table
# ---------
# Numbers, booleans, a date, an ordered category and two columns of text.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skae import AutoencoderTransformer

random = np.random.RandomState(0)
n = 3000
size, age = random.randn(n), random.gamma(2.0, 3.0, n)
noise = random.randn(6, n)
power = 90 * np.exp(0.45 * size + 0.08 * noise[0])
distance = 12_000 * age * np.exp(0.15 * size + 0.2 * noise[1])
price = 30_000 * np.exp(0.6 * size - 0.12 * age - 2e-6 * distance + 0.1 * noise[2])
is_electric = (age < 4) & (random.uniform(size=n) < 0.5)
bodies, brands = ["city", "compact", "wagon", "van"], ["Alba", "Brio", "Corvo", "Dorado", "Estela", "Fenix"]
scores = -((size + 0.2 * random.gumbel(size=(6, n)) - np.linspace(-2, 2, 6)[:, None]) ** 2)
cars = pd.DataFrame(
    {
        "price": price.round(-2),
        "power": power.round().astype(int),
        "distance": distance.round(-3),
        "automatic": size + 0.3 * noise[3] > 0.4,
        "registered": pd.Timestamp("2025-06-01") - pd.to_timedelta((365.25 * age).round(), unit="D"),
        "body": pd.Categorical.from_codes(np.digitize(size + 0.2 * noise[4], [-1, 0, 1]), bodies, ordered=True),
        "brand": np.array(brands)[scores.argmax(0)],
        "fuel": np.where(is_electric, "electric", np.where(power + 20 * noise[5] > 110, "diesel", "petrol")),
    }
)
train, test = train_test_split(cars, test_size=0.3, random_state=0)
print(cars.head(3).to_string())

# %%
# The autoencoder
# ---------------
# It takes the data frame as it is, and ``reconstruct`` gives the same kind of data frame.
autoencoder = AutoencoderTransformer(3, random_state=0).fit(train)
restored = autoencoder.reconstruct(test)
print(restored.head(3).to_string())
assert restored.dtypes.equals(cars.dtypes)

# %%
# The baseline
# ------------
# The same number of components. Categories and dates need an encoder, and the way back code of its own.
numbers, categories = ["price", "power", "distance", "automatic", "registered"], ["body", "brand", "fuel"]


def as_numbers(frame):
    return frame.assign(registered=frame["registered"].astype("int64"), automatic=frame["automatic"].astype(float))


columns = ColumnTransformer(
    [("numbers", StandardScaler(), numbers), ("categories", OneHotEncoder(sparse_output=False), categories)]
)
encoded, encoded_test = columns.fit_transform(as_numbers(train)), columns.transform(as_numbers(test))
pca = PCA(3, random_state=0).fit(encoded)
decoded = pca.inverse_transform(pca.transform(encoded_test))
scaler, encoder = columns.named_transformers_["numbers"], columns.named_transformers_["categories"]
by_hand = pd.DataFrame(scaler.inverse_transform(decoded[:, : len(numbers)]), columns=numbers, index=test.index)
by_hand["automatic"] = by_hand["automatic"] > 0.5
by_hand[categories] = encoder.inverse_transform(decoded[:, len(numbers) :])

# %%
# What comes back
# ---------------
# Numbers and dates by their explained variance (R2), booleans and categories by the share of test cars that are
# right. The last column is a constant guess.
results, before, after = {}, as_numbers(test), as_numbers(restored)
print(f"{'column':<12}autoencoder     PCA  constant")
for name in cars.columns:
    if name in categories or name == "automatic":
        scores = [accuracy_score(test[name].astype(str), found[name].astype(str)) for found in (restored, by_hand)]
        scores.append(test[name].value_counts(normalize=True).max())
    else:
        scores = [*(r2_score(before[name], found[name]) for found in (after, by_hand)), 0.0]
    results[name] = scores
    print(f"{name:<12}{scores[0]:11.3f}{scores[1]:8.3f}{scores[2]:10.3f}")
means = np.mean(list(results.values()), axis=0)
print(f"{'mean':<12}{means[0]:11.3f}{means[1]:8.3f}{means[2]:10.3f}")
# sphinx_gallery_start_ignore
assert means[0] > means[1]
# sphinx_gallery_end_ignore

# %%
# New cars
# --------
# ``sample`` draws rows with the same columns and types; ``like`` gives examples.
print(autoencoder.sample(3, random_state=0).to_string())
electric = autoencoder.sample(300, random_state=0, like=train[train["fuel"] == "electric"])
print(f"{(electric['fuel'] == 'electric').mean():.2f} of samples like electric cars are electric")

# %%
# Scores per column
# -----------------
figure, axis = plt.subplots(figsize=(9, 4.2), layout="constrained")
places = np.arange(len(results))
for offset, label, color, values in zip(
    (-0.27, 0, 0.27),
    ("autoencoder", "one-hot, scaled, PCA", "constant guess"),
    ("tab:blue", "tab:orange", "0.75"),
    np.array(list(results.values())).T,
    strict=True,
):
    axis.bar(places + offset, np.maximum(values, 0), 0.27, color=color, label=label)
axis.set_xticks(places, results)
axis.set(ylabel="R2 or accuracy on test cars", title="Eight columns from three numbers per car", ylim=(0, 1))
axis.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=3)
plt.show()
