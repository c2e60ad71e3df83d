"""What does it cost as rows, features and pictures grow? Is the memory of fit and transform bounded, whatever the rows?

Rows per second of one epoch and of ``transform``, from a memory-mapped file: a number is to cost the same however many
there are. And the peaks of anonymous memory (Linux): of ``transform``, which may be the output, ten batches and 64 MB;
and of ``fit``, which may be 600 MB for samples of 28 x 28, whatever their number.
"""

import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from report import parser_of, write

from skae import AutoencoderTransformer, Dense
from skae._data import inference_length

SMALL = Dense((32,), normalization=None)
# What grows, shape of X, architecture.
SIZES = [
    *(("rows", (n, 64), SMALL) for n in (1_000, 10_000, 100_000, 1_000_000)),
    *(("features", (4_000, p), SMALL) for p in (16, 64, 256, 1024, 4096)),
    *(("samples", (n, 28, 28), SMALL) for n in (100_000, 2_000_000)),
    *(("pictures", (256, size, size, 3), "conv") for size in (16, 32, 64, 128)),
]
# What a number may cost at the largest size, as a multiple of its cost at the one before.
SLOWER = 1.5
MIB = 2**20


# The most that fit may take at 28 x 28, in MB.
MOST_OF_FIT = 600

# In processes of their own, where no freed memory is left to hide in: seconds of a call, and its peak of memory.
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
# The fastest of four, which other programs disturb least, and the peak of the first.
TRANSFORM = """
autoencoder.transform(X[:2])
_, seconds, peak = watched(lambda: autoencoder.transform(X))
print(min(seconds, *(watched(lambda: autoencoder.transform(X))[1] for _ in range(3))), peak)
"""


def measured(code, autoencoder_file, X_file):
    """Seconds and bytes at the peak of what ``code`` does."""
    arguments = [sys.executable, "-c", WATCHER + code, str(autoencoder_file), str(X_file)]
    seconds, peak = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.split()
    return float(seconds), int(peak)


def in_file(shape, folder):
    """The path of an array of noise that repeats every 1,000 rows; of bytes where there are many numbers."""
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
    device = parser_of(__doc__).parse_args().device
    table = []
    for what, shape, architecture in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            path = in_file(shape, folder)
            autoencoder = AutoencoderTransformer(
                8, architecture=architecture, max_epochs=1, early_stopping=False, device=device, random_state=0
            )
            file = Path(folder) / "autoencoder.pickle"
            file.write_bytes(pickle.dumps(autoencoder))
            fitting, fit_peak = measured(FIT, file, path)
            transforming, peak = measured(TRANSFORM, file, path)
            n_features = int(np.prod(shape[1:]))
            allowed = shape[0] * 8 * 4 + 10 * inference_length(n_features) * n_features * 4 + 64 * MIB
            speeds = int(shape[0] / fitting), int(shape[0] / transforming)
            table.append([what, str(shape), *speeds, round(fit_peak / MIB), round(peak / MIB), round(allowed / MIB)])
            print(*table[-1], flush=True)
    columns = ["grows", "X", "fit rows/s", "transform rows/s", "fit peak MB", "transform peak MB", "allowed MB"]
    write("scaling", columns, table, device=device)
    for row in table:
        assert row[5] <= row[6], f"transform of {row[1]} took {row[5]} MB, allowed {row[6]}"
        assert row[0] != "samples" or row[4] <= MOST_OF_FIT, f"fit of {row[1]} took {row[4]} MB, allowed {MOST_OF_FIT}"
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
