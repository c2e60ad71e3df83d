"""Do synthetic rows train classifiers, and do they have the distribution of real rows?

Each generator is fitted to 60 % of the rows of a table, of which the label is a column, and generates as many rows.
Logistic regression and gradient boosting are trained on these and tested on the other 40 % (TSTR, Esteban et al.,
2017). "real" are the training rows themselves. Column shapes are 1 minus the Kolmogorov-Smirnov statistic of numbers
and 1 minus the total variation of categories, averaged over columns. "correlations" is the mean absolute difference of
the correlations of one-hot encoded columns. Copies are generated rows that equal a training row; the distance to the
closest training row is the median, relative to that of test rows.

"skae" draws rows with their labels, "skae, like" draws as many rows of each class as there are, with ``like``, and
"skae, 2 components" has the default size; the others have as many components as features. Baselines: a Gaussian copula
of ranks, for all rows and per class; per class, a Gaussian mixture of the principal components of one-hot encoded rows;
and TVAE (Xu et al., 2019) if the package ``ctgan`` can be imported. The claim: the mean accuracy with rows of "skae,
like" is higher than with those of each baseline, and none of them is a copy.
"""

import importlib.util
import time
import warnings

import numpy as np
import pandas as pd
import torch
from report import make_parser, show, write
from scipy import stats
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skae import AutoencoderTransformer

LABEL = "label"
OWN = "skae"


def loans():
    """2,000 synthetic loans: skewed amounts, an integer, categories and a boolean that depend on one another."""
    random = np.random.RandomState(0)
    n = 2000
    age = random.uniform(20, 70, n)
    wealth = 0.03 * (age - 45) + random.randn(n)
    job = np.where(random.uniform(size=n) < 0.6, "employee", "worker")
    job[wealth + random.randn(n) > 1] = "manager"
    job[(age > 62) & (random.uniform(size=n) < 0.7)] = "retired"
    income = 1800 * np.exp(0.5 * wealth + 0.25 * random.randn(n) - 0.4 * (job == "retired"))
    owner = wealth + 0.02 * (age - 45) + 0.7 * random.randn(n) > 0.3
    purpose = np.where(owner, "repair", np.where(age < 35, "education", "car"))
    other = random.uniform(size=n) < 0.25
    purpose[other] = random.choice(["car", "travel", "repair"], other.sum())
    amount = income * random.gamma(2.0, 1.5, n) * np.where(purpose == "repair", 2.0, 1.0)
    months = 12 * np.clip(np.rint(amount / income * random.uniform(0.3, 0.7, n)), 1, 8).astype(int)
    burden = amount / months / income
    risk = 6 * (burden - 0.35) - 0.8 * owner - 0.4 * wealth + 0.6 * (purpose == "travel") + 0.5 * random.randn(n)
    frame = {"age": age.round(), "income": income.round(), "amount": amount.round(-1), "months": months}
    frame |= {"owner": owner, "job": job, "purpose": purpose}
    return pd.DataFrame(frame).assign(**{LABEL: np.where(risk > np.quantile(risk, 0.7), "bad", "good")})


def bundled(load):
    data = load(as_frame=True)
    return data.data.assign(**{LABEL: data.target_names[data.target]})


def diabetes():
    data = load_diabetes(as_frame=True, scaled=False)
    sex = np.where(data.data["sex"] == 1, "1", "2")
    return data.data.assign(sex=sex, **{LABEL: np.where(data.target > data.target.median(), "high", "low")})


TABLES = {
    "iris": lambda: bundled(load_iris),
    "wine": lambda: bundled(load_wine),
    "breast cancer": lambda: bundled(load_breast_cancer),
    "diabetes": diabetes,
    "loans": loans,
}


def category_names(frame):
    return [name for name in frame if not pd.api.types.is_numeric_dtype(frame[name]) or frame[name].dtype == bool]


