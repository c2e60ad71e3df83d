"""Progress of fits: bars in terminals, plain lines elsewhere."""

import copy
import multiprocessing
import os
import re
import sys
import threading
import time
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_wine
from tqdm.notebook import tqdm_notebook

from skae import AutoencoderNovelty, AutoencoderTransformer, BottleneckSearchCV, Dense
from skae.training import progress as progress_module
from skae.training.progress import Progress, is_notebook_bar

X = load_wine().data
SMALL = AutoencoderTransformer(2, architecture=Dense((8,)), max_epochs=3, random_state=0)
FITS = {
    "autoencoder": (SMALL, "epoch", 3),
    "search": (BottleneckSearchCV(SMALL, (1, 13), cv=2), "fit", 3),
    "novelty": (AutoencoderNovelty(SMALL, n_members=2, random_state=0), "member", 2),
}


class Pipe:
    """A pipe in place of standard output; ``text`` is all that was written to it."""

    open = staticmethod(os.pipe)

    def __enter__(self):
        self.read_end, write_end = self.open()
        self.chunks, self.before = [], sys.stdout
        sys.stdout = os.fdopen(write_end, "w")
        self.reader = threading.Thread(target=self._read)
        self.reader.start()
        return self

    def _read(self):
        # Linux reports EIO when the other end of a terminal is closed.
        while True:
            try:
                chunk = os.read(self.read_end, 4096)
            except OSError:
                return
            if not chunk:
                return
            self.chunks.append(chunk)

    def __exit__(self, *error):
        sys.stdout.close()
        sys.stdout = self.before
        self.reader.join()
        os.close(self.read_end)
        self.text = b"".join(self.chunks).decode()


class Terminal(Pipe):
    """A pseudo-terminal in place of standard output."""

    open = staticmethod(getattr(os, "openpty", os.pipe))


def verbose(name, level=1):
    """An estimator that is not fitted, and the unit and number of its progress."""
    estimator, unit, total = FITS[name]
    return copy.deepcopy(estimator).set_params(verbose=level), unit, total


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are of Unix")
class TestInATerminal:
    @pytest.mark.parametrize("name", FITS)
    def test_a_bar_shows_units_and_the_time_that_is_left(self, name):
        estimator, unit, total = verbose(name)
        with Terminal() as terminal:
            estimator.fit(X)
        last = terminal.text.rpartition("\r\n")[0].split("\r")
        assert any(re.search(rf"100%\|.*\| {unit} {total}/{total} \[\d\d:\d\d<00:00", line) for line in last)
        assert f"{unit} 0/{total}" in terminal.text

    def test_the_bar_shows_stages_and_losses(self):
        estimator, *_ = verbose("autoencoder")
        with Terminal() as terminal:
            estimator.fit(X)
        stages = "Reading X", "Choosing training and validation rows", "Building the network and its PCA initialization"
        for stage in stages:
            assert re.search(rf"\r{stage} \[00:0\d\]", terminal.text)
        assert re.search(r"train_loss=[\d.e-]+, valid_loss=[\d.e-]+\]", terminal.text)

    def test_the_bar_of_a_member_disappears_under_that_of_the_detector(self):
        estimator, *_ = verbose("novelty")
        with Terminal() as terminal:
            estimator.set_params(autoencoder__verbose=1).fit(X)
        assert "epoch 0/3" in terminal.text
        assert re.search(r"\rThe weights of epoch 3 of 3 are kept\.\r\n", terminal.text)
        left = [line for line in terminal.text.split("\r\n") if line.strip()]
        assert "member 2/2" in left[-1]
        assert "epoch" not in left[-1].split("\r")[-1]

    def test_a_stopped_fit_ends_with_a_full_bar(self):
        estimator, *_ = verbose("autoencoder")
        with Terminal() as terminal:
            estimator.set_params(max_epochs=50, n_iter_no_change=1, tol=0.9).fit(X)
        assert estimator.n_iter_ < 50
        assert "100%|" in terminal.text
        assert f"| epoch {estimator.n_iter_}/{estimator.n_iter_} [" in terminal.text

    def test_an_error_before_training_leaves_no_bar(self):
        estimator, *_ = verbose("autoencoder")
        with Terminal() as terminal, pytest.raises(ValueError, match="infinity"):
            estimator.fit(np.full((20, 3), np.inf))
        assert terminal.text.split("\r")[-1].strip() == ""

    def test_verbose_2_prints_a_table(self):
        estimator, *_ = verbose("autoencoder", 2)
        with Terminal() as terminal:
            estimator.fit(X)
        assert "%|" not in terminal.text
        assert "Reading X ... 0." in terminal.text
        assert re.search(r"epoch +.*train_loss", terminal.text)

    def test_no_thread_is_left(self):
        before = threading.active_count()
        with Terminal():
            verbose("autoencoder")[0].fit(X)
        assert threading.active_count() == before

    def test_workers_print_no_bars(self, monkeypatch):
        class Worker:
            name = "LokyProcess-1"

        monkeypatch.setattr(multiprocessing, "current_process", Worker)
        with Terminal() as terminal:
            verbose("autoencoder")[0].fit(X)
        assert "%|" not in terminal.text
        assert "epoch 3/3, train_loss=" in terminal.text


