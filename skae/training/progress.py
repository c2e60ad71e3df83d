"""Progress of a fit on standard output: a bar in terminals and notebooks, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

from joblib import Parallel
from skorch.callbacks import Callback
from tqdm import tqdm

from skae._processes import current

# Least seconds between two lines of units, and between two lines of batches.
LINE_SECONDS, BATCH_LINE_SECONDS = 1.0, 10.0
# Batches are reported in epochs longer than this number of seconds, and how often the bar shows them.
LONG_EPOCH, BATCH_BAR_SECONDS = 2.0, 0.5
# The size of terminals that report none.
DEFAULT_SIZE = {"ncols": 80, "nrows": 20}
STAGE_FORMAT = "{desc} [{elapsed}]"
BAR_FORMAT = "{l_bar}{bar}| {unit} {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"
LINE_FORMAT = "{unit} {n_fmt}/{total_fmt}{postfix}, {remaining} left"


class Progress(contextlib.AbstractContextManager):
    """Progress of units, such as epochs or folds, and of the stages before and after them.

    With ``verbose=0``, nothing is shown. Otherwise, stages and units are shown as a bar of tqdm in a terminal or
    notebook. In other output, such as files and pipes, they are plain lines. With ``verbose=2``, they are always lines.
    """

    def __init__(self, verbose: int, unit: str):
        # Of processes that train together, the first one reports.
        verbose = int(verbose) if current().is_first else 0
        self.unit = unit
        self.bar = new_bar(unit) if verbose == 1 and has_bar() else None
        self.prints = verbose > 0 and self.bar is None
        self.total: int | None = None
        self.done = self.first = 0
        self.began = self.printed = 0.0
        self.unprinted = ""

    def __exit__(self, kind: Any = None, error: Any = None, traceback: Any = None) -> None:
        if self.unprinted:
            self._print_line(self.unprinted)
        if self.bar is None:
            return
        if self.total is None:
            self.bar.leave = False
        elif kind is None:
            # Training may stop before the last epoch.
            self.bar.total = self.bar.n
            self._describe_units()
        self.bar.close()

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Show that a stage runs, and the seconds that it took."""
        began = time.perf_counter()
        if self.bar is not None:
            self.bar.bar_format = STAGE_FORMAT
            self.bar.set_description_str(name)
        elif self.prints:
            show(f"{name} ... ", end="")
        try:
            yield
        finally:
            if self.prints:
                show(f"{time.perf_counter() - began:.1f} s")

    def begin(self, total: int, done: int = 0) -> None:
        """Begin, or continue after ``done`` units, up to ``total``."""
        self.total, self.done, self.first, self.began = total, done, done, time.perf_counter()
        if self.bar is not None:
            self._describe_units()
            self.bar.reset(total)
            if done:
                self.bar.n = self.bar.initial = done
                self.bar.refresh()

    def step(self, **values: float) -> None:
        """Show that a unit is done, with ``values`` such as its loss."""
        self.done += 1
        if self.bar is not None:
            self._describe_units()
            self.bar.set_postfix({name: f"{value:.4g}" for name, value in values.items()}, refresh=False)
            self.bar.update()
        elif self.prints:
            self.unprinted = self._line(values)
            is_end = self.done in (self.first + 1, self.total)
            if is_end or time.perf_counter() - self.printed >= LINE_SECONDS:
                self._print_line(self.unprinted)

    def batch(self, number: int, n_batches: int, began: float) -> None:
        """Show that a batch of the epoch that began at ``began`` is done, if the epoch is long."""
        now = time.perf_counter()
        if now - began < LONG_EPOCH or number == n_batches:
            return
        text = f"{self.unit} {self.done + 1}, batch {number}/{n_batches}"
        if self.bar is not None and now - self.printed >= BATCH_BAR_SECONDS:
            self.printed = now
            self.bar.set_description(text)
        elif self.prints and now - max(self.printed, began) >= BATCH_LINE_SECONDS:
            self._print_line(text)

    def write(self, line: str) -> None:
        """Print a line above all bars, also after the end of this one."""
        if self.bar is not None:
            self.bar.write(line)
        elif self.prints:
            show(line)

    def _describe_units(self) -> None:
        if self.bar is not None:
            self.bar.bar_format = BAR_FORMAT
            self.bar.set_description_str("", refresh=False)

    def _line(self, values: dict[str, float]) -> str:
        return tqdm.format_meter(
            self.done,
            self.total,
            time.perf_counter() - self.began,
            unit=self.unit,
            postfix=", ".join(f"{name}={value:.4g}" for name, value in values.items()),
            bar_format=LINE_FORMAT,
            initial=self.first,
        )

    def _print_line(self, line: str) -> None:
        show(line)
        self.printed, self.unprinted = time.perf_counter(), ""


def show(text: str, end: str = "\n") -> None:
    """Print a text; output that was closed does not end a fit."""
    with contextlib.suppress(OSError, ValueError):
        print(text, end=end, flush=True)


NO_PROGRESS = Progress(0, "epoch")


class EpochProgress(Callback):
    """Reports epochs and their losses, and batches of long epochs."""

    def __init__(self, progress: Progress):
        self.progress = progress

    def on_train_begin(self, net, **kwargs):
        net.report_batch_ = self.progress.batch

    def on_epoch_begin(self, net, **kwargs):
        # The end of this cycle of the learning rate; another cycle may follow.
        total = net.cycle_start_ + net.cycles[net.cycle_]
        if total != self.progress.total:
            self.progress.begin(total, net.epochs_done_)

    def on_epoch_end(self, net, **kwargs):
        row = net.history[-1]
        self.progress.step(**{name: row[name] for name in ("train_loss", "valid_loss") if name in row})


def parallel(n_jobs: int | None, is_shown: Any) -> Parallel:
    """joblib's ``Parallel``; if progress is shown, it yields results as they arrive, in order."""
    try:
        return Parallel(n_jobs=n_jobs, return_as="generator" if is_shown else "list")
    except ValueError:  # not all backends can
        return Parallel(n_jobs=n_jobs)


def has_bar() -> bool:
    """Whether output is a notebook, or a terminal of this process alone."""
    # Bars of several worker processes would overwrite each other.
    if multiprocessing.current_process().name != "MainProcess":
        return False
    try:
        return is_notebook_bar(auto_tqdm()) or (sys.stdout is not None and sys.stdout.isatty())
    except ValueError:  # output was closed
        return False


def new_bar(unit: str) -> Any:
    """A bar of unknown length."""
    # Without tqdm's thread that refreshes bars.
    cls = type("Bar", (auto_tqdm(),), {"monitor_interval": 0})
    size = {"dynamic_ncols": True} if has_size(sys.stdout) else DEFAULT_SIZE
    bar = cls(file=sys.stdout, unit=unit, desc="Starting", bar_format=STAGE_FORMAT, miniters=1, **size)
    # A bar below another one, of a search, disappears at its end.
    bar.leave = bar.pos == 0
    return bar


def has_size(file: Any) -> bool:
    """Whether the size of a terminal is known, or is that of a notebook; some terminals report 0."""
    try:
        return os.get_terminal_size(file.fileno()).columns > 0
    except (AttributeError, OSError, ValueError):
        return True


def auto_tqdm() -> Any:
    """The class of bars for this process."""
    # Its import warns in notebooks without ipywidgets.
    from tqdm import auto

    return auto.tqdm


def is_notebook_bar(cls: Any) -> bool:
    """Whether bars of this class are widgets of a notebook."""
    return any(base.__module__ == "tqdm.notebook" for base in cls.__mro__)
