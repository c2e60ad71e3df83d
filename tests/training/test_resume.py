"""Fits resume from checkpoints to the same bits."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback
from stopped_fits import Stopping, bits

from skae import AutoencoderTransformer, Custom, Dense
from skae.training.fingerprint import RowsFingerprint
from skae.variants import Denoising, Nested, Variational

X = np.random.RandomState(0).standard_normal((90, 6)) @ np.random.RandomState(1).standard_normal((6, 6))
SMALL = {"architecture": Dense((8,)), "max_epochs": 2, "random_state": 0}


# Enough batches of one length that steps are recorded, compared, and repeated.
RECORDED = {"variant": "plain", "batch_size": 4}


LONG = {
    "plain": {"variant": "plain"},
    "recorded steps": RECORDED,
    "drawing": {"variant": Denoising(variant=Nested(Variational()))},
    "no early stopping": {"early_stopping": False, "optimizer": "sgd"},
    "stops early": {"tol": 0.5, "n_iter_no_change": 4},
    "quantized": {"variant": "vector_quantized"},
    "is_custom": {
        "architecture": Custom(torch.nn.Sequential(torch.nn.Dropout(0.1), torch.nn.Linear(6, 3)), torch.nn.Linear(3, 6))
    },
}


class Counting(Callback):
    """Counts the epochs that are trained."""

    n = 0

    def on_epoch_end(self, net, **kwargs):
        self.n += 1


def crash(estimator, folder, epoch, rows=X):
    """Fit that fails after an epoch as if the machine stopped: the checkpoint stays."""

    class Crashing(Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == epoch + 1:
                raise MemoryError("stands for a machine that stops")

    estimator.set_params(net_params={"callbacks": [Crashing()]})
    with pytest.raises(MemoryError):
        estimator.fit(rows)
    estimator.set_params(net_params=None)
    assert len(list(folder.rglob("checkpoint.skae"))) == 1


SCRIPT = """
import sys, numpy as np, torch, hashlib
torch.set_num_threads(1)
from skae import AutoencoderTransformer, Dense
from skae.training import checkpoints
checkpoints.PATIENCE = 0
X = np.load(sys.argv[1])
folder = None if sys.argv[2] == "None" else sys.argv[2]
print("begin", flush=True)
fitted = AutoencoderTransformer(3, variant="denoising", max_epochs=8, random_state=0, checkpoint_dir=folder).fit(X)
print(hashlib.sha256(fitted.transform(X).tobytes()).hexdigest(), fitted.n_iter_, flush=True)
"""


def run_fit(folder, checkpoint_dir):
    command = [sys.executable, "-c", SCRIPT, str(folder / "X.npy"), str(checkpoint_dir)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


@pytest.fixture(autouse=True)
def after_every_epoch(monkeypatch):
    """Short fits would write no checkpoint."""
    monkeypatch.setattr("skae.training.checkpoints.PATIENCE", 0)


@pytest.mark.parametrize("settings", LONG.values(), ids=LONG.keys())
@pytest.mark.parametrize("epoch", [1, 3])
def test_fit_resumes_to_the_same_bits(tmp_path, settings, epoch):
    settings = {**SMALL, "max_epochs": 5, **settings}
    whole = AutoencoderTransformer(3, **settings).fit(X)
    kept = AutoencoderTransformer(3, checkpoint_dir=tmp_path, **settings)
    crash(kept, tmp_path, epoch)
    counting = Counting()
    kept.set_params(net_params={"callbacks": [counting]}).fit(X)
    assert counting.n == whole.n_iter_ - epoch - 1
    assert bits(kept) == bits(whole)
    assert list(tmp_path.iterdir()) == []


def test_fit_resumes_in_the_second_cycle_to_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.setattr("skae.training.schedule.CYCLES", (6, 6))
    phase = np.random.RandomState(0).uniform(0, 1, (200, 1))
    waves = np.sin(2 * np.pi * (2 * np.linspace(0, 1, 16) + phase)) ** 3
    settings = {**SMALL, "max_epochs": "auto"}
    whole = AutoencoderTransformer(1, **settings).fit(waves)
    assert whole.n_iter_ == 12
    for epoch in (6, 9):
        kept = AutoencoderTransformer(1, checkpoint_dir=tmp_path, **settings)
        crash(kept, tmp_path, epoch, rows=waves)
        assert bits(kept.fit(waves)) == bits(whole)


def test_fit_resumes_after_ctrl_c_without_random_state(tmp_path):
    stopping = AutoencoderTransformer(
        2, checkpoint_dir=str(tmp_path), architecture=Dense((8,)), max_epochs=6, random_state=None
    )
    crash(stopping, tmp_path, 3)
    stopping.fit(X)
    assert stopping.n_iter_ == 6
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("on_interrupt", ["raise", "keep"])
@pytest.mark.parametrize("fits_before", [0, 1])
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.filterwarnings("ignore:Training was interrupted")
@pytest.mark.parametrize("folder", ["kept", "{fit}"])
def test_warm_starts_resume_after_ctrl_c(tmp_path, folder, on_interrupt, fits_before, times):
    settings = {**SMALL, "max_epochs": 4, "warm_start": True}
    whole, kept = (AutoencoderTransformer(2, on_interrupt=on_interrupt, **settings) for _ in range(2))
    for _ in range(fits_before):
        whole.fit(X)
        kept.fit(X)
    whole.fit(X)
    kept.set_params(checkpoint_dir=tmp_path / folder)
    for epoch in range(2, 2 + times):
        kept.set_params(net_params={"callbacks": [Stopping(epoch, KeyboardInterrupt)]})
        with contextlib.suppress(KeyboardInterrupt):
            kept.fit(X)
        assert kept.n_iter_ == 4 * fits_before + epoch
    kept.set_params(net_params=None).fit(X)
    assert bits(kept) == bits(whole)
    assert (kept.n_iter_, kept.best_epoch_) == (whole.n_iter_, whole.best_epoch_)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_rows_that_can_only_be_sliced_have_a_folder_of_their_own(tmp_path):
    class Slices:
        shape, dtype = X.shape, X.dtype

        def __len__(self):
            return len(X)

        def __getitem__(self, key):
            assert key.start >= 0
            assert key.stop > 0
            return X[key]

    kept = AutoencoderTransformer(2, checkpoint_dir=tmp_path / "{fit}", **SMALL)
    crash(kept, tmp_path, 1, Slices())
    kept.fit(Slices())
    assert list(tmp_path.iterdir()) == []


def test_rows_are_read_in_full_only_where_there_is_a_checkpoint(tmp_path, monkeypatch):
    read = []
    whole = RowsFingerprint.in_full.func
    monkeypatch.setattr(RowsFingerprint, "in_full", property(lambda self: read.append(1) or whole(self)))
    monkeypatch.setattr("skae.training.checkpoints.PATIENCE", 10**6)
    AutoencoderTransformer(2, checkpoint_dir=tmp_path / "{fit}", **SMALL).fit(X)
    assert not read
    monkeypatch.setattr("skae.training.checkpoints.PATIENCE", 0)
    AutoencoderTransformer(2, checkpoint_dir=tmp_path / "{fit}", **SMALL).fit(X)
    assert read


@pytest.mark.bad_input(47)
@pytest.mark.parametrize(
    ("changed", "rows", "match"),
    [
        ({"lr": 0.5}, X, "lr was 'auto' and is 0.5"),
        ({}, X + 1e-9, "values of X was"),
        ({}, X[:80], r"shape of X was \(90, 6\) and is \(80, 6\)"),
        ({}, np.r_[X[:50], X[51:52], X[50:51], X[52:]], "values of X was"),
    ],
)
def test_checkpoint_of_another_fit_is_refused(tmp_path, changed, rows, match):
    kept = AutoencoderTransformer(2, checkpoint_dir=tmp_path, **SMALL)
    crash(kept, tmp_path, 1)
    with pytest.raises(ValueError, match=match):
        kept.set_params(**changed).fit(rows)
    assert not hasattr(kept, "net_")
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.skae"]


def test_checkpoint_with_another_validation_set_is_refused(tmp_path):
    kept = AutoencoderTransformer(2, checkpoint_dir=tmp_path, net_params={"callbacks": [Stopping(1, OSError())]})
    kept.set_params(**SMALL)
    for held_out, error in ((X[:40], OSError), (np.r_[X[:39], X[40:41]], ValueError)):
        with pytest.raises(error):
            kept.fit(X, X_val=held_out)


def test_random_state_instance_resumes_at_its_position(tmp_path):
    settings = {**SMALL, "max_epochs": 4}
    whole = AutoencoderTransformer(2, **{**settings, "random_state": np.random.RandomState(3)}).fit(X)
    stream = np.random.RandomState(3)
    kept = AutoencoderTransformer(2, checkpoint_dir=tmp_path, **{**settings, "random_state": stream})
    crash(kept, tmp_path, 1)
    kept.fit(X)
    assert bits(kept) == bits(whole)
    assert stream.randint(1000) == whole.random_state.randint(1000)


def test_lazy_and_half_precision_modules_resume(tmp_path):
    for encoder in (torch.nn.LazyLinear(2), torch.nn.Linear(6, 2).bfloat16()):
        architecture = Custom(encoder, torch.nn.Linear(2, 6))
        kept = AutoencoderTransformer(2, checkpoint_dir=tmp_path, **{**SMALL, "architecture": architecture})
        crash(kept, tmp_path, 1)
        kept.fit(X)
        assert list(tmp_path.iterdir()) == []


def test_files_of_the_user_stay(tmp_path):
    for name in ("in-use", ".skae-mine.tmp"):
        (tmp_path / name).write_text("mine")
    AutoencoderTransformer(2, checkpoint_dir=tmp_path, **SMALL).fit(X)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".skae-mine.tmp", "in-use"]


def test_failed_fits_leave_no_folder(tmp_path):
    failing = AutoencoderTransformer(2, checkpoint_dir=tmp_path / "{fit}", **SMALL).set_params(lr=1e30)
    with pytest.raises(ValueError, match="non-finite"):
        failing.fit(X)
    assert list(tmp_path.iterdir()) == []
    failing.set_params(lr="auto").fit(X)
    assert list(tmp_path.iterdir()) == []


def test_equal_random_state_instances_resume(tmp_path):
    settings = {**SMALL, "random_state": np.random.RandomState(3)}
    kept = AutoencoderTransformer(2, checkpoint_dir=tmp_path, **settings)
    crash(kept, tmp_path, 1)
    kept.set_params(random_state=np.random.RandomState(3)).fit(X)
    assert list(tmp_path.iterdir()) == []


def test_checkpoint_with_other_initial_weights_is_refused(tmp_path):
    for seed in (0, 1):
        torch.manual_seed(seed)
        custom = Custom(torch.nn.Linear(6, 2), torch.nn.Linear(2, 6))
        kept = AutoencoderTransformer(2, checkpoint_dir=tmp_path, **{**SMALL, "architecture": custom})
        if seed == 0:
            crash(kept, tmp_path, 1)
    with pytest.raises(ValueError, match="modules was"):
        kept.fit(X)


def test_damaged_checkpoint_is_refused(tmp_path):
    kept = AutoencoderTransformer(2, checkpoint_dir=tmp_path, **SMALL)
    crash(kept, tmp_path, 1)
    file = tmp_path / "checkpoint.skae"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ValueError, match="Delete it to start over"):
        kept.fit(X)


@pytest.mark.bad_input(46)
def test_invalid_checkpoint_dir_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        AutoencoderTransformer(2, checkpoint_dir=tmp_path / "file" / "folder", **SMALL).fit(X)
    with pytest.raises(ValueError, match="'checkpoint_dir' parameter"):
        AutoencoderTransformer(2, checkpoint_dir=3, **SMALL).fit(X)


@pytest.mark.bad_input(48)
def test_folder_in_use_by_a_running_fit_is_refused(tmp_path):
    seen = []

    class Second(Callback):
        def on_epoch_end(self, net, **kwargs):
            try:
                AutoencoderTransformer(2, checkpoint_dir=tmp_path, **SMALL).fit(X)
            except ValueError as error:
                seen.append(str(error))

    first = AutoencoderTransformer(2, checkpoint_dir=tmp_path, **SMALL)
    first.set_params(net_params={"callbacks": [Second()]}).fit(X)
    assert f"in use by process {os.getpid()}" in seen[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.bad_input(48)
def test_every_fit_of_a_search_has_its_own_folder(tmp_path):
    from sklearn.model_selection import GridSearchCV

    search = GridSearchCV(
        AutoencoderTransformer(checkpoint_dir=tmp_path / "{fit}", **SMALL), {"n_components": [1, 2]}, cv=2, n_jobs=2
    )
    search.fit(X)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "n_kills", [pytest.param(1, marks=pytest.mark.slow), pytest.param(100, marks=pytest.mark.soak)]
)
def test_fit_of_a_killed_process_resumes_to_equal_results(tmp_path, n_kills, record_property):
    """A fit that was killed any number of times gives the result of an uninterrupted fit."""
    np.save(tmp_path / "X.npy", np.tile(X, (20, 1)))
    process = run_fit(tmp_path, None)
    assert process.stdout.readline() == b"begin\n"
    began = time.perf_counter()
    whole = process.communicate()[0]
    seconds, random = time.perf_counter() - began, np.random.RandomState(0)
    folder, gone_on = tmp_path / "checkpoints", 0
    for _ in range(n_kills):
        anew = not (folder / "checkpoint.skae").exists()
        process = run_fit(tmp_path, folder)
        assert process.stdout.readline() == b"begin\n"
        began = time.perf_counter()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(random.uniform(0, seconds))
            # The fit ended before it was killed; later kills come earlier.
            seconds = time.perf_counter() - began if anew else seconds
        process.send_signal(signal.SIGKILL)
        assert process.communicate()[0] in (b"", whole)
        gone_on += (folder / "checkpoint.skae").exists()
    process = run_fit(tmp_path, folder)
    assert process.communicate()[0] == b"begin\n" + whole
    assert gone_on >= n_kills // 4
    record_property("times", n_kills)
