"""Is a loss per column group better: cross entropy for categories, squared error for numbers?

A table of numbers and one-hot groups, made from bundled tables by binning half of the columns into four categories
each. The same network with the same initialization minimizes the squared error of all columns, or the squared error
of numbers plus the cross entropy of groups, at several weights. Measured on the test set: accuracy of the categories,
and squared error of the numbers.
"""

import numpy as np
import torch
from report import make_parser, write
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import KBinsDiscretizer, StandardScaler
from torch import nn

CATEGORIES, EPOCHS = 4, 150


def table(X):
    """Numbers followed by groups of one-hot columns, scaled globally as the estimator does."""
    half = X.shape[1] // 2
    cut = KBinsDiscretizer(
        CATEGORIES, encode="onehot-dense", strategy="quantile", quantile_method="averaged_inverted_cdf"
    )
    columns = ColumnTransformer([("numbers", StandardScaler(), slice(0, half)), ("groups", cut, slice(half, None))])
    return columns.fit_transform(X).astype(np.float32), half


def test_errors(X, n_numbers, k, weight, seed, device):
    """Accuracy of categories and squared error of numbers; ``weight=None`` is squared error for all columns."""
    train, test = (torch.from_numpy(part).to(device) for part in train_test_split(X, test_size=0.3, random_state=seed))
    torch.manual_seed(seed)
    mean, d = train.mean(0), X.shape[1]
    network = nn.Sequential(
        nn.Linear(d, 128), nn.SiLU(), nn.Linear(128, k), nn.Linear(k, 128), nn.SiLU(), nn.Linear(128, d)
    )
    network.to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-3)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(train)).split(32):
            x = train[rows]
            out = network(x - mean)
            if weight is None:
                loss = (out + mean - x).square().mean()
            else:
                loss = (out[:, :n_numbers] + mean[:n_numbers] - x[:, :n_numbers]).square().sum() / x.numel()
                logits, shares = (a[:, n_numbers:].unflatten(1, (-1, CATEGORIES)) for a in (out, x))
                loss = (
                    loss
                    + weight
                    * nn.functional.cross_entropy(logits.transpose(1, 2), shares.transpose(1, 2), reduction="sum")
                    / x.numel()
                )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        out = network(test - mean) + (mean if weight is None else torch.cat([mean[:n_numbers], 0 * mean[n_numbers:]]))
    guessed, true = (a[:, n_numbers:].unflatten(1, (-1, CATEGORIES)).argmax(2) for a in (out, test))
    error = (out[:, :n_numbers] - test[:, :n_numbers]).square().mean()
    return float((guessed == true).float().mean()), float(error)


def main():
    device = make_parser(__doc__).parse_args().device
    torch.set_num_threads(1)
    rows = []
    for name, load in (("wine", load_wine), ("breast cancer", load_breast_cancer), ("diabetes", load_diabetes)):
        X, n_numbers = table(load().data)
        for k in (2, 4):
            for weight in (None, 0.1, 0.3, 1.0):
                found = np.mean([test_errors(X, n_numbers, k, weight, seed, device) for seed in range(3)], axis=0)
                rows.append([name, k, "squared error" if weight is None else f"groups, {weight}", *map(float, found)])
                print("  ".join(map(str, rows[-1])), flush=True)
    columns = ["data", "components", "loss", "categories right", "squared error of numbers"]
    write("column_groups", columns, rows, device=device)


if __name__ == "__main__":
    main()
