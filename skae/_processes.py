"""Processes of ``torch.distributed`` that train one network together, and the few operations between them.

``join`` makes them the ``current`` processes of a fit. Alone, which is the rule, every operation returns its argument.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from .exceptions import ProcessFailedError

Value = TypeVar("Value")
# A process that waits longer than this for another one fails.
TIMEOUT = timedelta(minutes=30)
# Set by torchrun, and by hand on clusters.
ENVIRONMENT = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
ADVICE = "All processes have to call the same methods. To fit in one process only, pass n_processes=1."


@dataclass(frozen=True, eq=False)
class Processes:
    """This process, number ``rank``, among ``size`` processes; ``local_rank`` is its number on this machine.

    ``group`` is their group of torch.distributed; with ``has_nccl``, it takes tensors on CUDA devices.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    group: Any = None
    has_nccl: bool = False

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and reports."""
        return self.rank == 0

    def share(self, n: int) -> slice:
        """The rows of this process among the ``n`` rows of a batch; shares differ by at most one row."""
        return slice(n * self.rank // self.size, n * (self.rank + 1) // self.size)

    def sum(self, tensor: Tensor) -> Tensor:
        """Replace a tensor by its sum over all processes, and return it."""
        if self.size > 1:
            self._exchange(dist.all_reduce, tensor)
        return tensor

    def mean(self, mean: Tensor, n: int) -> Tensor:
        """The mean over the samples of all processes, of the ``mean`` () over ``n`` samples of this process."""
        if self.size == 1:
            return mean
        # The mean over no samples is NaN.
        total = self.sum(torch.stack([mean * n if n else torch.zeros_like(mean), torch.full_like(mean, n)]))
        return total[0] / total[1]

    def copy_from_first(self, tensors: Iterable[Tensor]) -> None:
        """Copy the values of tensors from the first process, in place."""
        if self.size == 1:
            return
        for tensor in tensors:
            values = tensor.detach().flatten()
            self._exchange(lambda part, group: dist.broadcast(part, group=group, group_src=0), values.view(torch.uint8))
            tensor.detach().copy_(values.view(tensor.shape))

    def from_first(self, value: Value) -> Value:
        """The value of the first process."""
        if self.size == 1:
            return value
        values = [value if self.is_first else None]
        with self._watch():
            dist.broadcast_object_list(values, group=self.group, group_src=0, device=torch.device("cpu"))
        return values[0]  # type: ignore[return-value]

    def run_first(self, function: Callable[[], Value]) -> Value:
        """The result of ``function`` in the first process; all processes raise its error."""
        result: Any = None
        if self.is_first:
            try:
                result = function(), None
            except Exception as error:
                if self.size == 1:
                    raise
                result = None, error
        value, failure = self.from_first(result)
        if failure is not None:
            raise failure
        return value

    def wait(self) -> None:
        """Wait for all processes."""
        self.gather(None)

    def gather(self, value: Value) -> list[Value]:
        """The values of all processes, by rank."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        with self._watch():
            dist.all_gather_object(values, value, group=self.group)
        return values

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process."""
        return flag if self.size == 1 else bool(self.sum(torch.tensor(float(flag), dtype=torch.float32)) > 0)

    def check_equal(self, describe: Callable[[], dict[str, str]]) -> None:
        """Raise ValueError in all processes unless their descriptions of the fit are equal."""
        if self.size == 1:
            return
        descriptions = self.gather(describe())
        for rank, other in enumerate(descriptions):
            names = [name for name, value in descriptions[0].items() if other.get(name) != value]
            if names:
                pairs = "; ".join(f"{name} is {descriptions[0][name]} and {other.get(name)}" for name in names)
                raise ValueError(f"Processes 0 and {rank} fit different things together: {pairs}. {ADVICE}")

    def _exchange(self, operation: Callable[..., Any], tensor: Tensor) -> None:
        """Run an operation on a tensor in place; on a copy in the memory of the CPU if the group needs it."""
        is_direct = tensor.device.type == "cpu" or (self.has_nccl and tensor.device.type == "cuda")
        exchanged = tensor if is_direct and tensor.is_contiguous() else tensor.detach().cpu().contiguous()
        with self._watch():
            operation(exchanged, group=self.group)
        if exchanged is not tensor:
            tensor.copy_(exchanged)

    @contextlib.contextmanager
    def _watch(self) -> Iterator[None]:
        """Raise ProcessFailedError, with the error of the process that failed, if an operation fails."""
        try:
            yield
        except RuntimeError as error:
            raise ProcessFailedError(self._failure(str(error))) from error

    def _failure(self, symptom: str) -> str:
        with contextlib.suppress(Exception):  # the store may have ended with its process
            store = dist.distributed_c10d._get_default_store()
            for rank in range(self.size):
                if store.check([self._key(rank)]):
                    return f"Process {rank} of {self.size} failed: {store.get(self._key(rank)).decode()}"
        return f"Another of {self.size} processes ended, or was not reached. {ADVICE} ({symptom})"

    def _key(self, rank: int) -> str:
        return f"skae/{self.group.group_name}/{rank}"

    def _report(self, error: BaseException) -> None:
        """Store an error for the other processes."""
        if not isinstance(error, ProcessFailedError):
            with contextlib.suppress(Exception):
                store = dist.distributed_c10d._get_default_store()
                store.set(self._key(self.rank), f"{type(error).__name__}: {error}")

    def _leave(self, failed: bool) -> None:
        """End the group. Operations that other processes wait for then fail."""
        with contextlib.suppress(Exception):
            if failed and self.has_nccl:
                dist.distributed_c10d._abort_process_group(self.group)
            else:
                dist.destroy_process_group(self.group)


ALONE = Processes()
_CURRENT: ContextVar[Processes] = ContextVar("skae_processes", default=ALONE)


def current() -> Processes:
    """The processes of the fit that runs in this thread."""
    return _CURRENT.get()


class SumOverProcesses(torch.autograd.Function):
    """The sum of a tensor over all processes. Its gradient is the sum of the gradients of all processes."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        # Backward of CUDA tensors runs in a thread of autograd, which does not have the context of this one.
        ctx.processes = current()
        return ctx.processes.sum(values.clone())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return ctx.processes.sum(gradients[0].clone())


