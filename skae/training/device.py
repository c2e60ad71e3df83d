"""Device, random streams and full precision of a fit. All global settings are restored."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar, cast

import numpy as np
import torch
from sklearn.utils import check_random_state

from skae._parameters import InvalidParameterError, invalid
from skae._processes import current

from .concurrency import begin_computing, check_not_forked

Method = TypeVar("Method", bound=Callable[..., Any])
OWNER = "AutoencoderTransformer"
# Types of devices with an autocast.
AUTOCAST, CPU_ONLY = ("cpu", "cuda"), ("cpu",)
NULL_CONTEXT = contextlib.nullcontext()
# Held while the state of torch's global generators is replaced.
_WEIGHTS_LOCK = threading.Lock()


def _in_child() -> None:
    global _WEIGHTS_LOCK
    _WEIGHTS_LOCK = threading.Lock()  # a thread that held it does not run here


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


def resolve_device(device: Any) -> torch.device:
    """Convert to a torch device; InvalidParameterError for unknown types, ValueError if the device is missing.

    In data-parallel training, "cuda" is a device of this process.
    """
    name = str(device) if isinstance(device, torch.device) else device
    if not isinstance(name, str) or not re.fullmatch(r"auto|cpu(:0)?|mps|cuda(:\d+)?", name):
        raise invalid(OWNER, "device", "'auto', 'cpu', 'cuda', 'cuda:N', 'mps' or a torch.device of these", device)
    name = "cpu" if name == "cpu:0" else name
    if name == "auto" or name.startswith("cuda"):
        check_not_forked(torch.device("cuda"))
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if name == "cuda" and current().size > 1:
        name = f"cuda:{current().local_rank % max(1, torch.cuda.device_count())}"
    if name.startswith("cuda"):
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        index = int(name.partition(":")[2] or 0)
        if index >= count:
            reason = f"{count} CUDA devices are visible" if count else "CUDA is not available (0 devices are visible)"
            raise ValueError(f"device={device!r}: {reason} on this machine. Write device='auto' or 'cpu'.")
    if name == "mps" and not torch.backends.mps.is_available():
        raise ValueError(f"device={device!r}: MPS is not available on this machine. Write device='auto' or 'cpu'.")
    return torch.device(name)


def draw_seed(random_state: Any) -> int:
    """Draw a seed from a scikit-learn ``random_state``; an int always gives the same seed."""
    if random_state is None:
        # numpy's global generator is not advanced.
        return int(np.random.SeedSequence().generate_state(1)[0]) % (2**31 - 1)
    try:
        return int(check_random_state(random_state).randint(2**31 - 1))
    except ValueError as error:
        raise InvalidParameterError(
            f"The 'random_state' parameter of {OWNER} must be None, an int in the range [0, 4294967295] or a "
            f"numpy.random.RandomState. Got {random_state!r} instead."
        ) from error


@contextlib.contextmanager
def seeded_weights(seed: int) -> Iterator[None]:
    """Seed torch's global CPU generator, from which modules draw their weights, and restore it."""
    begin_computing()
    with _WEIGHTS_LOCK, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


class BorrowedStream:
    """A random stream for custom code: inside the context, torch's global generators continue it."""

    def __init__(self, seed: int, device: torch.device):
        self.device = device
        with _WEIGHTS_LOCK, torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(seed)
            self.own = self._states()

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        with _WEIGHTS_LOCK:
            before = self._states()
            try:
                self._set(self.own)
                yield
                self.own = self._states()
            finally:
                self._set(before)

    def _states(self) -> tuple[torch.Tensor, ...]:
        on_device = (torch.cuda.get_rng_state(self.device),) if self.device.type == "cuda" else ()
        return (torch.get_rng_state(), *on_device)

    def _set(self, states: tuple[torch.Tensor, ...]) -> None:
        torch.set_rng_state(states[0])
        if len(states) > 1:
            torch.cuda.set_rng_state(states[1], self.device)


def ignore_caller_torch_context(kinds: Iterable[str] = AUTOCAST) -> contextlib.AbstractContextManager:
    """Disable the autocast of the caller on these kinds of devices, and its default device."""
    contexts: list[Any] = [torch.autocast(kind, enabled=False) for kind in kinds if torch.is_autocast_enabled(kind)]
    # A third of the time of torch.get_default_device.
    if torch.empty(0).device.type != "cpu":
        contexts.append(torch.device("cpu"))
    return enter_all(contexts) if contexts else NULL_CONTEXT


@contextlib.contextmanager
def enter_all(contexts: Iterable[contextlib.AbstractContextManager]) -> Iterator[None]:
    """Enter all contexts."""
    with contextlib.ExitStack() as stack:
        for context in contexts:
            stack.enter_context(context)
        yield


def with_gradients(method: Method) -> Method:
    """Decorate a method that trains: gradients are enabled, and the caller's torch context is ignored."""

    @functools.wraps(method)
    def training(*args, **kwargs):
        with ignore_caller_torch_context(), torch.inference_mode(False), torch.enable_grad():
            return method(*args, **kwargs)

    return cast("Method", training)


def full_precision(device: torch.device) -> contextlib.AbstractContextManager:
    """Inference in float32 without TF32, whatever the precision of training."""
    begin_computing()
    if device.type == "cpu":
        context = ignore_caller_torch_context(CPU_ONLY)
        return torch.inference_mode() if context is NULL_CONTEXT else enter_all([context, torch.inference_mode()])
    check_not_forked(device)
    contexts = [ignore_caller_torch_context(), torch.inference_mode()]
    return enter_all([without_tf32(), *contexts] if device.type == "cuda" else contexts)


@contextlib.contextmanager
def without_tf32() -> Iterator[None]:
    """Compute float32 matrix products and convolutions on CUDA without TF32."""
    # Since torch 2.9, allow_tf32 must not be read once fp32_precision was set.
    is_new = hasattr(torch.backends.cuda.matmul, "fp32_precision")
    name, exact = ("fp32_precision", "ieee") if is_new else ("allow_tf32", False)
    cudnn: Any = torch.backends.cudnn
    backends = (torch.backends.cuda.matmul, *((cudnn.conv, cudnn.rnn) if is_new else (cudnn,)))
    before = [getattr(backend, name) for backend in backends]
    try:
        for backend in backends:
            setattr(backend, name, exact)
        yield
    finally:
        for backend, value in zip(backends, before, strict=True):
            setattr(backend, name, value)
