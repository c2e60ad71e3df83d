"""What fraction of the machine's peak of matrix products does training reach?

Floating-point operations of the linear and convolutional layers of the network, forward and twice that backward, per
second, as a fraction of those of one large matrix product on the same device in the same run.
"""

import time

import numpy as np
import torch
from report import make_parser, write
from torch.utils.flop_counter import FlopCounterMode

from skae import AutoencoderTransformer, Convolutional, Dense

# Name, shape of X, architecture, n_components, batch size, minimum fraction.
NETWORKS = [
    ("784-1000-500-250-30", (12_000, 784), Dense((1000, 500, 250)), 30, 256, 0.45),
    ("784-1000-500-250-30, plain", (12_000, 784), Dense((1000, 500, 250), normalization=None), 30, 256, 0.45),
    ("784-1000-500-250-30, plain", (12_000, 784), Dense((1000, 500, 250), normalization=None), 30, 1024, 0.6),
    ("64-256-128-8", (50_000, 64), Dense(), 8, 256, 0.0),
    ("convolution 28 x 28", (3_000, 28, 28), Convolutional(), 30, 256, 0.0),
    ("convolution 64 x 64 x 3", (600, 64, 64, 3), Convolutional(), 30, 64, 0.0),
]


def peak(device):
    """FLOP/s of a matrix product, the maximum of several runs."""
    a, b = (torch.randn(2048, 2048, device=device) for _ in range(2))
    best = 0.0
    for _ in range(10):
        began = time.perf_counter()
        (a @ b).sum().item()
        best = max(best, 2 * 2048**3 / (time.perf_counter() - began))
    return best


def flops_per_row(autoencoder, shape):
    """Floating-point operations per row, forward and backward."""
    module = autoencoder.net_.module_
    x = torch.zeros(2, *autoencoder._result.layout.network_shape, device=autoencoder.net_.device)
    with FlopCounterMode(display=False) as counter:
        module(x).output.sum().backward()
    return counter.get_total_flops() / 2


def main():
    device = make_parser(__doc__).parse_args().device
    table = []
    for name, shape, architecture, n_components, batch_size, claim in NETWORKS:
        X = np.random.RandomState(0).standard_normal(shape).astype(np.float32)
        autoencoder = AutoencoderTransformer(
            n_components,
            architecture=architecture,
            batch_size=batch_size,
            max_epochs=3,
            early_stopping=False,
            device=device,
            random_state=0,
        ).fit(X)
        seconds = min(row["duration"] for row in autoencoder.history_)
        reached = flops_per_row(autoencoder, shape) * len(X) / seconds
        best = peak(device)
        table.append([name, batch_size, reached / 1e9, best / 1e9, reached / best, claim])
        print(*table[-1], flush=True)
    write(
        "roofline",
        ["network", "batch", "GFLOP/s", "peak GFLOP/s", "share", "claimed"],
        table,
        device=device,
    )
    for name, _, _, _, share, claim in table:
        assert device != "cpu" or share >= claim, f"{name} reaches {share:.2f} of the peak, claimed {claim}"


if __name__ == "__main__":
    main()
