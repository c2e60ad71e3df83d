"""``fit`` in several processes of this machine, which joblib starts: data-parallel training without a launcher."""

from __future__ import annotations

import contextlib
import copy
import pickle
import tempfile
import warnings
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from joblib import Parallel, delayed, effective_n_jobs, parallel_config
from torch import distributed

from skae._parameters import warn
from skae._processes import current, finalize, initialize, is_launched, place_on_this_machine
from skae.data.sources import is_mapped
from skae.exceptions import ProcessFailedError
from skae.training import FitResult, draw_seed

# Callbacks of scikit-learn, which do not run in processes: their context is that of a fit in this process.
OF_CALLBACKS = "_skl_callbacks"


def needs_launch(n_processes: int | None) -> bool:
    """Whether ``fit`` has to start ``n_processes``: no launcher has, and this is none of them."""
    is_alone = current().size == 1 and not distributed.is_initialized() and not is_launched()
    return n_processes is not None and n_processes > 1 and is_alone


def fit_in_processes(estimator: Any, arguments: dict[str, Any]) -> FitResult:
    """The result of ``fit(**arguments)`` in ``n_processes``, each of which gets a share of the rows of every batch.

    The processes map the memory of large arrays. If one fails, all end, and its error is raised.
    """
    n = int(estimator.n_processes)
    if not distributed.is_available():
        raise ValueError(f"n_processes={n} needs torch.distributed, which this build of torch lacks.")
    if getattr(estimator, OF_CALLBACKS, None):
        warn(
            f"Callbacks of scikit-learn do not run with n_processes={n}, because fit trains in other processes. Pass "
            f"n_processes=None, or start the script with torchrun: the first process then calls them."
        )
    # Threads of the processes together are those of this process.
    n_threads = max(1, torch.get_num_threads() // n)
    with tempfile.TemporaryDirectory() as folder, parallel_config(backend="loky", inner_max_num_threads=n_threads):
        if effective_n_jobs(n) != n:
            raise ValueError(
                f"n_processes={n}: this is a worker of joblib, which starts no processes. Pass n_processes=1, or "
                f"n_jobs=None to the search."
            )
        is_file = {name: is_mapped(value) for name, value in arguments.items()}
        tasks = (delayed(fit_share)(rank, n, folder, for_workers(estimator), arguments, is_file) for rank in range(n))
        try:
            result, caught = Parallel(n_jobs=n, batch_size=1, pre_dispatch="all")(tasks)[0]
        except Exception as error:
            raise first_error(folder, error) from error
    # As ``fit`` in this process.
    draw_seed(estimator.random_state)
    for message, category in caught:
        warn(message, category)
    return result


def for_workers(estimator: Any) -> Any:
    """A copy of the estimator that joins the processes it is in."""
    worker = copy.copy(estimator)
    worker.__dict__.pop(OF_CALLBACKS, None)
    worker.n_processes = None
    if not worker.warm_start:
        worker.__dict__.pop("_result", None)
    return worker


def fit_share(
    rank: int, size: int, folder: str, estimator: Any, arguments: dict[str, Any], is_file: dict[str, bool]
) -> Any:
    """Fit in one of the processes; the first one returns the result, and the warnings of ``fit``."""
    arguments = {name: value if is_file[name] else in_memory(value) for name, value in arguments.items()}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with place_on_this_machine(rank, size):
                initialize(init_method=f"file://{folder}/store", rank=rank, world_size=size)
                estimator.fit(**arguments)
        except BaseException as error:
            if not isinstance(error, ProcessFailedError):
                with contextlib.suppress(Exception):
                    (Path(folder) / f"error-{rank}").write_bytes(pickle.dumps(error))
            raise
        finally:
            finalize()
    if rank > 0:
        return None
    return estimator._result, [(str(warning.message), warning.category) for warning in caught]


def in_memory(X: Any) -> Any:
    """The array, whose memory joblib may have mapped, as one that is in memory; others as they are."""
    with contextlib.suppress(ValueError):  # dates have no buffer
        return np.asarray(memoryview(X)) if isinstance(X, np.memmap) else X  # type: ignore[arg-type]
    return X


def first_error(folder: str, error: Exception) -> Exception:
    """The error of the process that failed first; ``error`` is what joblib reports."""
    for path in sorted(Path(folder).glob("error-*")):
        with contextlib.suppress(Exception):
            return pickle.loads(path.read_bytes())
    if isinstance(error, BrokenExecutor):
        return ProcessFailedError(
            "A process of the fit was killed, or crashed: often because memory ran out. Each process has its own "
            "network, batches and intermediate results."
        )
    return error
