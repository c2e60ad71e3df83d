"""Is training by the estimator slower than a hand-written PyTorch loop?

Rows per second of ``fit``, everything included, compared with loops over the same network, optimizer and batches,
alternating in one run, and with the default data path of skorch. The loops are in float32 and, where ``fit`` trains in
bfloat16, under autocast too. On a busy machine, ``--cpu-time`` measures the time of the processor, with one thread.
"""

import time

import numpy as np
import skorch
import torch
from report import make_parser, write
from torch import nn

from skae import AutoencoderTransformer, Convolutional, Dense

PLAIN = {"normalization": None, "linear_path": False}
# Name, rows, sample shape, architecture, n_components, batch size, epochs.
NETWORKS = [
    ("64-32-8, batch 128", 50_000, (64,), Dense((32,), **PLAIN), 8, 128, 12),
    ("64-32-8, batch 1024", 50_000, (64,), Dense((32,), **PLAIN), 8, 1024, 20),
    ("784-1000-500-250-30, batch 256", 6_000, (784,), Dense((1000, 500, 250), **PLAIN), 30, 256, 8),
    ("convolution 28 x 28, batch 128", 4_000, (28, 28), Convolutional((16, 32), linear_path=False), 16, 128, 8),
    ("convolution 64 x 64 x 3, batch 64", 1_000, (64, 64, 3), Convolutional((16, 32), linear_path=False), 16, 64, 8),
]
WITH_SKORCH = ("64-32-8, batch 128", "64-32-8, batch 1024")
# Of the float32 loop where ``fit`` trains in float32, and of both loops where it trains in bfloat16.
CLAIM, CLAIM_OF_FLOAT32, CLAIM_OF_BFLOAT16 = 0.95, 1.2, 0.9
REPEATS = 11


class EncoderDecoder(nn.Module):
    """Encoder followed by decoder."""

    def __init__(self, architecture, shape, n_components):
        super().__init__()
        halves = architecture.build(shape, n_components)
        self.encoder, self.decoder = halves.encoder, halves.decoder

    def forward(self, x):
        return self.decoder(self.encoder(x))


def network_shape(shape):
    return {1: shape, 2: (1, *shape), 3: (shape[-1], *shape[:-1])}[len(shape)]


def network_rows(X):
    """Scaled samples, channels first."""
    x = torch.from_numpy(X)
    x = (x - x.mean(0)) / x.std()
    return x.movedim(-1, 1).contiguous() if x.ndim == 4 else x[:, None] if x.ndim == 3 else x


def by_estimator(X, architecture, n_components, batch_size, epochs, device):
    return AutoencoderTransformer(
        n_components,
        architecture=architecture,
        batch_size=batch_size,
        max_epochs=epochs,
        early_stopping=False,
        lr=1e-3,
        device=device,
        random_state=0,
    ).fit(X)


def by_hand(X, architecture, n_components, batch_size, epochs, device, bfloat16=False):
    """A well-tuned loop: data on the device, one index per batch, a fused optimizer, a one-cycle learning rate."""
    module = EncoderDecoder(architecture, network_shape(X.shape[1:]), n_components).to(device)
    x = network_rows(X).to(device)
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-3, fused=True)
    steps = epochs * -(-len(x) // batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=steps)
    for _ in range(epochs):
        total = torch.zeros((), device=device)
        for indices in torch.randperm(len(x), device=device).split(batch_size):
            batch = x[indices]
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(device.partition(":")[0], torch.bfloat16, enabled=bfloat16):
                loss = nn.functional.mse_loss(module(batch), batch)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.detach()
        total.item()


def by_hand_in_bfloat16(*arguments):
    by_hand(*arguments, bfloat16=True)


def by_skorch(X, architecture, n_components, batch_size, epochs, device):
    """skorch as in its documentation."""
    skorch.NeuralNet(
        EncoderDecoder,
        nn.MSELoss,
        module__architecture=architecture,
        module__shape=network_shape(X.shape[1:]),
        module__n_components=n_components,
        optimizer=torch.optim.AdamW,
        lr=1e-3,
        batch_size=batch_size,
        max_epochs=epochs,
        train_split=None,
        verbose=0,
        device=device,
    ).fit(*[network_rows(X).numpy()] * 2)


def rows_per_second(train, X, *settings, epochs, device, clock=time.perf_counter):
    began = clock()
    train(X, *settings, epochs, device)
    return epochs * len(X) / (clock() - began)


def measure(X, settings, loops, repeats, **how):
    """Rows per second of the loops (repeats, n_loops): runs that follow each other have the same load."""
    for train in loops:
        train(X[:300], *settings, 1, how["device"])
    speeds = np.empty((repeats, len(loops)))
    for repeat in range(repeats):
        for index in np.roll(np.arange(len(loops)), repeat):
            speeds[repeat, index] = rows_per_second(loops[index], X, *settings, **how)
    return speeds


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--cpu-time", action="store_true", help="time of the processor, with one thread")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    args = parser.parse_args()
    if args.cpu_time:
        torch.set_num_threads(1)
    table, claims = [], []
    for name, n, shape, *settings, epochs in NETWORKS:
        X = np.random.RandomState(0).standard_normal((n, *shape)).astype(np.float32)
        how = {
            "epochs": epochs,
            "device": args.device,
            "clock": time.process_time if args.cpu_time else time.perf_counter,
        }
        precision = by_estimator(X[: settings[-1]], *settings, 1, args.device).net_.precision
        in_bfloat16 = precision == "bfloat16"
        loops = (by_estimator, by_hand, by_hand_in_bfloat16)[: 3 if in_bfloat16 else 2]
        speeds = measure(X, settings, loops, args.repeats, **how)
        ratios = [float(np.median(speeds[:, 0] / column)) for column in speeds.T[1:]]
        claims.append((CLAIM_OF_FLOAT32, CLAIM_OF_BFLOAT16) if in_bfloat16 else (CLAIM,))
        share = "-"
        if name in WITH_SKORCH:
            share = round(rows_per_second(by_skorch, X, *settings, **{**how, "epochs": 1}) / np.median(speeds[:, 1]), 3)
        speed = [int(value) for value in np.median(speeds, axis=0)]
        table.append(
            [name, precision, *speed, *ratios, share]
            if in_bfloat16
            else [name, precision, *speed, "-", *ratios, "-", share]
        )
        print(*table[-1], flush=True)
    columns = ["network", "precision", "skae rows/s", "by hand rows/s", "in bfloat16 rows/s", "skae / by hand"]
    write(
        "against_torch",
        [*columns, "skae / in bfloat16", "skorch / by hand"],
        table,
        device=args.device,
        claims=claims,
        clock="processor" if args.cpu_time else "wall",
    )
    for (name, *_, of_float32, of_bfloat16, _), claim in zip(table, claims, strict=True):
        for loop, ratio, least in zip(("float32", "bfloat16"), (of_float32, of_bfloat16), claim, strict=False):
            assert ratio >= least, f"{name}: {ratio:.2f} of the loop in {loop}, claimed {least}"


if __name__ == "__main__":
    main()
