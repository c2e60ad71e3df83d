"""Missing pixels and missing columns, filled.

Question: how well are hidden values filled, and do classifiers still work on rows with gaps?

Data: the handwritten digits of scikit-learn, with a square of 4 x 4 pixels missing in every picture; the wines of
scikit-learn, with 30 % of all values missing at random.

Baseline: scikit-learn's imputers: the mean, nearest neighbors, and ``IterativeImputer`` with its default, Bayesian
ridge regression (wines only: on the 64 pixels it takes minutes on a busy machine).

Result: the error of the pixels, in standard deviations, is RESULT.
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from sklearn.datasets import load_digits, load_wine
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderImputer, AutoencoderTransformer

matplotlib.use("agg")
import matplotlib.pyplot as plt

SIDE, SHOWN = 4, 10


def digits_with_holes():
    """Pictures (n, 8, 8), training and test, complete and with a missing square."""
    pictures = load_digits().images
    random = np.random.RandomState(0)
    gaps = pictures.copy()
    for picture, (row, column) in zip(gaps, random.randint(0, 8 - SIDE + 1, (len(gaps), 2)), strict=True):
        picture[row : row + SIDE, column : column + SIDE] = np.nan
    order = random.permutation(len(gaps))
    return pictures[order], gaps[order]


def wines_with_gaps():
    """Standardized columns, complete and with missing values."""
    X = StandardScaler().fit_transform(load_wine().data)
    return X, np.where(np.random.RandomState(0).random_sample(X.shape) < 0.3, np.nan, X)


def error(filled, true, gaps):
    """Root mean square error of the missing values, in standard deviations of all values."""
    missing = np.isnan(gaps)
    return float(np.sqrt(np.square(filled - true)[missing].mean()) / np.sqrt(true.var(0).mean()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    (out := parser.parse_args().out).mkdir(parents=True, exist_ok=True)

    pictures, gaps = digits_with_holes()
    n_train = 1500
    # An autoencoder of pictures takes them as they are; imputers of scikit-learn take flattened rows.
    autoencoder = AutoencoderTransformer(16, axes="h w", early_stopping=False)
    flat = [part.reshape(len(part), -1) for part in (gaps[:n_train], gaps[n_train:])]
    own = AutoencoderImputer(autoencoder, random_state=0).fit(gaps[:n_train])
    filled = {"AutoencoderImputer": own.transform(gaps[n_train:])}
    for who, imputer in (("nearest neighbors", KNNImputer()), ("mean", SimpleImputer(keep_empty_features=True))):
        filled[who] = imputer.fit(flat[0]).transform(flat[1]).reshape(-1, 8, 8)
    errors = {who: error(values, pictures[n_train:], gaps[n_train:]) for who, values in filled.items()}
    print("Digits, error of the missing pixels: ", "  ".join(f"{who} {value:.3f}" for who, value in errors.items()))
    print("weights of the estimates: ", {name: round(weight, 2) for name, weight in own.weights_.items()})

    wines, wine_gaps = wines_with_gaps()
    imputers = {
        "AutoencoderImputer": AutoencoderImputer(random_state=0),
        "nearest neighbors": KNNImputer(),
        "mean": SimpleImputer(),
        "Bayesian ridge": IterativeImputer(random_state=0),
    }
    of_wines = {who: error(imputer.fit_transform(wine_gaps), wines, wine_gaps) for who, imputer in imputers.items()}
    print("Wines, error of the missing values: ", "  ".join(f"{who} {value:.3f}" for who, value in of_wines.items()))

    figure, grid = plt.subplots(2 + len(filled), SHOWN, figsize=(10, 5.4), layout="constrained")
    holes = np.ma.masked_invalid(gaps[n_train:])
    rows = {"true": pictures[n_train:], "with a gap": holes, **filled}
    for axes, (who, values) in zip(grid, rows.items(), strict=True):
        for axis, picture in zip(axes, values, strict=False):
            axis.imshow(picture, cmap=plt.get_cmap("gray_r").with_extremes(bad="#e6a23c"), vmin=0, vmax=16)
            axis.set(xticks=[], yticks=[])
        label = f"{who}\n{errors[who]:.2f}" if who in errors else who
        axes[0].set_ylabel(label, rotation=0, ha="right", va="center")
    figure.suptitle("Test pictures with a missing square; error in standard deviations")
    figure.savefig(out / "fill_the_gaps.png", dpi=110)
    print(f"Written to {out / 'fill_the_gaps.png'}.")


if __name__ == "__main__":
    main()
