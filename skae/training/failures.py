"""What training says when it cannot go on."""

from __future__ import annotations

from typing import Any

from skae.data import free_cache
from skae.exceptions import DivergenceError, OutOfMemoryError

from .batches import Part


def out_of_memory(net: Any, error: BaseException) -> OutOfMemoryError:
    """The error for memory that does not suffice for a batch; what the device has cached is freed."""
    free_cache()
    return OutOfMemoryError(
        f"Out of memory in training on device={net.device!r} with batch_size={net.batch_size}. Pass a smaller "
        f"batch_size or a smaller architecture. What was fitted before is kept. ({error})"
    )


def diverged(net: Any, loss: float, part: Part) -> DivergenceError:
    """The error for a loss that is not finite."""
    lr = net.optimizer_.param_groups[0]["lr"]
    return DivergenceError(
        f"The loss became non-finite ({loss}) in epoch {len(net.history)} at lr={lr:.3g} (peak lr={net.lr:.3g}); "
        f"max |X| is {part.rows.layout.scaling.largest:.3g}. Pass a smaller lr, scaling='columns' if columns "
        f"differ in scale, or look for wild values in X. What was fitted before is kept."
    )
