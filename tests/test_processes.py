"""Forks, processes and imports: nothing hangs, nothing heavy comes along."""

import subprocess
import sys

import pytest

FORK = """
import multiprocessing, numpy as np, torch
torch.set_num_threads(2)
from skae import AutoencoderTransformer
X = np.random.RandomState(0).standard_normal((3000, 600)).astype(np.float32)
autoencoder = AutoencoderTransformer(2, max_epochs=1, random_state=0).fit(X)
def work():
    autoencoder.transform(X)
    AutoencoderTransformer(2, max_epochs=1, random_state=0).fit(X)
child = multiprocessing.get_context("fork").Process(target=work)
child.start()
child.join(60)
assert child.exitcode == 0, child.exitcode
"""
IMPORT = """
import sys, skorch, sklearn.callback
before = set(sys.modules)
import skae
heavy = {"matplotlib", "pandas", "polars", "rich", "PIL", "onnxruntime"} & (set(sys.modules) - before)
assert not heavy, heavy
"""


def run(code):
    return subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120)


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="no fork here")
def test_forked_child_of_a_process_with_threads_finishes():
    done = run(FORK)
    assert done.returncode == 0, done.stderr


def test_import_brings_no_heavy_library_along():
    done = run(IMPORT)
    assert done.returncode == 0, done.stderr


CEILING = """
import resource, sys, numpy as np, torch
torch.set_num_threads(1)
from skae import AutoencoderTransformer, Dense
fitted = AutoencoderTransformer(2, architecture=Dense((16,)), max_epochs=1, random_state=0)
fitted.fit(np.random.RandomState(0).randint(0, 255, (200, 1024)).astype(np.uint8))
X = np.memmap(sys.argv[1], dtype=np.uint8, mode="r", shape=(700_000, 1024))
fitted.transform(X[:20_000])
used = next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith("VmData")) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (used + 70 * 2**20, used + 70 * 2**20))
print(fitted.transform(X).shape)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of memory are those of Linux")
def test_memmaps_ten_times_as_large_as_the_memory_allowed_are_transformed(tmp_path):
    file = tmp_path / "rows"
    with open(file, "wb") as empty:
        empty.truncate(700_000 * 1024)  # a file with a hole takes no room
    done = subprocess.run([sys.executable, "-c", CEILING, str(file)], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "(700000, 2)", done.stderr