def one_hot(frame):
    """A fitted encoder of rows as numbers (n, n_features); numbers are standardized."""
    names = category_names(frame)
    encoder = OneHotEncoder(sparse_output=False, handle_unknown="ignore")
    numbers = [name for name in frame if name not in names]
    return make_column_transformer((StandardScaler(), numbers), (encoder, names)).fit(frame)


class Autoencoder:
    def __init__(self, n_components=None, like=False):
        self.n_components, self.like = n_components, like

    def __call__(self, frame, n, seed):
        model = AutoencoderTransformer(self.n_components, random_state=seed).fit(frame)
        if not self.like:
            return model.sample(n, random_state=seed)
        return per_class(lambda rows, n, seed: model.sample(n, random_state=seed, like=rows))(frame, n, seed)


def per_class(generate):
    """A generator that draws from each class as many rows as its share; labels are those of the class."""

    def draw(frame, n, seed):
        shares = frame[LABEL].value_counts(normalize=True)
        rows_of = dict(tuple(frame.groupby(LABEL)))
        made = [generate(rows_of[y], round(n * p), seed).assign(**{LABEL: y}) for y, p in shares.items()]
        return pd.concat(made, ignore_index=True)

    return draw


def copula(frame, n, seed):
    """A normal distribution of normal scores; categories are intervals, in the order of their frequency."""
    random, names = np.random.RandomState(seed), category_names(frame)
    scores, decoders = [], []
    for name in frame:
        values = frame[name].to_numpy()
        if name in names:
            counts = frame[name].value_counts(normalize=True)
            ends = counts.to_numpy().cumsum()
            place = counts.index.get_indexer(frame[name])
            u = ends[place] - counts.to_numpy()[place] * random.uniform(size=len(values))
            kinds = counts.index.to_numpy()
            decoders.append(lambda u, kinds=kinds, ends=ends: kinds[np.searchsorted(ends[:-1], u)])
        else:
            u = (stats.rankdata(values) - 0.5) / len(values)
            decoders.append(lambda u, values=values: np.quantile(values, u, method="inverted_cdf"))
        scores.append(stats.norm.ppf(u.clip(1e-6, 1 - 1e-6)))
    covariance = np.corrcoef(np.array(scores))
    u = stats.norm.cdf(random.multivariate_normal(np.zeros(len(scores)), covariance, size=n))
    return pd.DataFrame({name: decode(u[:, i]) for i, (name, decode) in enumerate(zip(frame, decoders, strict=True))})


