"""Forks and processes: nothing hangs, and results are equal."""

import os
import subprocess
import sys

import pytest
import torch

from skae.training import concurrency, device

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


def run(code):
    return subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120)


@pytest.mark.bad_input(115)
@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_forked_child_of_a_process_with_threads_finishes():
    done = run(FORK)
    assert done.returncode == 0, done.stderr


# On a busy machine, threads that wait actively take the time of those they wait for.
WAITING = {"OMP_WAIT_POLICY": "passive"}
THREADS = """
import os, sys, numpy as np, torch
torch.set_num_threads(2)
import skae
X = np.random.RandomState(0).standard_normal((1000, 200)).astype(np.float32)
def used():
    return skae.AutoencoderTransformer(2, early_stopping=False, max_epochs=1, random_state=0).fit(X)
if sys.argv[1] == "skae":
    fitted = used()
if sys.argv[1] == "torch":
    torch.from_numpy(X) @ torch.from_numpy(X.T)
for child in sys.argv[2:]:
    if os.fork() == 0:
        if child == "reads":
            fitted.transform(X)
        if child == "fits":
            used()
        print(torch.get_num_threads(), flush=True)
        os._exit(0)
    os.wait()
    assert torch.get_num_threads() == 2
    if child == "multiplies":
        torch.from_numpy(X) @ torch.from_numpy(X.T)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize(
    ("parent", "n_threads"),
    [
        pytest.param("imports", {"nothing": "2", "fits": "2"}, marks=pytest.mark.slow),
        ("skae", {"nothing": "2", "reads": "1", "fits": "1"}),
        # The child has none of the parent's threads, whoever started them.
        pytest.param("torch", {"nothing": "2", "fits": "1"}, marks=pytest.mark.slow),
        # Threads that start after a first fork, before which OpenBLAS ended its own.
        pytest.param("imports", {"nothing": "2", "multiplies": "2", "fits": "1"}, marks=pytest.mark.slow),
    ],
)
def test_forks_keep_their_threads_unless_they_would_hang(parent, n_threads):
    command = [sys.executable, "-c", THREADS, parent, *n_threads]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=os.environ | WAITING)
    assert done.stdout.split() == list(n_threads.values()), done.stderr


BITS = """
import hashlib, joblib, numpy as np, torch
from skae import AutoencoderTransformer
X = np.random.RandomState(0).standard_normal((600, 100)).cumsum(1)
def bits():
    fitted = AutoencoderTransformer(3, variant="denoising", max_epochs=1, random_state=0).fit(X)
    return hashlib.sha256(fitted.transform(X).tobytes()).hexdigest()
torch.set_num_threads(1)
results = [bits()]
torch.set_num_threads(2)
results.append(bits())
for backend in ("loky", "multiprocessing", "threading"):
    results += joblib.Parallel(2, backend=backend)(joblib.delayed(bits)() for _ in range(2))
print(len(results), len(set(results)))
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="its processes are forked")
def test_bits_are_the_same_over_processes_backends_and_threads():
    # Threads of torch only: PCA initialization uses numpy, whose products depend on the number of threads.
    environment = os.environ | {"JOBLIB_START_METHOD": "fork", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment |= WAITING
    command = [sys.executable, "-c", BITS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert done.stdout.split() == ["8", "1"], done.stderr


KILLED = """
import os, sys, signal, numpy as np
from joblib.externals.loky.process_executor import TerminatedWorkerError
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback
from skae import AutoencoderTransformer, Dense
X = np.random.RandomState(0).standard_normal((90, 6))
parent = os.getpid()
class Killing(Callback):
    def on_train_begin(self, net, **kwargs):
        import skae.training.checkpoints
        skae.training.checkpoints.PATIENCE = 0
    def on_epoch_end(self, net, **kwargs):
        if os.getpid() != parent and net.lr == 0.02 and len(net.history) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
estimator = AutoencoderTransformer(
    2, architecture=Dense((8,)), max_epochs=4, random_state=0, checkpoint_dir=sys.argv[1] + "/{fit}",
    net_params={"callbacks": [Killing()]},
)
search = GridSearchCV(estimator, {"lr": [0.01, 0.02]}, cv=2, n_jobs=2)
try:
    search.fit(X)
except TerminatedWorkerError:
    print("terminated", sum(len(files) for _, _, files in os.walk(sys.argv[1])) > 0)
# The killed fits resume from their checkpoints, and no file is left.
estimator.set_params(net_params=None)
search.fit(X)
alone = clone(estimator).set_params(checkpoint_dir=None)
expected = GridSearchCV(alone, {"lr": [0.01, 0.02]}, cv=2).fit(X)
print(np.allclose(search.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"], atol=1e-6))
print(os.listdir(sys.argv[1]))
"""


@pytest.mark.bad_input(113)
@pytest.mark.soak
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="signals are those of Linux")
def test_killed_workers_of_a_search_leave_only_checkpoints_that_resume(tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.stdout.splitlines() == ["terminated True", "True", "[]"], done.stderr


@pytest.mark.bad_input(115)
def test_cuda_in_a_forked_process_raises(monkeypatch):
    monkeypatch.setattr(concurrency._PROCESS, "parent_used_cuda", True)
    for name in ("auto", "cuda", "cuda:1"):
        with pytest.raises(RuntimeError, match=r"fork.*'spawn'.*'loky'.*device='cpu'"):
            device.resolve_device(name)
    with pytest.raises(RuntimeError, match="fork"), device.full_precision(torch.device("cuda")):
        pass
    assert device.resolve_device("cpu").type == "cpu"


CEILING = """
import resource, sys, numpy as np, torch
torch.set_num_threads(1)
from skae import AutoencoderTransformer, Dense
from skae.data import sources
sources.CACHE_BYTES, sources.BUFFER_BYTES = 0, 16 * 2**20
fitted = AutoencoderTransformer(2, architecture=Dense((16,)), max_epochs=1, random_state=0)
fitted.fit(np.random.RandomState(0).randint(0, 255, (200, 1024)).astype(np.uint8))
X = np.memmap(sys.argv[1], dtype=np.uint8, mode="r", shape=(300_000, 1024))
fitted.transform(X[:20_000])
used = next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith("VmSize")) * 1024
resource.setrlimit(resource.RLIMIT_AS, (used + 30 * 2**20, used + 30 * 2**20))
print(fitted.transform(X).shape)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of memory are those of Linux")
def test_memmaps_ten_times_as_large_as_the_memory_allowed_are_transformed(tmp_path):
    file = tmp_path / "rows"
    with open(file, "wb") as empty:
        empty.truncate(300_000 * 1024)  # a file with a hole takes no room
    done = subprocess.run([sys.executable, "-c", CEILING, str(file)], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "(300000, 2)", done.stderr
