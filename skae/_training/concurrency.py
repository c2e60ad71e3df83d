"""Threads and forks: one fit of an estimator at a time, reading calls see one fit, forked children do not hang."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

import torch

Estimator = TypeVar("Estimator")
# Estimators that are being fitted, and the threads that do so.
_FITTING: weakref.WeakKeyDictionary[Any, threading.Thread] = weakref.WeakKeyDictionary()
_FITTING_LOCK = threading.Lock()


def n_threads() -> int:
    """Threads of this process, those of native libraries included; 0 where the system does not tell."""
    with contextlib.suppress(OSError):
        return len(os.listdir("/proc/self/task"))
    return 0


# Whether this process has computed with this package, and whether torch may have started threads since the import.
_STATE: dict[str, int] = {"used": False, "threads at import": n_threads()}
# Whether this process is a fork of one that used CUDA, or threads, as the process knew just before it forked.
_FORKED = {"after CUDA": False, "CUDA": False, "after threads": False, "threads": False}


def _before_fork() -> None:
    _FORKED["CUDA"] = torch.cuda.is_initialized()
    _FORKED["threads"] = bool(_STATE["used"]) or n_threads() > _STATE["threads at import"]


def _in_child() -> None:
    global _FITTING_LOCK
    # A thread that held it is not there to release it.
    _FITTING_LOCK = threading.Lock()
    _FITTING.clear()
    for what in ("CUDA", "threads"):
        _FORKED[f"after {what}"] |= _FORKED[what]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_in_child)


def begin_computing() -> None:
    """Called before anything is computed: in a fork of a process with threads, torch computes on one thread from here.

    Threads do not survive a fork: the child would wait for them for ever. A child that does not use this package, and
    one of a process that had only imported it, keep the number of threads they have.
    """
    _STATE["used"] = True
    if _FORKED["after threads"] and torch.get_num_threads() > 1:
        torch.set_num_threads(1)


def check_not_forked(device: torch.device) -> None:
    """Raise RuntimeError where CUDA is of no use because this process was forked from one that used it."""
    if device.type == "cuda" and _FORKED["after CUDA"]:
        raise RuntimeError(
            f"device={str(device)!r} cannot be used in a process made by fork from one that used CUDA. Start workers "
            f"with the method 'spawn', or with joblib's backend 'loky'; or write device='cpu'."
        )


def one_at_a_time(method):
    """The method, which raises RuntimeError where another thread is in one like it of the same estimator."""

    @functools.wraps(method)
    def alone(self, *args, **kwargs):
        begin_computing()
        me = threading.current_thread()
        with _FITTING_LOCK:
            other = _FITTING.get(self, me)
            if other is not me and other.is_alive():
                raise RuntimeError(
                    f"This {type(self).__name__} is already fitting in another thread. Fit a clone: "
                    f"sklearn.base.clone(estimator)."
                )
            _FITTING[self] = me
        try:
            return method(self, *args, **kwargs)
        finally:
            _FITTING.pop(self, None)

    return alone


def snapshot(estimator: Estimator) -> Estimator:
    """A shallow copy with the attributes of one moment: ``fit`` replaces them all in one step, in the original only."""
    made = object.__new__(type(estimator))
    made.__dict__ = vars(estimator).copy()
    return made


def reads_snapshot(method):
    """The method on a snapshot of its estimator: what it reads is of one fit, also while another thread fits it."""

    @functools.wraps(method)
    def read(self, *args, **kwargs):
        begin_computing()
        return method(snapshot(self), *args, **kwargs)

    return read


def with_snapshots(*names: str) -> Callable[[type[Estimator]], type[Estimator]]:
    """A class decorator: these methods, inherited ones too, read a snapshot.

    It is applied after scikit-learn has wrapped ``transform`` for ``set_output``, so that names of columns are of the
    same fit as the codes.
    """

    def decorate(cls: type[Estimator]) -> type[Estimator]:
        for name in names:
            setattr(cls, name, reads_snapshot(getattr(cls, name)))
        return cls

    return decorate
