"""How much time do checkpoints take?

``fit`` with ``checkpoint_dir`` compared with the same without, alternating in one run: fits of a few seconds, which
may end before the first checkpoint, one fit with many rows, and one with many weights.
"""

import tempfile
import time

import numpy as np
from report import make_parser, write

from skae import AutoencoderTransformer, Dense

# Name, shape of X, architecture, epochs, repetitions.
FITS = [
    ("20,000 rows of 400, one epoch", (20_000, 400), "auto", 1, 9),
    ("20,000 rows of 400, eight epochs", (20_000, 400), "auto", 8, 5),
    ("200,000 rows of 40, four epochs", (200_000, 40), Dense((32,), normalization=None), 4, 7),
    ("4,000 rows of 400, 400-2000-1000-20", (4_000, 400), Dense((2000, 1000)), 12, 3),
]
CLAIM = 1.05


def seconds(X, architecture, epochs, folder, device):
    autoencoder = AutoencoderTransformer(
        8, architecture=architecture, max_epochs=epochs, checkpoint_dir=folder, device=device, random_state=0
    )
    began = time.perf_counter()
    autoencoder.fit(X)
    return time.perf_counter() - began


def main():
    device = make_parser(__doc__).parse_args().device
    table = []
    for name, shape, architecture, epochs, repeats in FITS:
        random = np.random.RandomState(0)
        X = (random.standard_normal((shape[0], 20)) @ random.standard_normal((20, shape[1]))).astype(np.float32)
        seconds(X[:1000], architecture, 1, None, device)
        taken = []
        for repeat in range(repeats):
            with tempfile.TemporaryDirectory() as folder:
                order = (folder, None) if repeat % 2 else (None, folder)
                measured = {where: seconds(X, architecture, epochs, where, device) for where in order}
                taken.append((measured[None], measured[folder]))
        plain, kept = np.median(taken, axis=0)
        ratio = float(np.median([kept / plain for plain, kept in taken]))
        table.append([name, float(plain), float(kept), ratio])
        print(*table[-1], flush=True)
    write("checkpoints", ["fit", "seconds", "with checkpoints", "ratio"], table, device=device, claim=CLAIM)
    for name, *_, ratio in table:
        assert ratio <= CLAIM, f"{name}: {ratio:.2f} of the time without checkpoints, claimed {CLAIM}"


if __name__ == "__main__":
    main()
