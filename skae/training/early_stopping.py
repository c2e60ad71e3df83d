"""Early stopping, and the test of the best epoch against PCA initialization."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import stdtrit
from skorch.callbacks import Callback

from skae._parameters import warn

from .batches import equal_rows

# Confidence level of the test of trained weights against PCA, and the fewest rows and groups for it, with and without
# cross-validation. Each group is one observation. On fewer than MANY_ROWS groups, cross-validation decides unless the
# improvement in standard errors is outside of UNCLEAR: with one small validation set, the seed would decide.
CONFIDENCE = 0.975
FEWEST_ROWS, FEWEST_GROUPS = 20, 5
MANY_ROWS, UNCLEAR = 200, (0.0, 4.0)
# The weights of a further cycle have to be better by this number of standard errors (90 %).
SUGGESTIVE = 1.28
# If the best epoch comes after this share of a cycle, the validation loss still falls at the end of the cycle.
IMPROVING = 0.8
# There is no further cycle if the validation loss is below this share of the variance.
EXPLAINED = 1e-3
# Training ends after one epoch if the loss of PCA is below this share: PCA has no error, except for rounding.
NO_ERROR = 1e-6


class StopTraining(Exception):  # noqa: N818 - like StopIteration, it is no error
    """Raised to end training after a callback set ``stop_`` of the net."""


class BestWeights(Callback):
    """Keeps the weights of the epoch with the lowest validation loss, and stops early.

    Training stops after ``n_iter_no_change`` epochs without a relative decrease by ``tol``, and after one epoch if PCA
    has no error. A network with PCA
    initialization falls back to PCA unless the improvement on the validation set is significant: a one-sided paired
    t-test of the best epoch at 97.5 %, on at least 20 rows of at least 5 groups. If it is suggestive,
    ``cross_validate`` is called with the best epoch; see ``cross_validation_losses``. With ``is_lenient``, a
    suggestive improvement on at least 5 groups is enough.
    """

    cross_validate: Callable[[int], tuple[np.ndarray, np.ndarray, int] | None] | None = None
    is_lenient = False
    start_: Any = None
    before_: tuple[int, dict[str, Any], np.ndarray] | None = None
    pca_loss_: float | None = None
    is_exact_ = False

    def __init__(self, n_iter_no_change: int, tol: float):
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol

    def on_train_begin(self, net, X=None, **kwargs):
        self.validation_ = X[1]
        # With penalties, the loss of PCA is no baseline.
        starts_at_pca = net.module_.linear is not None and not net.criterion_.terms
        losses = net.losses_per_row(X[1]) if starts_at_pca else None
        self.start_ = None if losses is None else X[1].group_means(losses)
        self.pca_loss_ = None if losses is None else float(losses.mean())
        no_error = NO_ERROR * X[1].rows.layout.mean_variance
        self.is_exact_ = self.pca_loss_ is not None and self.pca_loss_ <= no_error
        self.start_weights_ = copy.deepcopy(net.module_.state_dict())
        self.best_weights_ = copy.deepcopy(self.start_weights_)
        self.before_ = None
        self.best_ = self.mark_ = math.inf
        self.waited_ = self.best_epoch_ = 0

    def on_epoch_end(self, net, **kwargs):
        if self.pca_loss_ is not None:
            net.history.record("pca_loss", self.pca_loss_)
        loss = net.history[-1, "valid_loss"]
        if loss < self.best_:
            # Copied before the assignments, so that an interrupt leaves a consistent state.
            self.best_weights_ = copy.deepcopy(net.module_.state_dict())
            self.best_, self.best_epoch_ = loss, len(net.history)
        self.waited_ += 1
        if loss < self.mark_ * (1 - self.tol):
            self.mark_, self.waited_ = loss, 0
        # A second cycle improves most at its end.
        if self.is_exact_ or (self.waited_ >= self.n_iter_no_change and net.cycle_ == 0):
            net.stop_ = True
        elif len(net.history) == net.cycle_start_ + net.cycles[net.cycle_]:
            self._end_cycle(net)

    def _end_cycle(self, net) -> None:
        """Start the next cycle from the best weights if this one improved to its end; else stop."""
        improving = self.best_epoch_ > net.cycle_start_ + IMPROVING * net.cycles[net.cycle_]
        explained = self.best_ <= EXPLAINED * self.validation_.rows.layout.mean_variance
        # Wide rows are many steps for networks that are not better than PCA.
        is_futile = self.validation_.rows.residual is not None and self.best_ >= (self.pca_loss_ or math.inf)
        if not improving or explained or is_futile or net.cycle_ + 1 == len(net.cycles):
            net.stop_ = True
            return
        net.module_.load_state_dict(self.best_weights_)
        self.before_ = (self.best_epoch_, self.best_weights_, net.losses_per_row(self.validation_))
        self.best_weights_ = copy.deepcopy(self.best_weights_)  # checkpoints need separate memory
        net.cycle_ += 1

    def restore(self, net) -> int:
        """Restore the best weights and return their epoch, or 0 if PCA initialization is restored."""
        net.module_.load_state_dict(self.best_weights_)
        self._compare_with_cycle_before(net)
        if self.start_ is None:
            return self.best_epoch_
        losses = self.validation_.group_means(net.losses_per_row(self.validation_))
        if (
            self.cross_validate is None
            and len(losses) < FEWEST_GROUPS <= len(self.validation_)
            and losses.sum() < self.start_.sum()
            and len(np.unique(equal_rows(self.validation_))) != len(losses)  # no warning for equal rows
        ):
            warn(
                f"The validation set has {len(losses)} of the groups. An improvement on the weights that training "
                f"started from, PCA's or those before a warm start, needs at least {FEWEST_GROUPS}, so these are kept. "
                f"Pass more groups to fit, a larger validation_fraction, or X_val."
            )
        if not self._is_better(losses, self.start_, len(self.validation_)):
            net.module_.load_state_dict(self.start_weights_)
            return 0
        return self.best_epoch_

    def _compare_with_cycle_before(self, net) -> None:
        """Restore the best weights of the previous cycle, unless this cycle is better by SUGGESTIVE standard errors."""
        if self.before_ is None or self.best_epoch_ == self.before_[0]:
            return
        epoch, weights, losses = self.before_
        current = net.losses_per_row(self.validation_)
        # On few rows, the lowest loss of many epochs is low by chance.
        if standard_errors_lower(*map(self.validation_.group_means, (current, losses))) < SUGGESTIVE:
            net.module_.load_state_dict(weights)
            self.best_epoch_, self.best_weights_ = epoch, weights

    def _is_better(self, losses: np.ndarray, start: np.ndarray, n_rows: int) -> bool:
        improvement = standard_errors_lower(losses, start)
        if self.is_lenient and len(losses) >= FEWEST_GROUPS:
            return improvement > SUGGESTIVE
        is_enough = n_rows >= FEWEST_ROWS and len(losses) >= FEWEST_GROUPS
        is_clear = improvement < UNCLEAR[0] or (improvement > UNCLEAR[1] and is_enough)
        if self.cross_validate is None or len(losses) >= MANY_ROWS or is_clear:
            return significantly_lower(losses, start)
        folds = self.cross_validate(self.best_epoch_)
        return folds is not None and folds[2] >= FEWEST_ROWS and significantly_lower(folds[0], folds[1])


def significantly_lower(losses: np.ndarray, others: np.ndarray) -> bool:
    """Whether ``losses`` (n,) are significantly lower than ``others`` (n,) of the same groups; False for n below 5."""
    n = len(losses)
    return n >= FEWEST_GROUPS and standard_errors_lower(losses, others) > float(stdtrit(n - 1, CONFIDENCE))


def standard_errors_lower(losses: np.ndarray, others: np.ndarray) -> float:
    """Mean difference of paired losses (n,) in standard errors, positive if ``losses`` are lower; infinite for n=1."""
    gain = others - losses
    if not gain.any():
        return 0.0
    if len(gain) == 1:
        return math.copysign(math.inf, gain[0])
    error = gain.std(ddof=1) / math.sqrt(len(gain))
    return float(gain.mean() / error) if error > 0 else math.copysign(math.inf, gain.mean())
