"""When to stop, and which weights to keep: those of the epoch that does best on held-out rows."""

from __future__ import annotations

import copy
import math

import numpy as np
from scipy.special import stdtrit
from skorch.callbacks import Callback

from .batches import distinct

# How sure held-out rows must be that training improved on PCA, before PCA is given up, and how many it takes to say so
# (benchmarks/README.md).
CONFIDENCE = 0.975
FEWEST_ROWS = 5


class StopTraining(Exception):  # noqa: N818 - no error, as StopIteration is none
    """Training ends here, as planned: a callback set the net's ``stop_``."""


class BestWeights(Callback):
    """Keep the weights of the epoch with the lowest held-out loss; stop without progress.

    A network that starts at PCA goes back to it unless the held-out rows show an improvement that chance would not
    explain: a one-sided paired t-test of the best epoch at 97.5 %, on at least five different rows.

    Parameters
    ----------
    n_iter_no_change : int
        Epochs in a row without progress after which training stops.
    tol : float
        Progress is a held-out loss below ``(1 - tol)`` times the one of the last progress.
    """

    def __init__(self, n_iter_no_change: int, tol: float):
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol

    def on_train_begin(self, net, X=None, **kwargs):
        self.held_out_ = X[1]
        # A start at PCA is no yardstick for what is trained towards more than reconstruction.
        starts_at_pca = net.module_.linear is not None and not net.criterion_.terms
        self.start_ = net.held_out_losses(X[1]) if starts_at_pca else None
        self.distinct_ = distinct(X[1]) if starts_at_pca else None
        self.start_weights_ = copy.deepcopy(net.module_.state_dict())
        self.best_weights_ = copy.deepcopy(self.start_weights_)
        self.best_ = self.mark_ = math.inf
        self.waited_ = self.best_epoch_ = 0

    def on_epoch_end(self, net, **kwargs):
        loss = net.history[-1, "valid_loss"]
        if loss < self.best_:
            # Whole, whenever an interrupt comes.
            self.best_weights_ = copy.deepcopy(net.module_.state_dict())
            self.best_, self.best_epoch_ = loss, len(net.history)
        self.waited_ += 1
        if loss < self.mark_ * (1 - self.tol):
            self.mark_, self.waited_ = loss, 0
        if self.waited_ >= self.n_iter_no_change:
            net.stop_ = True

    def restore(self, net) -> int:
        """Put the best weights back, those of the start where no epoch is surely better; returns the epoch, or 0."""
        net.module_.load_state_dict(self.best_weights_)
        if self.start_ is None:
            return self.best_epoch_
        losses = net.held_out_losses(self.held_out_)
        if not surely_lower(losses[self.distinct_], self.start_[self.distinct_]):
            net.module_.load_state_dict(self.start_weights_)
            return 0
        return self.best_epoch_


def surely_lower(losses: np.ndarray, others: np.ndarray) -> bool:
    """Whether ``losses`` (n,) are lower than ``others`` (n,) of the same rows, beyond chance."""
    gain = others - losses
    n = len(gain)
    if n < FEWEST_ROWS:
        return False
    error = gain.std(ddof=1) / math.sqrt(n)
    return bool(gain.mean() > stdtrit(n - 1, CONFIDENCE) * error)
