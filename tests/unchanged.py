"""Checks that calls do not change global settings, their input or, if they fail or only read, the estimator."""

import contextlib
import dataclasses
import multiprocessing
import os
import random
import signal
import threading
import time
import warnings

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from sklearn.base import BaseEstimator
from skorch import NeuralNet
from torch import nn

LONGEST = 10.0


def bits(value):
    """Something that is equal for two values only if they are bitwise the same."""
    kind = type(value).__qualname__
    if isinstance(value, torch.Tensor):
        flat = value.detach().cpu().reshape(-1).contiguous().view(torch.uint8)
        gradient = bits(value.grad) if value.is_leaf and value.grad is not None else None
        return kind, str(value.dtype), tuple(value.shape), value.requires_grad, gradient, flat.numpy().tobytes()
    if isinstance(value, np.ma.MaskedArray):
        return kind, bits(value.data), bits(np.ma.getmaskarray(value))
    if isinstance(value, np.ndarray):
        content = [bits(cell) for cell in value.ravel()] if value.dtype == object else value.tobytes()
        return kind, str(value.dtype), value.shape, content
    if isinstance(value, pd.DataFrame):
        columns = [bits(value.iloc[:, index].to_numpy()) for index in range(value.shape[1])]
        return kind, bits(list(value.columns)), bits(list(value.index)), [str(d) for d in value.dtypes], columns
    if sparse.issparse(value):
        parts = [bits(getattr(value, name)) for name in ("data", "indices", "indptr", "row", "col") if has(value, name)]
        return kind, value.shape, parts
    if isinstance(value, nn.Module):
        return kind, repr(value), value.training, bits(dict(value.state_dict()))
    if isinstance(value, torch.optim.Optimizer):
        return kind, bits(value.state_dict())
    if isinstance(value, np.random.RandomState):
        return kind, bits(value.get_state())
    if isinstance(value, NeuralNet):
        return kind, bits(vars(value))
    if isinstance(value, BaseEstimator) and not isinstance(value, type):
        return kind, bits(value.get_params(deep=False))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return kind, [bits(getattr(value, field.name)) for field in dataclasses.fields(value) if field.repr]
    if isinstance(value, dict):
        return kind, [(bits(key), bits(content)) for key, content in value.items()]
    if isinstance(value, (list, tuple)):
        return kind, [bits(content) for content in value]
    return kind, repr(value)


def has(value, name):
    return getattr(value, name, None) is not None


def state(estimator):
    """Parameters and learned state, including private attributes, the net and the moments of its optimizer."""
    return {name: bits(value) for name, value in vars(estimator).items()}


def settings():
    """Global settings and streams of this process."""
    return {
        "random": random.getstate(),
        "numpy's stream": bits(np.random.get_state()),
        "torch's stream": bits(torch.get_rng_state()),
        "threads of torch": torch.get_num_threads(),
        "gradients": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "dtype": torch.get_default_dtype(),
        # torch imports sympy in the first training, which adds a filter of its warnings.
        "warning filters": [f for f in warnings.filters if not f[2].__module__.startswith("sympy")],
        "folder": os.getcwd(),
        "errors of numpy": np.geterr(),
        "handler of Ctrl-C": signal.getsignal(signal.SIGINT),
        "cudnn": (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark),
        "algorithms": torch.are_deterministic_algorithms_enabled(),
        "products": torch.get_float32_matmul_precision(),
    }


def running():
    """Threads, processes and open files."""
    files = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    return {"threads": threading.active_count(), "processes": len(multiprocessing.active_children()), "files": files}


@contextlib.contextmanager
def unchanged_globals(*, besides=(), with_running=True):
    """Checks that no settings, except those in ``besides``, change and that nothing is left running."""
    before, running_before = settings(), running()
    yield
    after = settings()
    changed = {name: after[name] for name in before if after[name] != before[name] and name not in besides}
    assert not changed, changed
    # Objects of earlier calls may be collected meanwhile.
    more = {name: number for name, number in running().items() if number > running_before[name]}
    assert not (with_running and more), (more, running_before)


@contextlib.contextmanager
def soon(clock=time.perf_counter):
    """A call that takes LONGEST at most."""
    began = clock()
    yield
    taken = clock() - began
    assert taken < LONGEST, f"{taken:.1f} s"
