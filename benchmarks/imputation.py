"""Which imputer has the lowest error on values that are hidden at random or in blocks?

Tables of scikit-learn. Values are hidden at random (10, 30 and 50 %) and in blocks (half of the columns, adjacent, in
40 % of the rows). The error is the root mean square error of the hidden values, in standard deviations of their column;
pixels share one scale. Columns other than pixels are standardized before all imputers. An imputer has rank 1 where its
error is lowest. Of the digits, 600 rows are used, because trees take long.
The claim: among the imputers that take at most ten times as long, AutoencoderImputer has the best mean rank.

Tables of categories and numbers are made of three of them: the class is a column of categories, and so is every third
column of numbers, as its quarters ("lowest" to "highest"). Values are hidden in all columns in the same ways.
The figure is the accuracy of the hidden categories. Nearest neighbors are searched in standardized and one-hot encoded
columns, each block divided by the square root of its total variance; the category with the largest mean is taken. The
claim: AutoencoderImputer has the highest mean accuracy.
"""

import argparse
import time
import warnings

import numpy as np
import pandas as pd
from report import show, write
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_linnerud, load_wine
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderImputer

SETTINGS = {"10 %": 0.1, "30 %": 0.3, "50 %": 0.5, "blocks": None}
SLOWER = 10
OWN = "AutoencoderImputer"


def tables():
    linnerud = load_linnerud()
    return {
        "iris": load_iris().data,
        "wine": load_wine().data,
        "linnerud": np.hstack([linnerud.data, linnerud.target]),
        "diabetes": load_diabetes().data,
        "breast cancer": load_breast_cancer().data,
        "digits": load_digits().data[:600],
    }


def imputers(seed):
    trees = ExtraTreesRegressor(10, random_state=seed)
    return {
        OWN: AutoencoderImputer(random_state=seed),
        "mean": SimpleImputer(),
        "nearest neighbors": KNNImputer(),
        "iterative, Bayesian ridge": IterativeImputer(random_state=seed),
        "iterative, extra trees": IterativeImputer(trees, random_state=seed),
    }


