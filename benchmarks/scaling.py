"""How do time and memory grow with rows, features and picture size? Is the memory of fit and transform bounded?

Rows per second of one epoch and of ``transform``, from a memory map: the time per value must be constant. Peaks of
anonymous memory (Linux): of ``transform``, at most the output, ten batches and 64 MB; of ``fit``, at most 600 MB for
samples of 28 x 28, for any number of samples.
"""

import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from report import make_parser, write

from skae import AutoencoderTransformer, Dense
from skae.data import inference_length

SMALL = Dense((32,), normalization=None)
# The dimension that grows, shape of X, architecture.
SIZES = [
    *(("rows", (n, 64), SMALL) for n in (1_000, 10_000, 100_000, 1_000_000)),
    *(("features", (4_000, p), SMALL) for p in (16, 64, 256, 1024, 4096)),
    *(("columns of few rows", (1_000, p), SMALL) for p in (2_000, 10_000, 50_000)),
    *(("samples", (n, 28, 28), SMALL) for n in (100_000, 2_000_000)),
    *(("pictures", (256, size, size, 3), "conv") for size in (16, 32, 64, 128)),
]
# Maximum time per value at the largest size, relative to the size before.
SLOWER = 1.5
MIB = 2**20


# Maximum memory of fit at 28 x 28, in MB.
MOST_OF_FIT = 600

# In separate processes, because freed memory would hide a peak: seconds of a call, and its memory peak.
WATCHER = """
import pickle, sys, threading, time, warnings
import numpy as np
def anonymous():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) * 1024
def watched(call):
    before = peak = anonymous()
    done = threading.Event()
    def watch():
        nonlocal peak
        while not done.wait(0.002):
            peak = max(peak, anonymous())
    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    result = call()
    seconds = time.perf_counter() - began
    peak = max(peak, anonymous())
    done.set()
    watcher.join()
    return result, seconds, peak - before
"""
LOAD = """
path = sys.argv[1]
autoencoder, X = pickle.load(open(path, "rb")), np.load(sys.argv[2], mmap_mode="r")
"""
FIT = """
from sklearn.base import clone
clone(autoencoder).set_params(architecture="dense").fit(np.random.RandomState(0).rand(300, 9))
_, seconds, peak = watched(lambda: autoencoder.fit(X))
pickle.dump(autoencoder, open(path, "wb"))
print(seconds, peak)
"""
# The minimum time of four calls, and the peak of the first.
TRANSFORM = """
autoencoder.transform(X[:2])
_, seconds, peak = watched(lambda: autoencoder.transform(X))
print(min(seconds, *(watched(lambda: autoencoder.transform(X))[1] for _ in range(3))), peak)
"""


def measure(code, autoencoder_file, X_file):
    """Seconds and peak bytes of ``code``."""
    arguments = [sys.executable, "-c", WATCHER + LOAD + code, str(autoencoder_file), str(X_file)]
    seconds, peak = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.split()
    return float(seconds), int(peak)


def in_file(shape, folder):
    """Write an array of noise that repeats every 1,000 rows, as bytes if it is large; returns its path."""
    path = Path(folder) / "X.npy"
    dtype = np.uint8 if np.prod(shape) > 5e8 else np.float32
    X = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    noise = np.random.RandomState(0).standard_normal((min(1000, shape[0]), *shape[1:])).astype(np.float32)
    noise = noise if dtype == np.float32 else (40 * noise + 128).clip(0, 255).astype(dtype)
    for start in range(0, shape[0], len(noise)):
        X[start : start + len(noise)] = noise[: shape[0] - start]
    X.flush()
    return path


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--grows", help="measure only this dimension, such as 'features'; others are in another file")
    options = parser.parse_args()
    device = options.device
    table = []
    for what, shape, architecture in SIZES:
        if options.grows not in (None, what):
            continue
        with tempfile.TemporaryDirectory() as folder:
            path = in_file(shape, folder)
            autoencoder = AutoencoderTransformer(
                8, architecture=architecture, max_epochs=1, early_stopping=False, device=device, random_state=0
            )
            file = Path(folder) / "autoencoder.pickle"
            file.write_bytes(pickle.dumps(autoencoder))
            fitting, fit_peak = measure(FIT, file, path)
            transforming, peak = measure(TRANSFORM, file, path)
            n_features = int(np.prod(shape[1:]))
            allowed = shape[0] * 8 * 4 + 10 * inference_length(n_features) * n_features * 4 + 64 * MIB
            speeds = int(shape[0] / fitting), int(shape[0] / transforming)
            table.append([what, str(shape), *speeds, round(fit_peak / MIB), round(peak / MIB), round(allowed / MIB)])
            print(*table[-1], flush=True)
    columns = ["grows", "X", "fit rows/s", "transform rows/s", "fit peak MB", "transform peak MB", "allowed MB"]
    question = "scaling" if options.grows is None else f"scaling_{options.grows.replace(' ', '_')}"
    write(question, columns, table, device=device)
    for row in table:
        assert row[5] <= row[6], f"transform of {row[1]} took {row[5]} MB, allowed {row[6]}"
        assert row[0] != "samples" or row[4] <= MOST_OF_FIT, f"fit of {row[1]} took {row[4]} MB, allowed {MOST_OF_FIT}"
    for what in dict.fromkeys(row[0] for row in table):
        (_, before, _), (_, after, _) = [size for size in SIZES if size[0] == what][-2:]
        rows = [row for row in table if row[0] == what][-2:]
        for column, name in ((2, "fit"), (3, "transform")):
            # Seconds per value: constant if time is linear.
            costs = [1 / (row[column] * np.prod(shape[1:])) for row, shape in zip(rows, (before, after), strict=True)]
            slower = costs[1] / costs[0]
            assert slower < SLOWER, f"{name}: a value of {after} takes {slower:.2f} times as long as one of {before}"


if __name__ == "__main__":
    main()
