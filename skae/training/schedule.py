"""Values of "auto" parameters and the learning rate schedule, tuned on all bundled data sets (benchmarks/README.md)."""

from __future__ import annotations

import math

# Minimum number of batches per epoch, so that small data sets take enough steps.
BATCHES_PER_EPOCH = 40
SMALLEST_BATCH, LARGEST_BATCH = 16, 256
LEAST_PATIENCE, PATIENCE_SHARE = 25, 0.6
# Epochs of the two cycles of max_epochs="auto"; the second is for data sets whose first cycle has at most FEW_STEPS.
# Without a validation set there is one cycle of about STEPS_WITHOUT_VALIDATION steps.
CYCLES, FEW_STEPS, STEPS_WITHOUT_VALIDATION = (25, 50), 2000, 1000
# Share of the steps over which the learning rate rises.
WARM_UP = 0.2


def automatic_batch_size(n_rows: int) -> int:
    """The power of two that gives about 40 batches per epoch, from 16 up to 256."""
    size = SMALLEST_BATCH
    while size < LARGEST_BATCH and 2 * size * BATCHES_PER_EPOCH <= n_rows:
        size *= 2
    return size


def planned_cycles(max_epochs: int | str, n_rows: int, batch_size: int, validates: bool) -> tuple[int, ...]:
    """Epochs per cycle of the learning rate; there are two (Loshchilov and Hutter, 2017) for "auto" on few rows."""
    if not isinstance(max_epochs, str):
        return (int(max_epochs),)
    steps = -(-n_rows // batch_size)
    if not validates:
        return (min(sum(CYCLES), max(CYCLES[0], STEPS_WITHOUT_VALIDATION // steps)),)
    return CYCLES if CYCLES[0] * steps <= FEW_STEPS else CYCLES[:1]


def automatic_learning_rate(optimizer: str, planned: bool = True) -> float:
    """The peak learning rate of an optimizer; at a constant learning rate, a tenth of it for SGD."""
    peak = {"adamw": 1e-2, "adam": 1e-2, "rmsprop": 1e-3, "sgd": 1e-1}[optimizer]
    return peak / 10 if optimizer == "sgd" and not planned else peak


def automatic_patience(max_epochs: int) -> int:
    """Epochs without progress after which training stops; near the peak of the learning rate there may be none."""
    return max(LEAST_PATIENCE, math.ceil(PATIENCE_SHARE * max_epochs))


def learning_rate_share(progress: float) -> float:
    """Share of the peak learning rate at ``progress`` in [0, 1), by the one-cycle schedule (Smith and Topin, 2019)."""
    if progress < WARM_UP:
        return 0.04 + 0.96 * progress / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP)))
