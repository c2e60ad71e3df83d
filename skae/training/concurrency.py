"""Threads and forks: one fit of an estimator at a time, snapshots of estimators, and fits in forked processes."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import torch

Estimator = TypeVar("Estimator")
Method = TypeVar("Method", bound=Callable[..., Any])
# From the id of each estimator that is being fitted to the id of the thread that fits it.
_FITTING: dict[int, int] = {}


def n_threads() -> int:
    """Number of threads of this process, including those of native libraries; 0 if the system does not report it."""
    with contextlib.suppress(OSError):
        return len(os.listdir("/proc/self/task"))
    return 0


@dataclass
class _Process:
    """Use of CUDA and threads in this process before its last fork, and in the processes that it was forked from."""

    n_threads_at_import: int
    has_computed: bool = False
    used_cuda: bool = False
    used_threads: bool = False
    parent_used_cuda: bool = False
    parent_used_threads: bool = False


_PROCESS = _Process(n_threads())


def _before_fork() -> None:
    _PROCESS.used_cuda = torch.cuda.is_initialized()
    _PROCESS.used_threads |= _PROCESS.has_computed or n_threads() > _PROCESS.n_threads_at_import


def _in_parent() -> None:
    # OpenBLAS ends its threads before a fork. Without this, as many later threads of torch would not be noticed.
    _PROCESS.n_threads_at_import = min(_PROCESS.n_threads_at_import, n_threads())


def _in_child() -> None:
    _FITTING.clear()  # the threads of the parent do not run here
    _PROCESS.parent_used_cuda |= _PROCESS.used_cuda
    _PROCESS.parent_used_threads |= _PROCESS.used_threads


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child)


def begin_computing() -> None:
    """Set torch to one thread if this process was forked from a process with threads. Call it before computing.

    Threads do not survive a fork, so torch would wait for them forever.
    """
    _PROCESS.has_computed = True
    if _PROCESS.parent_used_threads and torch.get_num_threads() > 1:
        torch.set_num_threads(1)


def check_not_forked(device: torch.device) -> None:
    """Raise RuntimeError if the device is CUDA and this process was forked from a process that used CUDA."""
    if device.type == "cuda" and _PROCESS.parent_used_cuda:
        raise RuntimeError(
            f"device={str(device)!r} cannot be used in a process made by fork from one that used CUDA. Start workers "
            f"with the method 'spawn', or with joblib's backend 'loky'; or write device='cpu'."
        )


def one_at_a_time(method: Method) -> Method:
    """Decorate a method: RuntimeError if another thread runs a decorated method of the same estimator."""

    @functools.wraps(method)
    def run_alone(self, *args, **kwargs):
        begin_computing()
        this_thread = threading.get_ident()
        try:
            # ``setdefault`` is atomic.
            if _FITTING.setdefault(id(self), this_thread) != this_thread:
                raise RuntimeError(
                    f"This {type(self).__name__} is already fitting in another thread. Fit a clone: "
                    f"sklearn.base.clone(estimator)."
                )
            return method(self, *args, **kwargs)
        finally:
            if _FITTING.get(id(self)) == this_thread:
                del _FITTING[id(self)]

    return cast("Method", run_alone)


def snapshot(estimator: Estimator) -> Estimator:
    """Copy an estimator with its present attributes: a later ``fit`` of the original does not change the copy."""
    copied = object.__new__(type(estimator))
    copied.__dict__ = vars(estimator).copy()
    return copied


def with_snapshots(*names: str) -> Callable[[type[Estimator]], type[Estimator]]:
    """Decorate a class: the named methods run on a snapshot, so that all attributes they read are of one fit.

    ``transform`` needs it, because ``set_output`` reads the names of columns after the codes.
    """

    def run_on_snapshot(method: Method) -> Method:
        @functools.wraps(method)
        def run(self, *args, **kwargs):
            return method(snapshot(self), *args, **kwargs)

        return cast("Method", run)

    def decorate(cls: type[Estimator]) -> type[Estimator]:
        for name in names:
            setattr(cls, name, run_on_snapshot(getattr(cls, name)))
        return cls

    return decorate
