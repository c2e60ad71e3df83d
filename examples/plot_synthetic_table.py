"""
A synthetic table
=================

Can a classifier learn from synthetic rows only? The autoencoder learns a table with its label, and ``sample`` draws new
rows of the same columns and types. Classifiers are trained on these and tested on real rows (TSTR: train on synthetic,
test on real; Esteban et al., 2017). The baseline is a Gaussian copula, that is, a normal distribution of the ranks of
all columns.

The data are 2,500 simulated members of a gym. Three kinds of members, students, workers and retired people, differ in
all columns; whether a member leaves depends on the visits, on the fee, and on the kind. 60 % are for training.
"""

# %%
# The table
# ---------
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import stats
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skae import AutoencoderTransformer

random = np.random.RandomState(0)
n = 2500
kind = random.choice(3, n, p=[0.35, 0.4, 0.25])
age = np.array([22, 40, 67])[kind] + np.array([2.5, 7, 5])[kind] * random.randn(n)
visits = np.array([10, 4, 8])[kind] * random.gamma(4, 0.25, n)
is_plus = random.uniform(size=n) < np.array([0.1, 0.6, 0.3])[kind]
fee = np.array([20, 35, 28])[kind] + 15 * is_plus + 2 * random.randn(n)
times = [["evening", "night"], ["morning", "evening"], ["noon", "morning"]]
time = np.array(times)[kind, random.randint(2, size=n)]
leaves = 0.12 * (fee - 35) - 0.4 * (visits - 5) - 1.5 * (kind == 2) + 0.7 * random.randn(n) > 0
members = pd.DataFrame(
    {
        "age": age.round().astype(int),
        "visits": visits.round(1),
        "fee": fee.round(2),
        "time": pd.Categorical(time),
        "plus": is_plus,
        "leaves": np.where(leaves, "yes", "no"),
    }
)
train, test = train_test_split(members, test_size=0.4, random_state=0, stratify=members["leaves"])
print(train.head(3).to_string())

# %%
# New rows
# --------
# The label is a column like any other. With ``n_components=None``, codes have as many components as the encoded table
# has features, and reconstructions are exact; with fewer components, ``sample`` adds the variance that they lack.
autoencoder = AutoencoderTransformer(None, random_state=0).fit(train)
synthetic = autoencoder.sample(len(train), random_state=0)
print(synthetic.head(3).to_string())
print("same types:", synthetic.dtypes.equals(train.dtypes))
print("copies of training rows:", len(synthetic.merge(train.drop_duplicates())))


# %%
# The baseline
# ------------
# Each column as normal scores of its ranks. Categories are intervals in alphabetical order, in which ranks are drawn.
def gaussian_copula(frame, n_samples, random):
    frame = frame.reset_index(drop=True)
    codes = frame.apply(lambda column: column if column.dtype.kind in "if" else pd.factorize(column, sort=True)[0])
    shuffled = codes.sample(frac=1, random_state=random)  # ranks of ties are random
    ranks = shuffled.rank(method="first")
    covariance = np.corrcoef(stats.norm.ppf((ranks - 0.5) / len(frame)), rowvar=False)
    drawn = stats.norm.cdf(random.multivariate_normal(np.zeros(len(covariance)), covariance, n_samples))
    values = {}
    for (name, column), u in zip(frame.items(), drawn.T, strict=True):
        ordered = column.sort_values(ignore_index=True)
        values[name] = ordered.iloc[(u * len(frame)).astype(int)].array
    return pd.DataFrame(values)


copula = gaussian_copula(train, len(train), np.random.RandomState(0))


# %%
# Train on synthetic, test on real
# --------------------------------
def accuracy(classifier, rows):
    categories, numbers = ["time", "plus"], ["age", "visits", "fee"]
    columns = make_column_transformer((OneHotEncoder(), categories), (StandardScaler(), numbers))
    fitted = make_pipeline(columns, classifier).fit(rows, rows["leaves"])
    return fitted.score(test, test["leaves"])


sources = {"real rows": train, "autoencoder": synthetic, "Gaussian copula": copula}
classifiers = {
    "logistic regression": LogisticRegression(),
    "gradient boosting": HistGradientBoostingClassifier(max_iter=50, random_state=0),
}
table = pd.DataFrame({name: {k: accuracy(c, rows) for k, c in classifiers.items()} for name, rows in sources.items()})
table.loc["constant guess"] = test["leaves"].value_counts(normalize=True).max()
print(table.round(3).to_string())

# %%
# How close are synthetic rows to training rows? Their median distance to the closest one, in standard deviations,
# compared with that of test rows: much smaller distances would show that training rows are repeated.
encoder = make_column_transformer(
    (StandardScaler(), ["age", "visits", "fee"]), (OneHotEncoder(sparse_output=False), ["time", "plus", "leaves"])
).fit(train)
closest = NearestNeighbors(n_neighbors=1).fit(encoder.transform(train))
for name, rows in {"test rows": test, "autoencoder": synthetic, "Gaussian copula": copula}.items():
    print(f"{name:16} {np.median(closest.kneighbors(encoder.transform(rows))[0]):.3f}")

# %%
# Pictures
# --------
# The copula has the distribution of each column, but not the three kinds of members.
figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), sharex=True, sharey=True)
for axis, (name, rows) in zip(axes, sources.items(), strict=True):
    for label, color in (("no", "tab:blue"), ("yes", "tab:orange")):
        chosen = rows[rows["leaves"] == label]
        axis.scatter(chosen["age"], chosen["fee"], s=5, color=color, alpha=0.6, label=label)
    axis.set(title=f"{name}\naccuracy {table.loc['gradient boosting', name]:.2f}", xlabel="age")
axes[0].set_ylabel("fee")
axes[2].legend(title="leaves", frameon=False, markerscale=2, loc="center left", bbox_to_anchor=(1, 0.5))
figure.tight_layout()
plt.show()

# sphinx_gallery_start_ignore
scores = table.loc[list(classifiers)].mean()
assert scores["autoencoder"] > scores["Gaussian copula"] + 0.02
# sphinx_gallery_end_ignore
