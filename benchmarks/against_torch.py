"""Is training by the estimator slower than a hand-written PyTorch loop?

Rows per second of ``fit``, everything included, compared with a loop over the same network, optimizer and batches,
alternating in one run, and with the default data path of skorch.
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
CLAIM = 0.95
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
    AutoencoderTransformer(
        n_components,
        architecture=architecture,
        batch_size=batch_size,
        max_epochs=epochs,
        early_stopping=False,
        lr=1e-3,
        device=device,
        random_state=0,
    ).fit(X)


def by_hand(X, architecture, n_components, batch_size, epochs, device):
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
            loss = nn.functional.mse_loss(module(batch), batch)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.detach()
        total.item()


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


def rows_per_second(train, X, *settings, epochs, device):
    began = time.perf_counter()
    train(X, *settings, epochs, device)
    return epochs * len(X) / (time.perf_counter() - began)


def main():
    device = make_parser(__doc__).parse_args().device
    table = []
    for name, n, shape, *settings, epochs in NETWORKS:
        X = np.random.RandomState(0).standard_normal((n, *shape)).astype(np.float32)
        for train in (by_estimator, by_hand):
            train(X[:300], *settings, 1, device)
        speeds = []
        for repeat in range(REPEATS):
            order = (by_estimator, by_hand) if repeat % 2 else (by_hand, by_estimator)
            measured = {t: rows_per_second(t, X, *settings, epochs=epochs, device=device) for t in order}
            speeds.append((measured[by_estimator], measured[by_hand]))
        # Runs that follow each other have the same load, so pairs are compared.
        ratio = float(np.median([estimator / hand for estimator, hand in speeds]))
        estimator, hand = (int(np.median(speed)) for speed in zip(*speeds, strict=True))
        share = "-"
        if name in WITH_SKORCH:
            share = round(rows_per_second(by_skorch, X, *settings, epochs=1, device=device) / hand, 3)
        table.append([name, estimator, hand, ratio, share])
    write(
        "against_torch",
        ["network", "skae rows/s", "by hand rows/s", "skae / by hand", "skorch / by hand"],
        table,
        device=device,
        claim=CLAIM,
    )
    for name, *_, ratio, _ in table:
        assert ratio >= CLAIM, f"{name}: {ratio:.2f} of the hand-written loop, claimed {CLAIM}"
    at_least_equal = sum(ratio >= 1 for *_, ratio, _ in table)
    assert 2 * at_least_equal >= len(table), f"{at_least_equal} of {len(table)} rows reach 1.0, claimed half of them"


if __name__ == "__main__":
    main()
