"""Data-parallel training: several processes learn what one process learns."""

import contextvars
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from data_parallel_fits import RESUMED, SMALL, X, outcome, outcomes_in_processes
from skorch.callbacks import Callback

from skae import AutoencoderTransformer, _processes
from skae._estimator import launching
from skae._processes import ALONE, Processes, batch_mean, current, join
from skae.exceptions import DivergenceError, ProcessFailedError

pytestmark = pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no torch.distributed")
EXAMPLE = Path(__file__).parents[1] / "examples" / "train_on_many.py"
# Without random numbers in training, so the result of several processes is that of one.
EQUAL = ["early stopping", "trained weights", "uneven batches", "batch normalization", "sparse", "custom"]
AGREED = ["stops", "fails", "diverges", "other rows", *RESUMED]
MORE_EQUAL = ["convolutional", "supervised", "wide", "tokens"]
RANDOM = ["quantized", "denoising", "variational", "missing values", "no seed"]


@pytest.fixture(scope="module")
def by_process(tmp_path_factory):
    """Outcomes of cases in each of two processes."""
    return outcomes_in_processes(tmp_path_factory.mktemp("fits"), [*EQUAL, *AGREED])


@pytest.fixture(scope="module")
def more_by_process(tmp_path_factory):
    """Outcomes of further cases in each of two processes."""
    return outcomes_in_processes(tmp_path_factory.mktemp("fits"), [*MORE_EQUAL, *RANDOM])


def check_equal_to_one(outcomes, case):
    """Losses and weights are those of one process within 1e-4."""
    alone, together = outcome(case), outcomes[0][case]
    assert "error" not in together, together
    assert alone["best_epoch"] == together["best_epoch"]
    np.testing.assert_allclose(together["losses"], alone["losses"], rtol=1e-4, atol=1e-4)
    for name, value in alone["weights"].items():
        np.testing.assert_allclose(together["weights"][name], value, rtol=1e-4, atol=1e-4, err_msg=name)


def check_same_bits(outcomes, case):
    """Both processes have the same losses, weights and codes."""
    first, second = (by_case[case] for by_case in outcomes)
    for name in ("losses", "codes"):
        np.testing.assert_array_equal(first[name], second[name])
    for name, value in first["weights"].items():
        np.testing.assert_array_equal(second["weights"][name], value, err_msg=name)


def test_one_process_has_all_rows_and_is_the_first():
    assert current() is ALONE
    assert ALONE.is_first
    assert ALONE.share(7) == slice(0, 7)
    value = torch.tensor(3.0)
    assert ALONE.sum(value) is value
    with join(None) as processes:
        assert processes is ALONE


@pytest.mark.parametrize(("n_rows", "size"), [(33, 2), (16, 2), (7, 3), (2, 3), (0, 2)])
def test_shares_cover_all_rows_and_differ_by_at_most_one(n_rows, size):
    shares = [Processes(rank, size).share(n_rows) for rank in range(size)]
    assert [row for share in shares for row in range(n_rows)[share]] == list(range(n_rows))
    lengths = [share.stop - share.start for share in shares]
    assert max(lengths) - min(lengths) <= 1


class Twins(Processes):
    """Two processes with the same values."""

    def sum(self, tensor):
        return tensor.mul_(self.size)


def test_gradients_are_summed_in_any_thread():
    values = torch.arange(6.0).reshape(3, 2).requires_grad_()
    token = _processes._CURRENT.set(Twins(0, 2))
    try:
        batch_mean(values).sum().backward()
        inside, values.grad = values.grad, None
        loss = batch_mean(values).sum()
    finally:
        _processes._CURRENT.reset(token)
    # As autograd's threads of CUDA devices, without the context of the thread of forward.
    thread = threading.Thread(target=contextvars.Context().run, args=(loss.backward,))
    thread.start()
    thread.join()
    torch.testing.assert_close(inside, torch.full((3, 2), 1 / 3))
    torch.testing.assert_close(values.grad, inside)


@pytest.mark.parametrize("case", EQUAL)
def test_two_processes_learn_what_one_learns(by_process, case):
    check_equal_to_one(by_process, case)
    check_same_bits(by_process, case)


@pytest.mark.slow
@pytest.mark.parametrize("case", MORE_EQUAL)
def test_two_processes_learn_what_one_learns_of_all_kinds(more_by_process, case):
    check_equal_to_one(more_by_process, case)
    check_same_bits(more_by_process, case)


@pytest.mark.slow
@pytest.mark.parametrize("case", RANDOM)
def test_variants_that_draw_random_numbers_learn_as_well(more_by_process, case):
    alone, together = outcome(case), more_by_process[0][case]
    check_same_bits(more_by_process, case)
    # With other random numbers, the losses of one process differ as much.
    assert together["losses"][-1, 1] < 1.5 * alone["losses"][-1, 1]


