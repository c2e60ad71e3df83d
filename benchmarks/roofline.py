"""What fraction of the machine's peak of matrix products does training reach?

Floating-point operations of the linear and convolutional layers of the network, forward and twice that backward, per
second, as a fraction of those of one large matrix product in the precision of training, on the same device in the same
run. On a busy machine, ``--cpu-time`` measures the time of the processor, with one thread.
"""

import time

import numpy as np
import torch
from report import make_parser, write
from torch.utils.flop_counter import FlopCounterMode

from skae import AutoencoderTransformer, Convolutional, Dense

# Name, shape of X, architecture, n_components, batch size, minimum fraction on a CPU.
NETWORKS = [
    ("784-1000-500-250-30", (12_000, 784), Dense((1000, 500, 250)), 30, 256, 0.45),
    ("784-1000-500-250-30, plain", (12_000, 784), Dense((1000, 500, 250), normalization=None), 30, 256, 0.45),
    ("784-1000-500-250-30, plain", (12_000, 784), Dense((1000, 500, 250), normalization=None), 30, 1024, 0.6),
    ("64-256-128-8", (50_000, 64), Dense(), 8, 256, 0.0),
    ("convolution 28 x 28", (3_000, 28, 28), Convolutional(), 30, 256, 0.0),
    ("convolution 64 x 64 x 3", (600, 64, 64, 3), Convolutional(), 30, 64, 0.0),
]


def peak(device, dtype, clock):
    """FLOP/s of a matrix product, the maximum of several runs."""
    a, b = (torch.randn(2048, 2048, device=device).to(dtype) for _ in range(2))
    best = 0.0
    for _ in range(10):
        began = clock()
        (a @ b).sum().item()
        best = max(best, 2 * 2048**3 / (clock() - began))
    return best


def fit(X, architecture, n_components, batch_size, max_epochs, device):
    return AutoencoderTransformer(
        n_components,
        architecture=architecture,
        batch_size=batch_size,
        max_epochs=max_epochs,
        early_stopping=False,
        device=device,
        random_state=0,
    ).fit(X)


def seconds_per_epoch(X, settings, device, clock):
    """The difference of fits of four epochs and one, and the last fit."""
    times = []
    for max_epochs in (1, 4):
        began = clock()
        autoencoder = fit(X, *settings, max_epochs, device)
        times.append(clock() - began)
    return (times[1] - times[0]) / 3, autoencoder


def flops_per_row(autoencoder, shape):
    """Floating-point operations per row, forward and backward."""
    module = autoencoder.net_.module_
    x = torch.zeros(2, *autoencoder._result.layout.network_shape, device=autoencoder.net_.device)
    with FlopCounterMode(display=False) as counter:
        module(x).output.sum().backward()
    return counter.get_total_flops() / 2


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--cpu-time", action="store_true", help="time of the processor, with one thread")
    args = parser.parse_args()
    device, clock = args.device, time.process_time if args.cpu_time else time.perf_counter
    if args.cpu_time:
        torch.set_num_threads(1)
    table = []
    for name, shape, *settings, claim in NETWORKS:
        X = np.random.RandomState(0).standard_normal(shape).astype(np.float32)
        seconds, autoencoder = seconds_per_epoch(X, settings, device, clock)
        precision = autoencoder.net_.precision
        reached = flops_per_row(autoencoder, shape) * len(X) / seconds
        best = peak(device, getattr(torch, precision), clock)
        table.append([name, settings[-1], precision, reached / 1e9, best / 1e9, reached / best, claim])
        print(*table[-1], flush=True)
    write(
        "roofline",
        ["network", "batch", "precision", "GFLOP/s", "peak GFLOP/s", "share", "claimed"],
        table,
        device=device,
        clock="processor" if args.cpu_time else "wall",
    )
    for name, *_, share, claim in table:
        assert device != "cpu" or share >= claim, f"{name} reaches {share:.2f} of the peak, claimed {claim}"


if __name__ == "__main__":
    main()
