"""Whether training improves on PCA, asked of more rows than one network leaves out: others are held out in turn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from skorch.callbacks import Callback

from skae._data import Rows, is_out_of_memory
from skae.exceptions import DivergenceError

from .batches import Part, split_rows
from .early_stopping import FEWEST_GROUPS, FEWEST_ROWS, BestWeights
from .net import AutoencoderNet

# Parts of the rows that are held out, the first of them by the network that may be kept.
N_FOLDS = 5


def has_enough_folds(whole: Part, n_held_out: int) -> bool:
    """Whether the groups of all validation sets, that of the first network included, are enough for a test."""
    n_groups = len(whole) if whole.groups is None else len(np.unique(whole.groups))
    enough_rows = min(N_FOLDS, len(whole) // n_held_out) * n_held_out >= FEWEST_ROWS
    return enough_rows and n_groups >= FEWEST_GROUPS


def cross_validation_losses(
    whole: Part,
    n_held_out: int,
    seed: int,
    net_for: Callable[[Rows, int], AutoencoderNet],
    best_for: Callable[[], BestWeights],
    best_epoch: int,
) -> tuple[np.ndarray, np.ndarray, int] | None:
    """Losses of groups in other validation sets, by networks trained without them and by PCA of their training rows.

    Parameters
    ----------
    whole : Part
        All rows, with their groups.
    n_held_out : int
        In every turn.
    seed : int
        That by which ``split_rows`` drew the part of the first turn, which is left out here.
    net_for : callable
        Takes rows and a seed; gives a net that starts at their PCA.
    best_for : callable
        What keeps the best weights of one net.
    best_epoch : int
        Of the first turn.

    Returns
    -------
    losses, by_pca : ndarray of shape (n,), float64
        Means of the same groups, in (N_FOLDS - 1) parts at most, each group in the epoch that is best for the others of
        its part, or for the first turn where there are no others.
    n_rows : int
        In all of these groups. None in place of all where training diverged, or memory did not suffice.
    """
    found = []
    n_rows = 0
    for turn in range(1, min(N_FOLDS, len(whole) // n_held_out)):
        train, held_out = split_rows(whole, n_held_out, torch.Generator().manual_seed(seed), turn)
        if len(held_out) == 0:
            break
        try:
            train = train.alone()
            net, best, every = net_for(train.rows, seed + turn), best_for(), EveryEpoch(held_out)
            net.run(train, held_out, [best, every], planned=True)
        except Exception as error:
            if not (isinstance(error, DivergenceError) or is_out_of_memory(error)):
                raise
            return None
        losses = held_out.group_means(np.stack(every.losses))
        found.append((at_best_of_others(losses, best_epoch), best.start_))
        n_rows += len(held_out)
    by_networks, by_pca = zip(*found, strict=True) if found else ((np.empty(0),), (np.empty(0),))
    return np.concatenate(by_networks), np.concatenate(by_pca), n_rows


class EveryEpoch(Callback):
    """Keeps the losses of all held-out rows after every epoch."""

    def __init__(self, held_out: Part):
        self.held_out = held_out
        self.losses: list[np.ndarray] = []

    def on_epoch_end(self, net, **kwargs):
        self.losses.append(net.losses_per_row(self.held_out))


def at_best_of_others(losses: np.ndarray, best_epoch: int) -> np.ndarray:
    """Of losses (n_epochs, n) the one of every group in the epoch that is best for the other groups, (n,).

    The lowest mean of many epochs is low by chance too; what a group says itself does not choose its epoch here. One
    group alone is judged in ``best_epoch``.
    """
    if losses.shape[1] == 1:
        return losses[min(best_epoch, len(losses)) - 1]
    others = losses.sum(1, keepdims=True) - losses
    return np.take_along_axis(losses, others.argmin(0)[None], 0)[0]