def batch_mean(values: Tensor) -> Tensor:
    """The mean over the samples (batch, ...) of all processes, which can be differentiated."""
    if current().size == 1:
        return values.mean(0)
    total = values.sum(0, keepdim=True).flatten()
    sums = SumOverProcesses.apply(torch.cat([total, total.new_full((1,), len(values))]))
    return (sums[:-1] / sums[-1].detach()).view(values.shape[1:])


@contextlib.contextmanager
def join(n_processes: int | None) -> Iterator[Processes]:
    """Make the processes of torch.distributed the current ones.

    Alone are: ``n_processes=1``, scripts that no launcher started, other threads than the main one, child processes
    that have not initialized torch.distributed, and fits inside a fit.
    """
    processes = processes_to_join(n_processes)
    token = _CURRENT.set(processes)
    failed = True
    try:
        yield processes
        failed = False
    except BaseException as error:
        if processes.size > 1:
            processes._report(error)
        raise
    finally:
        _CURRENT.reset(token)
        if processes.size > 1:
            processes._leave(failed)


def processes_to_join(n_processes: int | None) -> Processes:
    """All processes of torch.distributed, which is initialized if a launcher such as torchrun started this process."""
    is_main = threading.current_thread() is threading.main_thread() and current().size == 1
    if n_processes == 1 or not is_main or not dist.is_available():
        return ALONE
    if not dist.is_initialized():
        if not is_launched():
            return ALONE
        initialize()
        atexit.register(finalize)
    size = dist.get_world_size()
    if n_processes not in (None, size):
        raise ValueError(
            f"n_processes={n_processes}, but torch.distributed has {size} processes. Pass n_processes=None for all of "
            f"them, or 1 to fit in each of them alone."
        )
    if size == 1:
        return ALONE
    rank, n_devices = dist.get_rank(), torch.cuda.device_count()
    local_rank = int(os.environ.get("LOCAL_RANK", rank))
    local_size = int(os.environ.get("LOCAL_WORLD_SIZE", size))
    # NCCL needs a device per process.
    has_nccl = n_devices >= local_size and dist.is_nccl_available()
    try:
        group = dist.new_group(timeout=TIMEOUT, backend="cpu:gloo,cuda:nccl" if has_nccl else "gloo")
    except RuntimeError as error:
        raise ProcessFailedError(f"Not all of {size} processes were reached. {ADVICE} ({error})") from error
    return Processes(rank, size, local_rank, group, has_nccl)


def is_launched() -> bool:
    """Whether torchrun, or a cluster in its way, started this process: child processes inherit the environment."""
    is_child = multiprocessing.current_process().name != "MainProcess"
    return not is_child and all(name in os.environ for name in ENVIRONMENT) and int(os.environ["WORLD_SIZE"]) > 1


@contextlib.contextmanager
def place_on_this_machine(rank: int, size: int) -> Iterator[None]:
    """Give this process its number among ``size`` processes of this machine; the environment may have other ones."""
    place = {"LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": str(size)}
    before = {name: os.environ.get(name) for name in place}
    os.environ.update(place)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def initialize(**where: Any) -> None:
    """Initialize torch.distributed."""
    has_nccl = torch.cuda.is_available() and dist.is_nccl_available()
    dist.init_process_group("cpu:gloo,cuda:nccl" if has_nccl else "gloo", timeout=TIMEOUT, **where)


def finalize() -> None:
    """End torch.distributed, if it has not ended."""
    if dist.is_initialized():
        dist.destroy_process_group()