class TestInAPipe:
    @pytest.mark.parametrize("name", FITS)
    @pytest.mark.parametrize("level", [1, 2])
    def test_output_is_plain_lines(self, name, level, capsys):
        estimator, unit, total = verbose(name, level)
        with Pipe() as pipe:
            estimator.fit(X)
        assert capsys.readouterr().err == ""
        if level == 1:
            assert not re.search(r"[\r\x1b]", pipe.text)
        if name != "autoencoder" or level == 1:
            assert re.search(rf"^{unit} {total}/{total}.*, 00:00 left$", pipe.text, re.MULTILINE)

    def test_the_line_of_an_epoch_has_the_losses(self, capsys):
        verbose("autoencoder")[0].fit(X)
        printed = capsys.readouterr().out
        assert re.search(r"^epoch 1/3, train_loss=[\d.e-]+, valid_loss=[\d.e-]+, 00:00 left$", printed, re.MULTILINE)
        assert re.search(r"^Reading X \.\.\. 0\.\d s$", printed, re.MULTILINE)

    @pytest.mark.parametrize("name", FITS)
    def test_nothing_is_printed_by_default(self, name, capsys):
        verbose(name, 0)[0].fit(X)
        assert capsys.readouterr() == ("", "")

    def test_folds_of_cross_validation_are_shown(self, capsys):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            AutoencoderTransformer(1, random_state=0, max_epochs=5, verbose=1).fit(X)
        assert "Cross-validation of the network and PCA, fold 1 of up to 5 ... " in capsys.readouterr().out

    def test_the_kept_epoch_is_the_last_line(self, digits, capsys):
        autoencoder = AutoencoderTransformer(2, max_epochs=3, random_state=0, verbose=1).fit(digits[:400])
        expected = f"The weights of epoch {autoencoder.best_epoch_} of 3 are kept.\n"
        assert autoencoder.best_epoch_ > 0
        assert capsys.readouterr().out.endswith(expected)

    def test_at_most_one_line_per_second(self, capsys):
        with Progress(1, "epoch") as progress:
            progress.begin(1000)
            for _ in range(500):
                progress.step(loss=1.0)
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 2
        assert lines[0].startswith("epoch 1/1000, loss=1,")
        assert lines[1].startswith("epoch 500/1000, loss=1,")

    def test_batches_of_long_epochs_are_shown(self, capsys, monkeypatch):
        monkeypatch.setattr(progress_module, "LONG_EPOCH", 0.0)
        monkeypatch.setattr(progress_module, "BATCH_LINE_SECONDS", 0.0)
        verbose("autoencoder")[0].set_params(batch_size=16).fit(X)
        assert re.search(r"^epoch 2, batch 3/\d+$", capsys.readouterr().out, re.MULTILINE)

    def test_standard_output_may_be_closed(self, monkeypatch):
        monkeypatch.setattr(sys, "stdout", None)
        assert verbose("autoencoder")[0].fit(X).n_iter_ == 3


def test_progress_does_not_change_the_result():
    silent = copy.deepcopy(SMALL).fit(X)
    with Terminal():
        shown = verbose("autoencoder")[0].fit(X)
    np.testing.assert_array_equal(shown.transform(X), silent.transform(X))


def test_widgets_of_notebooks_are_recognized():
    assert is_notebook_bar(type("Bar", (tqdm_notebook,), {}))
    assert not is_notebook_bar(progress_module.auto_tqdm())


def test_time_left_continues_from_a_checkpoint(capsys):
    progress = Progress(1, "epoch")
    progress.begin(10, done=6)
    time.sleep(0.02)
    progress.step()
    # Four hundredths of a second, and not those of the six epochs before.
    assert capsys.readouterr().out == "epoch 7/10, 00:00 left\n"


def test_closed_output_does_not_end_a_fit(monkeypatch, tmp_path):
    with open(tmp_path / "closed", "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
    fitted = AutoencoderTransformer(2, architecture=Dense((4,)), max_epochs=2, verbose=1).fit(np.eye(40, 5))
    assert len(fitted.history_) == 2
