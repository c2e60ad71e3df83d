"""skorch's EpochScoring for autoencoders."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import check_scoring
from skorch.callbacks import BatchScoring, Callback, EpochScoring
from skorch.dataset import Dataset

from skae._parameters import InvalidParameterError

from .batches import Part

# Size of the scored rows as float32; of larger parts, evenly spaced rows are scored.
SCORED_BYTES = 64 * 2**20
INSTEAD = "Pass a callable (net, X, y), or set_callbacks(ScoringMonitor(...)) of sklearn.callback."


class ArrayScoring(Callback):
    """Calls an EpochScoring with arrays: scaled samples (n, \\*network_shape) as X and as y."""

    def __init__(self, scoring: EpochScoring):
        self.scoring = scoring

    rows_: Any = None

    def initialize(self):
        self.scoring.initialize()
        return self

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        part = X[0] if self.scoring.on_train else X[1]
        self.rows_ = None if part is None else evenly_spaced_rows(part)
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


def evenly_spaced_rows(part: Part) -> np.ndarray:
    """At most SCORED_BYTES of scaled samples of a part; missing values are 0, the mean, for scikit-learn's metrics."""
    size = max(2, SCORED_BYTES // (4 * part.rows.layout.n_features))
    n_rows = len(part.indices)
    positions = np.unique(np.linspace(0, n_rows - 1, min(size, n_rows)).astype(np.intp))
    return np.nan_to_num(part.rows.take(part.indices[positions]).cpu().numpy(), copy=False)


def adapt_scoring(entry: Any) -> Any:
    """A callback or (name, callback) with EpochScoring adapted; InvalidParameterError for BatchScoring."""
    if isinstance(entry, tuple):
        name, callback = entry
        return name, adapt_scoring(callback)
    kind = entry if isinstance(entry, type) else type(entry)
    if issubclass(kind, BatchScoring):
        raise InvalidParameterError(
            f"{kind.__name__} in net_params['callbacks'] scores batches of (X, y), but autoencoders have no y. Pass "
            f"EpochScoring. {INSTEAD}"
        )
    return ArrayScoring(entry) if isinstance(entry, EpochScoring) else entry