def test_a_callback_of_one_process_stops_all(by_process):
    assert [len(outcomes["stops"]["losses"]) for outcomes in by_process] == [3, 3]


def test_a_process_that_fails_stops_all_with_its_error(by_process):
    first, second = (outcomes["fails"]["error"] for outcomes in by_process)
    assert second == "KeyError: 'a bad row'"
    assert first.startswith("ProcessFailedError: Process 1 of 2 failed: KeyError: 'a bad row'")


def test_divergence_is_the_error_of_all_processes(by_process):
    assert all(outcomes["diverges"]["error"].startswith("DivergenceError") for outcomes in by_process)


@pytest.mark.parametrize("case", RESUMED)
def test_fit_resumes_with_another_number_of_processes(by_process, case):
    alone = outcome("early stopping")
    for by_case in by_process:
        assert "error" not in by_case[case], by_case[case]
        np.testing.assert_allclose(by_case[case]["losses"], alone["losses"], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(by_case[case]["codes"], alone["codes"], rtol=1e-4, atol=1e-4)


def test_a_process_that_fits_other_rows_is_an_error(by_process):
    for by_case in by_process:
        assert "shape of X is (203, 6) and (202, 6)" in by_case["other rows"]["error"]


class TestStartedProcesses:
    """``n_processes=2`` in an ordinary process."""

    def test_learn_what_one_process_learns(self):
        alone = AutoencoderTransformer(2, **SMALL).fit(X)
        together = AutoencoderTransformer(2, n_processes=2, **SMALL).fit(X)
        losses = [[epoch["train_loss"] for epoch in fitted.history_] for fitted in (alone, together)]
        np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)
        np.testing.assert_allclose(together.transform(X), alone.transform(X), rtol=1e-3, atol=1e-3)
        assert together.get_params()["n_processes"] == 2

    def test_raise_their_error_and_keep_the_fit_before(self):
        estimator = AutoencoderTransformer(2, n_processes=2, **SMALL).set_params(max_epochs=1).fit(X)
        before = estimator.transform(X)
        with pytest.raises(DivergenceError, match="non-finite"):
            estimator.set_params(optimizer="sgd", lr=1e30).fit(X)
        np.testing.assert_array_equal(estimator.transform(X), before)

    def test_warn_that_callbacks_of_scikit_learn_do_not_run(self, monkeypatch):
        monkeypatch.setattr(launching, "effective_n_jobs", lambda n: 1)
        estimator = AutoencoderTransformer(2, n_processes=2, **SMALL)
        with pytest.raises(ValueError, match="n_processes=1"):
            estimator.fit(X)
        estimator._skl_callbacks = ["a callback"]
        with pytest.warns(UserWarning, match="Callbacks of scikit-learn do not run"), pytest.raises(ValueError):
            launching.fit_in_processes(estimator, {"X": X})

    @pytest.mark.parametrize("inherited", [{}, {"LOCAL_RANK": "5", "LOCAL_WORLD_SIZE": "8"}])
    def test_have_their_own_number_on_the_machine(self, inherited, monkeypatch, tmp_path):
        for name in ("LOCAL_RANK", "LOCAL_WORLD_SIZE"):
            monkeypatch.delenv(name, raising=False)
        for name, value in inherited.items():
            monkeypatch.setenv(name, value)
        before, estimator = dict(os.environ), Placed()
        launching.fit_share(0, 1, str(tmp_path), estimator, {}, {})
        assert estimator._result == ("0", "1")
        assert dict(os.environ) == before

    @pytest.mark.slow
    def test_that_are_killed_are_an_error(self):
        killed = AutoencoderTransformer(2, n_processes=2, net_params={"callbacks": [Killed()]}, **SMALL)
        with pytest.raises(ProcessFailedError, match="killed, or crashed"):
            killed.fit(X)
        assert not hasattr(killed, "_result")


class Placed:
    """An estimator whose result is the place of its process on the machine."""

    def fit(self):
        self._result = os.environ["LOCAL_RANK"], os.environ["LOCAL_WORLD_SIZE"]


class Killed(Callback):
    """Ends the second process after the first epoch, as if the system had killed it."""

    def on_epoch_end(self, net, **kwargs):
        if current().rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_example_runs_alone_and_under_torchrun():
    alone = subprocess.run([sys.executable, EXAMPLE], capture_output=True, text=True, timeout=300, check=True)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", EXAMPLE]
    together = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert alone.stdout.startswith("1 process(es)")
    assert together.stdout.startswith("2 process(es)")
    scores = [float(run.stdout.splitlines()[0].rpartition(" ")[2]) for run in (alone, together)]
    assert abs(scores[0] - scores[1]) < 0.005
