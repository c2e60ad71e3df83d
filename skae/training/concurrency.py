"""Threads and forks: one fit of an estimator at a time, snapshots of estimators, and fits in forked processes."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Callable
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


# Whether this process has computed with this package, and its number of threads when the package was imported.
_STATE: dict[str, int] = {"used": False, "threads at import": n_threads()}
# "after ...": whether a parent process used CUDA or threads before it forked this process.
_FORKED = {"after CUDA": False, "CUDA": False, "after threads": False, "threads": False}


def _before_fork() -> None:
    _FORKED["CUDA"] = torch.cuda.is_initialized()
    _FORKED["threads"] |= bool(_STATE["used"]) or n_threads() > _STATE["threads at import"]


def _in_parent() -> None:
    # OpenBLAS ends its threads before a fork; torch's that start later would not be noticed among those at the import.
    _STATE["threads at import"] = min(_STATE["threads at import"], n_threads())


def _in_child() -> None:
    _FITTING.clear()  # the threads of the parent do not run here
    for name in ("CUDA", "threads"):
        _FORKED[f"after {name}"] |= _FORKED[name]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child)


def begin_computing() -> None:
    """Set torch to one thread if this process was forked from a process with threads. Call it before computing.

    Threads do not survive a fork, so torch would wait for them forever. The number of threads stays the same in a child
    process that does not compute with this package, and if the parent had only imported the package.
    """
    _STATE["used"] = True
    if _FORKED["after threads"] and torch.get_num_threads() > 1:
        torch.set_num_threads(1)


def check_not_forked(device: torch.device) -> None:
    """Raise RuntimeError if the device is CUDA and this process was forked from a process that used CUDA."""
    if device.type == "cuda" and _FORKED["after CUDA"]:
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

    It is needed where scikit-learn reads attributes in a wrapper: ``transform`` with ``set_output`` reads the names of
    columns after the codes. Other methods read the result of ``fit`` once.
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
