"""Whether training improves on PCA, asked of more rows than one network leaves out: others are held out in turn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from skae.data import Rows
from skae.exceptions import DivergenceError

from .batches import split_rows
from .net import AutoencoderNet
from .selection import BestWeights

# Parts of the rows that are held out, the first of them by the network that may be kept.
TURNS = 5


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
        Of the same rows, in (TURNS - 1) parts at most; None where training diverged.
    """
    found = []
    for turn in range(1, min(TURNS, len(rows) // n_held_out)):
        train, held_out = split_rows(rows, n_held_out, torch.Generator().manual_seed(seed), turn)
        if len(held_out) == 0:
            continue
        train = train.alone()
        net, best = net_for(train.rows, seed + turn), best_for()
        try:
            net.run(train, held_out, [best], planned=True)
        except DivergenceError:
            return None
        found.append(best.compared(net))
    losses, by_pca = zip(*found, strict=True) if found else ((np.empty(0),), (np.empty(0),))
    return np.concatenate(losses), np.concatenate(by_pca)
