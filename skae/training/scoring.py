"""skorch's EpochScoring on the rows of an autoencoder's fit."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import check_scoring
from skorch.callbacks import BatchScoring, Callback, EpochScoring
from skorch.dataset import Dataset

from skae._parameters import InvalidParameterError

from .batches import Part

# Of larger parts as many evenly spaced rows as this size holds are scored, as float32.
SCORED_BYTES = 64 * 2**20
INSTEAD = "Pass a callable (net, X, y), or set_callbacks(ScoringMonitor(...)) of sklearn.callback."


class ScoredRows(Callback):
    """Gives an EpochScoring arrays: scaled samples (n, \\*network_shape) as X, which ``net.predict`` takes, and as y.

    Parameters
    ----------
    scoring : EpochScoring
    """

    def __init__(self, scoring: EpochScoring):
        self.scoring = scoring

    rows_: Any = None

    def initialize(self):
        self.scoring.initialize()
        return self

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        part = X[0] if self.scoring.on_train else X[1]
        self.rows_ = None if part is None else some_rows(part)
        self.scoring.on_train_begin(net, X=self.rows_, y=self.rows_)
        if not callable(self.scoring.scoring) and self.rows_ is not None:
            try:
                check_scoring(net, self.scoring.scoring_)(net, self.rows_[:2], self.rows_[:2])
            except Exception as error:
                raise InvalidParameterError(
                    f"EpochScoring(scoring={self.scoring.scoring!r}) cannot score this autoencoder: "
                    f"{str(error).partition(chr(10))[0].rstrip('.')}. {INSTEAD}"
                ) from error

    def on_epoch_end(self, net, **kwargs):
        rows = None if self.rows_ is None else Dataset(self.rows_, self.rows_)
        self.scoring.on_epoch_end(net, dataset_train=rows, dataset_valid=rows)

    def on_train_end(self, net, **kwargs):
        self.rows_ = None

    def __getstate__(self):
        return {**vars(self), "rows_": None}


def some_rows(part: Part) -> np.ndarray:
    """Scaled samples of a part, evenly spaced where they are many."""
    most = max(2, SCORED_BYTES // (4 * part.rows.layout.n_features))
    places = np.unique(np.linspace(0, len(part) - 1, min(most, len(part))).astype(np.intp))
    return part.rows.take(part.indices[places]).cpu().numpy()


def with_rows(entry: Any) -> Any:
    """A callback, alone or with a name, that gets arrays if it is an EpochScoring.

    Raises
    ------
    InvalidParameterError
        If it scores batches.
    """
    if isinstance(entry, tuple):
        name, callback = entry
        return name, with_rows(callback)
    kind = entry if isinstance(entry, type) else type(entry)
    if issubclass(kind, BatchScoring):
        raise InvalidParameterError(
            f"{kind.__name__} in net_params['callbacks'] scores batches of (X, y), which there are none of. Pass "
            f"EpochScoring. {INSTEAD}"
        )
    return ScoredRows(entry) if isinstance(entry, EpochScoring) else entry