def mixture(frame, n, seed):
    """A Gaussian mixture of the principal components of all columns but the label that explain 95 %."""
    X = frame.drop(columns=LABEL)
    encoder, names = one_hot(X), category_names(X)
    numbers = [name for name in X if name not in names]
    x = encoder.transform(X)
    pca = PCA(0.95).fit(x)
    Z = pca.transform(x)
    density = GaussianMixture(max(1, min(5, len(Z) // 20)), reg_covar=1e-3 * Z.var(), random_state=seed).fit(Z)
    x = pca.inverse_transform(density.sample(n)[0])
    made = pd.DataFrame(encoder.transformers_[0][1].inverse_transform(x[:, : len(numbers)]), columns=numbers)
    if names:
        made[names] = encoder.transformers_[1][1].inverse_transform(x[:, len(numbers) :])
    integers = [name for name in numbers if X[name].dtype.kind in "iu"]
    made = made.assign(**{name: made[name].round() for name in integers})
    return made[list(X)].astype(X.dtypes).assign(**{LABEL: frame[LABEL].iloc[0]})


def tvae(frame, n, seed):
    from ctgan import TVAE

    model = TVAE()
    model.set_random_state(seed)
    model.fit(frame, category_names(frame))
    return model.sample(n).astype(frame.dtypes)


def real(frame, n, seed):
    return frame


GENERATORS = {
    "real": real,
    OWN: Autoencoder(),
    f"{OWN}, like": Autoencoder(like=True),
    f"{OWN}, 2 components": Autoencoder(2),
    "Gaussian copula": copula,
    "Gaussian copula per class": per_class(copula),
    "mixtures per class": per_class(mixture),
}
if importlib.util.find_spec("ctgan"):
    GENERATORS["TVAE"] = tvae


def usefulness(made, test):
    """Accuracies on real test rows of classifiers trained on generated rows."""
    X, y = made.drop(columns=LABEL), made[LABEL].astype(str)
    if y.nunique() < 2:
        return [float((test[LABEL] == y.iloc[0]).mean())] * 2
    models = (LogisticRegression(max_iter=1000), HistGradientBoostingClassifier(max_iter=50, random_state=0))
    scored = [make_pipeline(one_hot(X), model).fit(X, y) for model in models]
    return [float(model.score(test.drop(columns=LABEL), test[LABEL])) for model in scored]


def shapes(made, test):
    """Mean similarity of the distributions of each column."""
    names, found = category_names(test), []
    for name in test:
        if name in names:
            a, b = (frame[name].astype(str).value_counts(normalize=True) for frame in (made, test))
            found.append(1 - a.sub(b, fill_value=0).abs().sum() / 2)
        else:
            found.append(1 - stats.ks_2samp(made[name], test[name]).statistic)
    return float(np.mean(found))


def correlation_error(made, test, encoder):
    """Mean absolute difference of correlations; a constant column is uncorrelated."""
    with np.errstate(invalid="ignore", divide="ignore"):
        a, b = (np.nan_to_num(np.corrcoef(encoder.transform(frame), rowvar=False)) for frame in (made, test))
    pairs = np.triu_indices(len(a), 1)
    return float(np.abs(a - b)[pairs].mean())


def measure(made, train, test):
    encoder = one_hot(train)
    closest = NearestNeighbors(n_neighbors=1).fit(encoder.transform(train))
    distances, usual = (closest.kneighbors(encoder.transform(frame))[0] for frame in (made, test))
    copies = float((distances < 1e-9).mean())
    quality = [shapes(made, test), correlation_error(made, test, encoder)]
    return [*usefulness(made, test), *quality, copies, float(np.median(distances) / np.median(usual))]


COLUMNS = ["logistic", "boosting", "column shapes", "correlations", "copies", "closest row", "CPU seconds"]


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--tables", nargs="*", default=list(TABLES))
    parser.add_argument("--generators", nargs="*", default=list(GENERATORS))
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # of other packages
    rows = []
    for name in args.tables:
        frame = TABLES[name]()
        for seed in range(args.seeds):
            train, test = train_test_split(frame, test_size=0.4, random_state=seed, stratify=frame[LABEL])
            train, test = train.reset_index(drop=True), test.reset_index(drop=True)
            for who in args.generators:
                start = time.process_time()
                made = GENERATORS[who](train, len(train), seed)
                took = time.process_time() - start
                rows.append([name, seed, who, *measure(made, train, test), took])
                print("  ".join(f"{v:.3f}" if isinstance(v, float) else str(v) for v in rows[-1]), flush=True)
    table = pd.DataFrame(rows, columns=["table", "seed", "generator", *COLUMNS])
    means = table.groupby("generator", sort=False)[COLUMNS].mean()
    summary = [[who, *map(float, values)] for who, values in means.iterrows()]
    show(["generator", *COLUMNS], summary)
    utility = table.assign(tstr=(table["logistic"] + table["boosting"]) / 2)
    print(utility.pivot_table(index="generator", columns="table", values="tstr", sort=False).round(3).to_string())
    write("synthetic_tables", list(table), rows, summary=summary)
    accuracy = means[["logistic", "boosting"]].mean(axis=1)
    own = f"{OWN}, like"
    for who in accuracy.index:
        print(f"accuracy relative to {who}: {accuracy[own] / accuracy[who]:.3f}")
        assert accuracy[own] > accuracy[who] or who == "real" or who.startswith(OWN), who
    assert means.loc[own, "copies"] == 0, "training rows were copied"


if __name__ == "__main__":
    main()
