"""Which defaults are good on all data sets together?

Every candidate differs from the defaults in one parameter. The criterion is the relative error, the test error
divided by that of PCA, averaged over bottleneck sizes and seeds: below 1 is better than PCA. Rows are candidates,
columns are data sets, and the last column is the mean over data sets. Defaults are chosen by this mean, never by a
single data set.
"""

import time

import numpy as np
import torch
from never_worse_than_pca import bundled, difference
from report import make_parser, write

from skae import Dense

SIZES = {"digits": (1, 2, 8, 16, 32), "iris": (1, 2), "MNIST, 3000 rows": (2, 10, 30), "thumbnails": (8,)}
CANDIDATES = {
    "defaults": ({}, {}),
    "lr=3e-3": ({"lr": 3e-3}, {}),
    "lr=2e-2": ({"lr": 2e-2}, {}),
    "batch_size=16": ({"batch_size": 16}, {}),
    "batch_size=128": ({"batch_size": 128}, {}),
    "max_epochs=25": ({"max_epochs": 25}, {}),
    "max_epochs=75": ({"max_epochs": 75}, {}),
    "activation='silu'": ({}, {"activation": "silu"}),
    "activation='relu'": ({}, {"activation": "relu"}),
    "normalization=None": ({}, {"normalization": None}),
    "normalization='batch'": ({}, {"normalization": "batch"}),
    "normalization='layer'": ({}, {"normalization": "layer"}),
    "weight_decay=0.01": ({"net_params": {"optimizer__weight_decay": 0.01}}, {}),
    "weight_decay=0.3": ({"net_params": {"optimizer__weight_decay": 0.3}}, {}),
    "hidden_sizes=(512, 256)": ({}, {"hidden_sizes": (512, 256)}),
}


def relative_error(X, sizes, seeds, settings, architecture):
    """Test error divided by that of PCA."""
    shares = []
    for k in sizes:
        for seed in range(seeds):
            pca, gain = difference(X, k, seed, architecture=Dense(**architecture), **settings)
            shares.append((1 - pca - gain) / (1 - pca))
    return float(np.mean(shares))


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--data", help="npz with X_train (n, 28, 28), of which 3,000 digits are used")
    parser.add_argument("--seeds", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(1)
    sets = {name: X for name, X in bundled() if "30 rows" not in name and name != "linnerud"}
    if args.data:
        with np.load(args.data) as data:
            sets["MNIST, 3000 rows"] = data["X_train"][:3000]
    table = []
    for name, (settings, architecture) in CANDIDATES.items():
        began = time.perf_counter()
        settings = {**settings, "device": args.device}
        row = [
            relative_error(X, SIZES.get(s, (1, 2, 4, 8)), args.seeds, settings, architecture) for s, X in sets.items()
        ]
        table.append([name, *row, float(np.mean(row)), time.perf_counter() - began])
        print("  ".join(f"{v:.3f}" if isinstance(v, float) else v for v in table[-1]), flush=True)
    write("defaults", ["setting", *sets, "mean", "seconds"], table, device=args.device, seeds=args.seeds)
    best = min(row[-2] for row in table)
    assert table[0][-2] <= best + 0.02, (
        f"the defaults have a relative error of {table[0][-2]:.3f}, the best candidate {best:.3f}"
    )


if __name__ == "__main__":
    main()
