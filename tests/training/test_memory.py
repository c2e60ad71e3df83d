"""Peak memory of calls beyond X is the same for few rows and for many (Linux)."""

import gc
import os
import pickle
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from skae import AutoencoderTransformer, Dense
from skae._inputs.validation import check_no_overflow

X = np.random.RandomState(0).standard_normal((90, 6)) @ np.random.RandomState(1).standard_normal((6, 6))
SMALL = {"architecture": Dense((8,)), "max_epochs": 2, "random_state": 0}
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the memory is read from /proc")
MIB = 2**20

# The peak of anonymous memory during a call in MiB, in a new process, which has no freed memory to reuse.
PEAK = """
import sys, threading, warnings
import numpy as np
import scipy.sparse as sp
import torch
from skae import AutoencoderNovelty, AutoencoderTransformer, Dense
from skae.data import sources
torch.set_num_threads(1)
warnings.simplefilter("ignore")
def anonymous():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024
class Sliced:  # supports only slices
    def __init__(self, X):
        self.X, self.shape, self.dtype = X, X.shape, X.dtype
    def __len__(self):
        return len(self.X)
    def __getitem__(self, key):
        assert isinstance(key, slice)
        return np.array(self.X[key])
def sparse(n, dtype):
    random, ends = np.random.RandomState(0), np.arange(0, n * 20 + 1, 20)
    return sp.csr_matrix((random.rand(n * 20).astype(dtype), random.randint(0, 20000, n * 20), ends), (n, 20000))
def new(**settings):
    settings = {"max_epochs": 1, "random_state": 0, "architecture": Dense((32,))} | settings
    return AutoencoderTransformer(8, **settings)
new().fit(np.random.RandomState(0).rand(300, 9))
exec(sys.argv[1])
before = peak = anonymous()
done = threading.Event()
def watch():
    global peak
    while not done.wait(0.002):
        peak = max(peak, anonymous())
watcher = threading.Thread(target=watch)
watcher.start()
exec(sys.argv[2])
done.set()
watcher.join()
print(max(peak, anonymous()) - before)
"""


def peak(given, call):
    """MiB that ``call`` takes at its peak beyond what there is after ``given``."""
    done = subprocess.run([sys.executable, "-c", PEAK, given, call], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


def in_file(folder, n, dtype, shape=(28, 28)):
    """The path of an array of noise."""
    path = folder / f"{n}.npy"
    X = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=(n, *shape))
    for start in range(0, n, 10_000):
        part = X[start : start + 10_000]
        part[...] = np.random.RandomState(start).randint(0, 255, size=part.shape, dtype=np.uint8)
    X.flush()
    return str(path)


# Limits at which small arrays are read as large ones are.
SMALL_LIMITS = "sources.CACHE_BYTES = 0; sources.BUFFER_BYTES = mixing.BUFFER_BYTES = 4 * 2**20"


def test_training_steps_keep_no_tensor(digits):
    # A small tensor between large ones would keep their memory from being reused.
    class Counting(Callback):
        def on_batch_begin(self, net, training=False, **kwargs):
            if training and net.batch_ in (10, 40):
                counts.append(sum(type(thing) is torch.Tensor for thing in gc.get_objects()))

    for variant in ("plain", "variational"):
        counts = []
        AutoencoderTransformer(
            2, variant=variant, batch_size=16, max_epochs=1, random_state=0, net_params={"callbacks": [Counting()]}
        ).fit(digits[:720])
        assert counts[1] <= counts[0] + 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("read", "call", "sizes"),
    [
        ("X = np.load({!r}, mmap_mode='r')", "new(batch_size=64).fit(X)", (8_000, 24_000)),
        ("X = Sliced(np.load({!r}, mmap_mode='r'))", "new(batch_size=64).fit(X)", (60_000, 180_000)),
        ("X = np.load({!r})", "new(batch_size=64).fit(X, X_val=X[::4])", (60_000, 180_000)),
        ("X = np.load({!r}, mmap_mode='r')", "new(batch_size=64).partial_fit(X)", (60_000, 180_000)),
    ],
)
def test_training_steps_leave_no_memory_behind(tmp_path, read, call, sizes):
    given = f"from skae.training import mixing; {SMALL_LIMITS}; {read}"
    few, many = (peak(given.format(in_file(tmp_path, n, np.uint8)), call) for n in sizes)
    assert many < few + 80  # slices of 16 MiB come and go


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_fit_takes_the_same_memory_for_four_times_the_rows(tmp_path, dtype):
    given = "X = np.load({!r}, mmap_mode='r')"
    few, many = (peak(given.format(in_file(tmp_path, n, dtype)), "new().fit(X)") for n in (100_000, 400_000))
    assert many < min(600, 1.2 * few + 50)


@pytest.mark.parametrize(
    ("n", "dtype", "call"),
    [
        pytest.param(3_000, "float32", "new().fit(X)", marks=pytest.mark.slow),
        pytest.param(3_000, "float64", "new().fit(X, X_val=X[::4])", marks=pytest.mark.slow),
        pytest.param(20_000, "float32", "new().fit(X)", marks=pytest.mark.slow),
        pytest.param(20_000, "float64", "new(early_stopping=False).fit(X)", marks=pytest.mark.slow),
        pytest.param(20_000, "int32", "new().partial_fit(X)", marks=pytest.mark.slow),
    ],
)
def test_sparse_rows_take_ten_times_their_memory_and_300_mib(n, dtype, call):
    size = n * 20 * (np.dtype(dtype).itemsize + 4) / MIB
    assert peak(f"X = sparse({n}, {dtype!r})", call) < 10 * size + 300


def test_overflow_check_reads_results_in_pieces():
    result = np.zeros((20_000, 1_000), dtype=np.float32)
    tracemalloc.start()
    try:
        check_no_overflow(result, "codes", "")
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    finally:
        tracemalloc.stop()
    result[-1, -1] = np.nan
    with pytest.raises(ValueError, match="The codes are not finite"):
        check_no_overflow(result, "codes", "")


@pytest.mark.slow
def test_novelty_copies_no_rows(tmp_path):
    # Members keep rows to compare with, but no copy of X, of errors or of reconstructions.
    given = f"{SMALL_LIMITS.split('; ')[0]}; X = np.load({{!r}})"
    call = "AutoencoderNovelty(new(), n_members=2, random_state=0).fit(X)"
    few, many = (peak(given.format(in_file(tmp_path, n, np.uint8, (64,))), call) for n in (50_000, 400_000))
    assert many < few + 400_000 * 64 * 4 / MIB


def resident():
    """Bytes of memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("n_calls", [60, pytest.param(10_000, marks=pytest.mark.soak)])
def test_partial_fit_does_not_grow(n_calls, record_property):
    estimator = AutoencoderTransformer(2, **SMALL)
    for _ in range(n_calls // 10 + 100):
        estimator.partial_fit(X)
    size, memory = len(pickle.dumps(estimator)), resident()
    times = []
    for _ in range(n_calls):
        began = time.process_time()  # other programs on the machine do not count
        estimator.partial_fit(X)
        times.append(time.process_time() - began)
    assert len(pickle.dumps(estimator)) <= size + 400  # the count of epochs gets longer
    assert resident() - memory < 5 * 2**20
    tenth = n_calls // 10
    slower = 1.2 if tenth >= 1000 else 2  # of few calls a median is rough
    assert np.median(times[-tenth:]) < slower * np.median(times[:tenth])
    record_property("times", len(times))
