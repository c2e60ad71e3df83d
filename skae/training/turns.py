"""Whether training improves on PCA, asked of more rows than one network leaves out: others are held out in turn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from skorch.callbacks import Callback

from skae.data import Rows, is_out_of_memory
from skae.exceptions import DivergenceError

from .batches import Part, split_rows
from .net import AutoencoderNet
from .selection import FEWEST_ROWS, BestWeights

# Parts of the rows that are held out, the first of them by the network that may be kept.
TURNS = 5


def enough_in_turns(n_samples: int, n_held_out: int) -> bool:
    """Whether rows held out in turn, those of the first included, can be sure of anything."""
    return min(TURNS, n_samples // n_held_out) * n_held_out >= FEWEST_ROWS


def losses_in_turns(
    rows: Rows,
    n_held_out: int,
    seed: int,
    net_for: Callable[[Rows, int], AutoencoderNet],
    best_for: Callable[[], BestWeights],
) -> tuple[np.ndarray, np.ndarray] | None:
    """Losses of rows held out in turn, by networks trained without them and by PCA of the rows those were trained on.

    Parameters
    ----------
    rows : Rows
    n_held_out : int
        In every turn.
    seed : int
        That by which ``split_rows`` drew the part of the first turn, which is left out here.
    net_for : callable
        Takes rows and a seed; gives a net that starts at their PCA.
    best_for : callable
        What keeps the best weights of one net.

    Returns
    -------
    losses, by_pca : ndarray of shape (n,), float64
        Of the same rows, in (TURNS - 1) parts at most, each row in the epoch that is best for the others of its part;
        None where training diverged, or memory did not suffice.
    """
    found = []
    for turn in range(1, min(TURNS, len(rows) // n_held_out)):
        train, held_out = split_rows(rows, n_held_out, torch.Generator().manual_seed(seed), turn)
        if len(held_out) == 0:
            continue
        try:
            train = train.alone()
            net, best, every = net_for(train.rows, seed + turn), best_for(), EveryEpoch(held_out)
            net.run(train, held_out, [best, every], planned=True)
        except Exception as error:
            if not (isinstance(error, DivergenceError) or is_out_of_memory(error)):
                raise
            return None
        distinct = best.distinct_
        found.append((at_best_of_others(np.stack(every.losses)[:, distinct]), best.start_[distinct]))
    losses, by_pca = zip(*found, strict=True) if found else ((np.empty(0),), (np.empty(0),))
    return np.concatenate(losses), np.concatenate(by_pca)


class EveryEpoch(Callback):
    """Keeps the losses of all held-out rows after every epoch."""

    def __init__(self, held_out: Part):
        self.held_out = held_out
        self.losses: list[np.ndarray] = []

    def on_epoch_end(self, net, **kwargs):
        self.losses.append(net.held_out_losses(self.held_out))


def at_best_of_others(losses: np.ndarray) -> np.ndarray:
    """Of losses (n_epochs, n) the one of every row in the epoch that is best for the other rows, (n,).

    The lowest mean of many epochs is low by chance too; what a row says itself does not choose its epoch here.
    """
    others = losses.sum(1, keepdims=True) - losses
    return np.take_along_axis(losses, others.argmin(0)[None], 0)[0]