def choose_hidden(shape, share, random):
    """Where values are hidden, bool; each column keeps a value."""
    n, d = shape
    if share is not None:
        hidden = random.random_sample(shape) < share
    else:
        width = max(1, d // 2)
        first = random.randint(d - width + 1, size=(n, 1))
        columns = np.arange(d)
        hidden = (columns >= first) & (columns < first + width) & (random.random_sample((n, 1)) < 0.4)
    hidden[random.randint(n), hidden.all(0)] = False
    return hidden


def mixed_tables():
    loaders = {"iris": load_iris, "wine": load_wine, "breast cancer": load_breast_cancer}
    for name, load in loaders.items():
        data = load(as_frame=True)
        frame = data.data.copy()
        for column in frame.columns[::3]:
            frame[column] = pd.qcut(frame[column], 4, labels=["lowest", "low", "high", "highest"]).astype(str)
        yield name, frame.assign(kind=data.target_names[data.target].astype(str))


def fill_most_frequent(gaps):
    return pd.DataFrame(
        SimpleImputer(strategy="most_frequent").fit_transform(gaps.astype(object)), columns=gaps.columns
    )


def fill_by_neighbors(gaps):
    """Nearest neighbors in encoded columns, and the most likely categories."""
    blocks = {}
    for name, column in gaps.items():
        if column.dtype == float:
            blocks[name] = pd.DataFrame({name: (column - column.mean()) / column.std()})
        else:
            block = pd.get_dummies(column, dtype=float)
            block[column.isna()] = np.nan
            blocks[name] = block / np.sqrt(block.var(ddof=0).sum())
    filled = KNNImputer().fit_transform(pd.concat(blocks, axis=1).to_numpy())
    result, start = gaps.copy(), 0
    for name, block in blocks.items():
        part = filled[:, start : start + block.shape[1]]
        start += block.shape[1]
        if gaps[name].dtype != float:
            result[name] = block.columns.to_numpy()[part.argmax(1)]
    return result


def measure_categories(seeds):
    """Rows of table, setting, seed, imputer, accuracy of hidden categories, and seconds of CPU time."""
    for name, frame in mixed_tables():
        categories = [column for column in frame if frame[column].dtype != float]
        for setting, share in SETTINGS.items():
            for seed in range(seeds):
                hidden = pd.DataFrame(choose_hidden(frame.shape, share, np.random.RandomState(seed)))
                hidden.columns = frame.columns
                fills = {
                    OWN: AutoencoderImputer(random_state=seed).fit_transform,
                    "most frequent": fill_most_frequent,
                    "nearest neighbors": fill_by_neighbors,
                }
                for who, fill in fills.items():
                    start = time.process_time()
                    filled = fill(frame.mask(hidden))
                    took = time.process_time() - start
                    is_right = (filled[categories] == frame[categories]).to_numpy()
                    row = [name, setting, seed, who, float(is_right[hidden[categories].to_numpy()].mean()), took]
                    print("  ".join(map(str, row)), flush=True)
                    yield row


def measure(names, seeds):
    """Rows of table, setting, seed, imputer, error and seconds of CPU time."""
    for name in names:
        X = tables()[name]
        X = X / np.sqrt(X.var(0).mean()) if name == "digits" else StandardScaler().fit_transform(X)
        for setting, share in SETTINGS.items():
            for seed in range(seeds):
                hidden = choose_hidden(X.shape, share, np.random.RandomState(seed))
                for who, imputer in imputers(seed).items():
                    start = time.process_time()
                    filled = imputer.fit_transform(np.where(hidden, np.nan, X))
                    took = time.process_time() - start
                    row = [name, setting, seed, who, float(np.sqrt(np.square(filled - X)[hidden].mean())), took]
                    print("  ".join(map(str, row)), flush=True)
                    yield row


def summarize(rows):
    """Mean rank, mean error and seconds of each imputer, and whether it takes at most SLOWER times as long as OWN."""
    whos = list(dict.fromkeys(row[3] for row in rows))
    errors = {who: np.array([row[4] for row in rows if row[3] == who]) for who in whos}
    seconds = {who: sum(row[5] for row in rows if row[3] == who) for who in whos}
    affordable = [who for who in whos if seconds[who] <= SLOWER * seconds[OWN]]
    ranks = {who: float(np.mean(sum(errors[other] < errors[who] for other in affordable) + 1)) for who in whos}
    return [[who, ranks[who], float(errors[who].mean()), seconds[who], who in affordable] for who in whos]


def summarize_categories(rows):
    """Mean accuracy and seconds of each imputer."""
    whos = list(dict.fromkeys(row[3] for row in rows))
    return [[who, *np.mean([row[4:] for row in rows if row[3] == who], axis=0).tolist()] for who in whos]


def report(rows, of_categories):
    summary, accuracy = summarize(rows), summarize_categories(of_categories)
    show(["imputer", "mean rank", "mean error", "seconds", "affordable"], summary)
    show(["imputer", "mean accuracy of categories", "mean seconds"], accuracy)
    columns = ["table", "hidden", "seed", "imputer", "accuracy", "CPU seconds"]
    write(
        "imputation",
        [*columns[:4], "error", columns[5]],
        rows,
        summary=summary,
        categories=[dict(zip(columns, row, strict=True)) for row in of_categories],
        accuracy=accuracy,
    )
    assert min((row for row in summary if row[4]), key=lambda row: row[1])[0] == OWN
    assert max(accuracy, key=lambda row: row[1])[0] == OWN


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1, help="number of random choices of hidden values")
    warnings.simplefilter("ignore", ConvergenceWarning)
    seeds = parser.parse_args().seeds
    of_categories = list(measure_categories(seeds))
    report(list(measure(tables(), seeds)), of_categories)


if __name__ == "__main__":
    main()
