"""Cross-validation of a network against PCA: more networks are trained with other validation sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from skorch.callbacks import Callback

from skae._processes import current
from skae.data import is_out_of_memory
from skae.exceptions import DivergenceError

from .batches import Part, split_rows
from .early_stopping import FEWEST_GROUPS, FEWEST_ROWS, UNCLEAR, standard_errors_lower
from .progress import Progress
from .spec import TrainSpec

N_FOLDS = 5
# After this number of folds, no more networks are trained if those so far are not better than PCA.
LEAST_FOLDS = 2
# Folds and their networks do not depend on the seed of the fit, so that fits with other seeds decide alike.
SEED = 0


def has_enough_folds(whole: Part, n_validation: int) -> bool:
    """Whether the validation sets of all folds together have enough rows and groups for a test."""
    n_groups = len(whole) if whole.groups is None else len(np.unique(whole.groups))
    n_rows = min(N_FOLDS, len(whole) // n_validation) * n_validation
    return n_rows >= FEWEST_ROWS and n_groups >= FEWEST_GROUPS


def cross_validation_losses(
    spec: TrainSpec,
    whole: Part,
    n_validation: int,
    train_fold: Callable[[TrainSpec, Part, Part, Callback], None],
    progress: Progress,
    best_epoch: int,
) -> tuple[np.ndarray, np.ndarray, int] | None:
    """Losses per validation group, of networks and of PCA, in the folds, and the number of validation rows.

    There are up to N_FOLDS folds, until ``is_decided``. ``best_epoch`` is that of the fit. None if training diverged or
    ran out of memory.
    """
    spec = without_reports(spec)
    of_networks = of_pca = np.empty(0)
    results, n_rows = [(of_networks, of_pca)], 0
    n_folds = min(N_FOLDS, len(whole) // n_validation)
    for fold in range(n_folds):
        train, validation = split_rows(whole, n_validation, torch.Generator().manual_seed(SEED), fold)
        if len(validation) == 0:
            break
        try:
            losses = LossesPerGroup(validation)
            with progress.stage(f"Cross-validation of the network and PCA, fold {fold + 1} of up to {n_folds}"):
                train_fold(replace(spec, seed=SEED + fold), train.extract(), validation, losses)
        except Exception as error:
            # Memory may run out in one process only.
            if not (isinstance(error, DivergenceError) or (is_out_of_memory(error) and current().size == 1)):
                raise
            return None
        results.append((losses_at_best_epochs(np.stack(losses.by_epoch), best_epoch), losses.at_start))
        n_rows += len(validation)
        of_networks, of_pca = map(np.concatenate, zip(*results, strict=True))
        if is_decided(of_networks, of_pca, n_rows, fold + 1):
            break
    return of_networks, of_pca, n_rows


def without_reports(spec: TrainSpec) -> TrainSpec:
    """The spec of a training besides the fit, which callbacks of the user do not observe."""
    net_params = {**(spec.net_params or {}), "callbacks": None}
    return replace(spec, compile=False, verbose=0, net_params=net_params)


def is_decided(of_networks: np.ndarray, of_pca: np.ndarray, n_rows: int, n_folds: int) -> bool:
    """Whether the folds so far decide: networks are clearly better than PCA, or not better at all."""
    improvement = standard_errors_lower(of_networks, of_pca)
    is_enough = n_rows >= FEWEST_ROWS and len(of_pca) >= FEWEST_GROUPS
    return (improvement > UNCLEAR[1] and is_enough) or (improvement <= UNCLEAR[0] and n_folds >= LEAST_FOLDS)


class LossesPerGroup(Callback):
    """Records the losses of all validation groups, before training and after every epoch."""

    at_start: np.ndarray

    def __init__(self, validation: Part):
        self.validation = validation
        self.by_epoch: list[np.ndarray] = []

    def on_train_begin(self, net, **kwargs):
        self.at_start = self.compute(net)

    def on_epoch_end(self, net, **kwargs):
        self.by_epoch.append(self.compute(net))

    def compute(self, net) -> np.ndarray:
        return self.validation.group_means(net.losses_per_row(self.validation))


def losses_at_best_epochs(losses: np.ndarray, best_epoch: int) -> np.ndarray:
    """The loss of every group (n_groups,), of losses (n_epochs, n_groups), at the best epoch for the other groups.

    The lowest loss of the group itself is low by chance. For a single group, the epoch is ``best_epoch``.
    """
    if losses.shape[1] == 1:
        return losses[min(best_epoch, len(losses)) - 1]
    others = losses.sum(1, keepdims=True) - losses
    return np.take_along_axis(losses, others.argmin(0)[None], 0)[0]
