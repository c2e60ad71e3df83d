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
