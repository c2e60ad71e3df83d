"""Whether training improves on PCA, by cross-validation: more networks are trained with other validation sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from skorch.callbacks import Callback

from skae.data import is_out_of_memory
from skae.exceptions import DivergenceError

from .batches import Part, split_rows
from .early_stopping import FEWEST_GROUPS, FEWEST_ROWS
from .spec import TrainSpec

# Folds, the first of them with the network that may be kept.
N_FOLDS = 5


def has_enough_folds(whole: Part, n_validation: int) -> bool:
    """Whether all validation sets together, that of the first fold included, have enough rows and groups for a test."""
    n_groups = len(whole) if whole.groups is None else len(np.unique(whole.groups))
    n_rows = min(N_FOLDS, len(whole) // n_validation) * n_validation
    return n_rows >= FEWEST_ROWS and n_groups >= FEWEST_GROUPS


def cross_validation_losses(
    spec: TrainSpec,
    whole: Part,
    n_validation: int,
    train_fold: Callable[[TrainSpec, Part, Part, Callback], None],
    best_epoch: int,
) -> tuple[np.ndarray, np.ndarray, int] | None:
    """Validation losses per group in further folds, of networks trained without them and of PCA of their training rows.

    Parameters
    ----------
    spec : TrainSpec
        ``split_rows`` drew the validation set of the first fold by its seed; that fold is left out here.
    whole : Part
        All rows, with their groups.
    n_validation : int
        Validation rows per fold.
    train_fold : callable
        Trains a network of a spec on a part, validates on another, with one more callback.
    best_epoch : int
        Best epoch of the first fold.

    Returns
    -------
    losses, pca_losses : ndarray of shape (n,), float64
        Mean losses of the same groups, in at most N_FOLDS - 1 folds. The epoch in which a group is judged is the best
        one for the other groups of its fold; for a single group, the best epoch of the first fold.
    n_rows : int
        Rows in all of these groups. None in place of all if training diverged or ran out of memory.
    """
    # Callbacks of the caller hear of one network.
    net_params = {**(spec.net_params or {}), "callbacks": None}
    spec = replace(spec, compile=False, verbose=0, net_params=net_params)
    found = []
    n_rows = 0
    for fold in range(1, min(N_FOLDS, len(whole) // n_validation)):
        train, validation = split_rows(whole, n_validation, torch.Generator().manual_seed(spec.seed), fold)
        if len(validation) == 0:
            break
        try:
            losses = LossesPerGroup(validation)
            train_fold(replace(spec, seed=spec.seed + fold), train.extract(), validation, losses)
        except Exception as error:
            if not (isinstance(error, DivergenceError) or is_out_of_memory(error)):
                raise
            return None
        found.append((at_best_of_others(np.stack(losses.by_epoch), best_epoch), losses.at_start))
        n_rows += len(validation)
    by_networks, by_pca = zip(*found, strict=True) if found else ((np.empty(0),), (np.empty(0),))
    return np.concatenate(by_networks), np.concatenate(by_pca), n_rows


class LossesPerGroup(Callback):
    """Keeps the losses of all validation groups, at the start and after every epoch."""

    at_start: np.ndarray

    def __init__(self, validation: Part):
        self.validation = validation
        self.by_epoch: list[np.ndarray] = []

    def on_train_begin(self, net, **kwargs):
        self.at_start = self._losses(net)

    def on_epoch_end(self, net, **kwargs):
        self.by_epoch.append(self._losses(net))

    def _losses(self, net) -> np.ndarray:
        return self.validation.group_means(net.losses_per_row(self.validation))


def at_best_of_others(losses: np.ndarray, best_epoch: int) -> np.ndarray:
    """Of losses (n_epochs, n) the one of every group in the epoch that is best for the other groups, (n,).

    The lowest mean of many epochs is low by chance too; what a group says itself does not choose its epoch here. One
    group alone is judged in ``best_epoch``.
    """
    if losses.shape[1] == 1:
        return losses[min(best_epoch, len(losses)) - 1]
    others = losses.sum(1, keepdims=True) - losses
    return np.take_along_axis(losses, others.argmin(0)[None], 0)[0]
