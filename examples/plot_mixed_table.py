"""
A mixed table
=============

How much of a table of numbers, categories, booleans and dates comes back from three numbers per row? The autoencoder
takes the data frame as it is and returns the same kind of data frame. The baseline is the usual detour: a
``OneHotEncoder`` and a ``StandardScaler`` in a ``ColumnTransformer``, then PCA.

The data are 3,000 synthetic used cars. Two latent variables, the size of a car and its age, determine all columns, with
noise, by nonlinear functions; 70 % of the cars are for training, the others for the test.
"""

# %%
# The table
# ---------
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
size, age, noise = random.randn(n), random.gamma(2.0, 3.0, n), random.randn(6, n)
power = 90 * np.exp(0.45 * size + 0.08 * noise[0])
distance = 12_000 * age * np.exp(0.15 * size + 0.2 * noise[1])
price = 30_000 * np.exp(0.6 * size - 0.12 * age - 2e-6 * distance + 0.1 * noise[2])
is_electric = (age < 4) & (random.uniform(size=n) < 0.5)
bodies, brands = ["city", "compact", "wagon", "van"], ["Alba", "Brio", "Corvo", "Dorado", "Estela", "Fenix"]
appeal = -((size + 0.2 * random.gumbel(size=(6, n)) - np.linspace(-2, 2, 6)[:, None]) ** 2)
cars = pd.DataFrame(
    {
        "price": price.round(-2),
        "power": power.round().astype(int),
        "distance": distance.round(-3),
        "automatic": size + 0.3 * noise[3] > 0.4,
        "registered": pd.Timestamp("2025-06-01") - pd.to_timedelta((365.25 * age).round(), unit="D"),
        "body": pd.Categorical.from_codes(np.digitize(size + 0.2 * noise[4], [-1, 0, 1]), bodies, ordered=True),
        "brand": np.array(brands)[appeal.argmax(0)],
        "fuel": np.where(is_electric, "electric", np.where(power + 20 * noise[5] > 110, "diesel", "petrol")),
    }
)
train, test = train_test_split(cars, test_size=0.3, random_state=0)
print(test.head(3).to_string())

# %%
# The autoencoder
# ---------------
# ``reconstruct`` returns a data frame with the same column types: the ordered category, the boolean, the dates in days.
autoencoder = AutoencoderTransformer(3, random_state=0).fit(train)
restored = autoencoder.reconstruct(test)
print(restored.head(3).to_string())
print("same types:", restored.dtypes.equals(cars.dtypes))

# %%
# The baseline
# ------------
# PCA of as many components. A ``ColumnTransformer`` has no ``inverse_transform``, so the way back is code of its own.
numbers, categories = ["price", "power", "distance", "automatic", "registered"], ["body", "brand", "fuel"]


def as_numbers(frame):
    return frame.assign(registered=frame["registered"].astype("int64"), automatic=frame["automatic"].astype(float))


columns = ColumnTransformer(
    [("numbers", StandardScaler(), numbers), ("categories", OneHotEncoder(sparse_output=False), categories)]
)
pca = PCA(3).fit(columns.fit_transform(as_numbers(train)))
decoded = pca.inverse_transform(pca.transform(columns.transform(as_numbers(test))))
scaler, encoder = columns.named_transformers_["numbers"], columns.named_transformers_["categories"]
by_hand = pd.DataFrame(scaler.inverse_transform(decoded[:, : len(numbers)]), columns=numbers, index=test.index)
by_hand["automatic"] = by_hand["automatic"] > 0.5
by_hand[categories] = encoder.inverse_transform(decoded[:, len(numbers) :])

# %%
# What comes back
# ---------------
# Numbers and dates by their explained variance (R2), booleans and categories by the share of test cars that are right.
# The last column is a constant guess.
results = {}
for name in cars.columns:
    if name in ("automatic", *categories):
        scores = [accuracy_score(test[name].astype(str), found[name].astype(str)) for found in (restored, by_hand)]
        results[name] = [*scores, test[name].value_counts(normalize=True).max()]
    else:
        scores = [r2_score(as_numbers(test)[name], found[name]) for found in (as_numbers(restored), by_hand)]
        results[name] = [*scores, 0.0]
table = pd.DataFrame(results, index=["autoencoder", "one-hot and PCA", "constant guess"]).T
print(table.round(3).to_string())
print(table.mean().round(3).to_string())

axis = table.plot.bar(figsize=(9, 4), rot=0, color=["tab:blue", "tab:orange", "0.75"], width=0.8)
axis.set(ylabel="R2 or accuracy on test cars", title="Eight columns from three numbers per car", ylim=(0, 1))
axis.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=3)
axis.figure.tight_layout()
plt.show()

# %%
# New cars
# --------
# ``sample`` draws rows with the same columns and types, and ``like`` takes examples.
print(autoencoder.sample(3, random_state=0).to_string())
electric = autoencoder.sample(300, random_state=0, like=train[train["fuel"] == "electric"])
print(f"{(electric['fuel'] == 'electric').mean():.2f} of the samples like electric cars are electric")

# sphinx_gallery_start_ignore
assert table["autoencoder"].mean() > table["one-hot and PCA"].mean() + 0.05
# sphinx_gallery_end_ignore
