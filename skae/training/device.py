"""Device, precision and private randomness. Nothing here leaves a global setting changed."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

import numpy as np
import torch
from sklearn.utils import check_random_state

from skae._parameters import InvalidParameterError, invalid

from .concurrency import begin_computing, check_not_forked

Method = TypeVar("Method", bound=Callable[..., Any])
PRECISIONS = ("auto", "float32", "bfloat16")
OWNER = "AutoencoderTransformer"
# torch draws first weights from the global generator: one at a time, and it is put back afterwards.
_WEIGHTS_LOCK = threading.Lock()


def _in_child() -> None:
    global _WEIGHTS_LOCK
    # A thread that held it is not there to release it.
    _WEIGHTS_LOCK = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


def resolve_device(device: Any) -> torch.device:
    """The torch device for "auto", "cpu", "cuda", "cuda:1", "mps" or a torch.device.

    Raises
    ------
    InvalidParameterError
        If it names no kind of device.
    ValueError
        If the machine has no such device.
    RuntimeError
        If it is CUDA, in a fork of a process that used it.
    """
    name = str(device) if isinstance(device, torch.device) else device
    if not isinstance(name, str) or not re.fullmatch(r"auto|cpu(:0)?|mps|cuda(:\d+)?", name):
        raise invalid(OWNER, "device", "'auto', 'cpu', 'cuda', 'cuda:N', 'mps' or a torch.device of these", device)
    name = "cpu" if name == "cpu:0" else name
    if name == "auto" or name.startswith("cuda"):
        check_not_forked(torch.device("cuda"))
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if name.startswith("cuda"):
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        index = int(name.partition(":")[2] or 0)
        if index >= count:
            found = f"{count} CUDA devices are visible" if count else "CUDA is not available (0 devices are visible)"
            raise ValueError(f"device={device!r}: {found} on this machine. Write device='auto' or 'cpu'.")
    if name == "mps" and not torch.backends.mps.is_available():
        raise ValueError(f"device={device!r}: MPS is not available on this machine. Write device='auto' or 'cpu'.")
    return torch.device(name)


def training_precision(precision: str, device: torch.device) -> torch.dtype:
    """The dtype training computes in: "auto" is bfloat16 on GPUs that have it, float32 elsewhere."""
    if precision == "auto":
        fast = device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)
        return torch.bfloat16 if fast else torch.float32
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]


def draw_seed(random_state: Any) -> int:
    """A seed from a scikit-learn ``random_state``: an int gives the same one every time, None another every time."""
    if random_state is None:
        # Not numpy's global stream, which is the caller's.
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
    """Modules made inside draw their weights from ``seed``; the global generator is as before afterwards."""
    begin_computing()
    with _WEIGHTS_LOCK, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


class BorrowedStream:
    """Lets code that draws from torch's global generators draw from a stream of its own instead.

    Parameters
    ----------
    seed : int
    device : torch.device
    """

    def __init__(self, seed: int, device: torch.device):
        self.device = device
        with _WEIGHTS_LOCK, torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(seed)
            self.own = self._states()

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        """Inside, the global generators are this stream; afterwards as before, whenever an interrupt comes."""
        with _WEIGHTS_LOCK:
            callers = self._states()
            try:
                self._set(self.own)
                yield
                self.own = self._states()
            finally:
                self._set(callers)

    def _states(self) -> tuple[torch.Tensor, ...]:
        on_device = (torch.cuda.get_rng_state(self.device),) if self.device.type == "cuda" else ()
        return (torch.get_rng_state(), *on_device)

    def _set(self, states: tuple[torch.Tensor, ...]) -> None:
        torch.set_rng_state(states[0])
        if len(states) > 1:
            torch.cuda.set_rng_state(states[1], self.device)


@contextlib.contextmanager
def on_own_terms() -> Iterator[None]:
    """Inside, the caller's autocast and default device, which would reach into every computation, do not count."""
    with contextlib.ExitStack() as stack:
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        yield


def with_gradients(method: Method) -> Method:
    """The method, training whatever gradient mode, autocast and default device its caller is in."""

    @functools.wraps(method)
    def training(*args, **kwargs):
        with on_own_terms(), torch.inference_mode(False), torch.enable_grad():
            return method(*args, **kwargs)

    return cast("Method", training)


@contextlib.contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Codes are computed in float32 proper, whatever the precision of training."""
    begin_computing()
    check_not_forked(device)
    with on_own_terms(), torch.inference_mode():
        if device.type != "cuda":
            yield
        else:
            with without_tf32():
                yield


@contextlib.contextmanager
def without_tf32() -> Iterator[None]:
    """Inside, products and convolutions of float32 on CUDA are of float32; afterwards as before."""
    # Since torch 2.9 settings of the old kind must not be read once those of the new kind were set.
    new = hasattr(torch.backends.cuda.matmul, "fp32_precision")
    name, exact = ("fp32_precision", "ieee") if new else ("allow_tf32", False)
    cudnn: Any = torch.backends.cudnn
    places = (torch.backends.cuda.matmul, *((cudnn.conv, cudnn.rnn) if new else (cudnn,)))
    before = [getattr(place, name) for place in places]
    try:
        for place in places:
            setattr(place, name, exact)
        yield
    finally:
        for place, value in zip(places, before, strict=True):
            setattr(place, name, value)
