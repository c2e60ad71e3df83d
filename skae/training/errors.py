"""Errors of training: out of memory, divergence, too few samples."""

from __future__ import annotations

import contextlib
import functools
import math
import traceback
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np

from skae._parameters import warn
from skae._processes import current
from skae.data import free_cache, is_out_of_memory, iterate_slices, slice_length
from skae.exceptions import DivergenceError, OutOfMemoryError

from .batches import Batches, Part

Result = TypeVar("Result")
Method = TypeVar("Method", bound=Callable[..., Any])


def out_of_memory(device: str, batch_size: Any, error: BaseException) -> OutOfMemoryError:
    """The error for running out of memory; frees the variables of the frames below and the cache of the device."""
    traceback.clear_frames(error.__traceback__)
    free_cache()
    return OutOfMemoryError(
        f"Out of memory in training on device={device!r} with batch_size={batch_size!r}. Pass a smaller "
        f"batch_size or a smaller architecture. What was fitted before is kept. ({error})"
    )


def reports_out_of_memory(method: Method) -> Method:
    """Decorate a method of an estimator: running out of memory raises OutOfMemoryError with advice."""

    @functools.wraps(method)
    def wrapper(self, *args, **kwargs):
        try:
            return method(self, *args, **kwargs)
        except Exception as error:
            if isinstance(error, OutOfMemoryError) or not is_out_of_memory(error):
                raise
            raise out_of_memory(str(self.device), self.batch_size, error) from error

    return cast("Method", wrapper)


def with_smaller_batches(net: Any, batches: Batches, read: Callable[[], Result]) -> Result:
    """The result of ``read``, which passes ``batches`` forward; out of memory, they are halved with one warning."""
    while True:
        try:
            return read()
        except Exception as error:
            length = min(batches.batch_size, len(batches.dataset))
            # Other processes would go on with batches of the former length.
            if length == 1 or current().size > 1 or not is_out_of_memory(error):
                raise
            traceback.clear_frames(error.__traceback__)
        free_cache()
        if net.longest_ == math.inf:
            warn(f"Out of memory on {length} validation rows: continuing in batches of {length // 2} or fewer.")
        net.longest_ = batches.batch_size = length // 2


def diverged(net: Any, losses: Any, part: Part) -> DivergenceError:
    """The error for non-finite losses of batches, or a non-finite sum of them."""
    lr = net.optimizer_.param_groups[0]["lr"]
    wrong = [(number, float(loss)) for number, loss in enumerate(losses, start=1) if not math.isfinite(loss)]
    number, loss = wrong[0] if wrong else (len(losses), math.inf)
    slices = iterate_slices(part.rows.X, slice_length(part.rows.layout.n_features))
    largest = max(float(rows.double().abs().nan_to_num().max()) for rows in slices)
    return DivergenceError(
        f"The loss became non-finite ({loss}) in batch {number} of epoch {len(net.history)} at lr={lr:.3g} (peak "
        f"lr={net.lr:.3g}); max |X| is {largest:.3g}. Pass a smaller lr, scaling='columns' if "
        f"columns differ in scale, or look for wild values in X. What was fitted before is kept."
    )


def check_last_update(net: Any, train: Part) -> None:
    """Raise DivergenceError if the weights after the last update give non-finite losses."""
    losses = net.losses_per_row(Part(train.rows, train.indices[: net.batch_size]))
    if not np.isfinite(losses.mean()):
        raise diverged(net, losses.mean(keepdims=True), train)


def check_enough(n_samples: int, smallest: int, n_processes: int) -> None:
    """Raise ValueError if there are fewer samples than batch normalization needs, or than processes."""
    if n_samples < n_processes:
        raise ValueError(
            f"Each of {n_processes} processes needs a training sample. Got n_samples={n_samples}, besides the "
            f"validation set. Pass n_processes=1."
        )
    if n_samples < smallest:
        raise ValueError(
            f"Batch normalization needs at least 2 training samples, besides the validation set. Got "
            f"n_samples={n_samples}. Pass more samples, or an architecture such as Dense(normalization='layer')."
        )


def note_place(error: Exception, epoch: int, batch: int) -> None:
    """Add the epoch and batch, counted from 1, in which an error was raised, as a note to it."""
    # Python 3.10 has no notes, and some errors take none.
    with contextlib.suppress(Exception):
        error.add_note(  # type: ignore[attr-defined]
            f"In epoch {max(1, epoch)}, batch {batch}, of the training of an autoencoder."
        )
