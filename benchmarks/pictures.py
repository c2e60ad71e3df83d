"""Which architecture is best for pictures of which size?

Relative error (test error divided by that of PCA), averaged over bottleneck sizes and seeds, and CPU seconds per fit:
dense layers, convolutions with and without a dense layer between feature map and code, and the choice of "auto".
"""

import time

import numpy as np
import torch
from never_worse_than_pca import difference
from report import make_parser, write
from sklearn.datasets import load_digits, load_sample_image
from sklearn.feature_extraction.image import extract_patches_2d

from skae import Convolutional

ARCHITECTURES = {
    "auto": "auto",
    "dense": "dense",
    "conv": "conv",
    "conv, SiLU": Convolutional(activation="silu"),
    "conv, no hidden layer": Convolutional(hidden_sizes=()),
}


def pictures(path):
    """Name, pictures and bottleneck sizes."""
    yield "digits", load_digits().images, (2, 8, 16)
    for size, sizes in ((8, (4, 16)), (16, (4, 16, 32))):
        photograph = load_sample_image("flower.jpg")
        patches = extract_patches_2d(photograph, (size, size), max_patches=2000, random_state=0)
        yield f"patches of flower, {size} x {size}", patches, sizes
    if path:
        with np.load(path) as data:
            yield "MNIST, 3000 rows", data["X_train"][:3000], (2, 10, 30)


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--data", help="npz with X_train (n, 28, 28), of which 3,000 digits are used")
    parser.add_argument("--seeds", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(1)
    table = []
    for name, X, sizes in pictures(args.data):
        for who, architecture in ARCHITECTURES.items():
            began, left = time.process_time(), []
            for k in sizes:
                for seed in range(args.seeds):
                    pca, gain = difference(X, k, seed, architecture=architecture, device=args.device)
                    left.append((1 - pca - gain) / (1 - pca))
            table.append([name, who, float(np.mean(left)), (time.process_time() - began) / len(left)])
            print("  ".join(f"{v:.3f}" if isinstance(v, float) else v for v in table[-1]), flush=True)
    write("pictures", ["pictures", "architecture", "of PCA's error left", "seconds a fit"], table, device=args.device)
    mean = {who: float(np.mean([row[2] for row in table if row[1] == who])) for who in ARCHITECTURES}
    print("  ".join(f"{who} {value:.3f}" for who, value in mean.items()))
    assert mean["auto"] <= min(mean["dense"], mean["conv"]) + 0.01, "auto selects the worse architecture"


if __name__ == "__main__":
    main()
