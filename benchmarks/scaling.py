"""What does it cost as rows, features and pictures grow? Is transform's memory bounded, whatever the number of rows?

Rows a second of one epoch and of ``transform``, from a memory-mapped file: a number is to cost the same however many
there are. And the peak of anonymous memory during ``transform`` (Linux), which may be the output, ten batches and
64 MB.
"""

import pickle
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from report import parser_of, write

from skae import AutoencoderTransformer, Dense
from skae.data import inference_length

SMALL = Dense((32,), normalization=None)
# What grows, shape of X, architecture.
SIZES = [
    *(("rows", (n, 64), SMALL) for n in (1_000, 10_000, 100_000, 1_000_000)),
    *(("features", (4_000, p), SMALL) for p in (16, 64, 256, 1024, 4096)),
    *(("pictures", (256, size, size, 3), "conv") for size in (16, 32, 64, 128)),
]
# What a number may cost at the largest size, as a multiple of its cost at the one before.
SLOWER = 1.5
MIB = 2**20


# In a process of its own, where no freed memory is left to hide in: the fastest transform, and the peak of the first.
READER = """
import pickle, sys, threading, time
import numpy as np
def anonymous():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) * 1024
autoencoder, X = pickle.load(open(sys.argv[1], "rb")), np.load(sys.argv[2], mmap_mode="r")
autoencoder.transform(X[:2])
before = peak = anonymous()
done = threading.Event()
def watch():
    global peak
    while not done.wait(0.002):
        peak = max(peak, anonymous())
watcher = threading.Thread(target=watch)
watcher.start()
began = time.perf_counter()
Z = autoencoder.transform(X)
seconds = time.perf_counter() - began
peak = max(peak, anonymous())
done.set()
watcher.join()
for _ in range(3):  # the best of several, which other programs disturb least
    began = time.perf_counter()
    Z = autoencoder.transform(X)
    seconds = min(seconds, time.perf_counter() - began)
print(seconds, peak - before)
"""


def transformed(autoencoder, folder, path):
    """Seconds of the fastest, and bytes at the peak of the first, ``transform`` of the array at ``path``."""
    (Path(folder) / "autoencoder.pickle").write_bytes(pickle.dumps(autoencoder))
    arguments = [sys.executable, "-c", READER, str(Path(folder) / "autoencoder.pickle"), str(path)]
    seconds, peak = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.split()
    return float(seconds), int(peak)


def in_file(shape, folder):
    """The path of an array of noise that repeats every 1,000 rows."""
    path = Path(folder) / "X.npy"
    X = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    noise = np.random.RandomState(0).standard_normal((min(1000, shape[0]), *shape[1:])).astype(np.float32)
    for start in range(0, shape[0], len(noise)):
        X[start : start + len(noise)] = noise[: shape[0] - start]
    X.flush()
    return path


def main():
    device = parser_of(__doc__).parse_args().device
    table = []
    for what, shape, architecture in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            path = in_file(shape, folder)
            X = np.load(path, mmap_mode="r")
            autoencoder = AutoencoderTransformer(
                8, architecture=architecture, max_epochs=1, early_stopping=False, device=device, random_state=0
            )
            began = time.perf_counter()
            autoencoder.fit(X)
            fitting = time.perf_counter() - began
            transforming, peak = transformed(autoencoder, folder, path)
            n_features = int(np.prod(shape[1:]))
            allowed = shape[0] * 8 * 4 + 10 * inference_length(n_features) * n_features * 4 + 64 * MIB
            speeds = int(shape[0] / fitting), int(shape[0] / transforming)
            table.append([what, str(shape), *speeds, round(peak / MIB), round(allowed / MIB)])
            print(*table[-1], flush=True)
    columns = ["grows", "X", "fit rows/s", "transform rows/s", "transform peak MB", "allowed MB"]
    write("scaling", columns, table, device=device)
    for row in table:
        assert row[4] <= row[5], f"transform of {row[1]} took {row[4]} MB, allowed {row[5]}"
    sizes = dict.fromkeys(what for what, _, _ in SIZES)
    for what in sizes:
        (_, before, _), (_, after, _) = [size for size in SIZES if size[0] == what][-2:]
        rows = [row for row in table if row[0] == what][-2:]
        for column, name in ((2, "fit"), (3, "transform")):
            # Seconds a number: of the same cost where the whole is linear.
            costs = [1 / (row[column] * np.prod(shape[1:])) for row, shape in zip(rows, (before, after), strict=True)]
            slower = costs[1] / costs[0]
            assert slower < SLOWER, f"{name}: a number of {after} costs {slower:.2f} times one of {before}"


if __name__ == "__main__":
    main()
