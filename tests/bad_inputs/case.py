"""A case of the table of bad inputs, and the data and estimators that cases share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from skae import AutoencoderTransformer, Custom, Dense

X = np.random.RandomState(0).standard_normal((60, 8)) @ np.diag(np.arange(1.0, 9.0))
PICTURES = X.reshape(30, 4, 4)
NAMES = [f"column {i}" for i in range(8)]
FRAME = pd.DataFrame(X, columns=NAMES)
RENAMED, REORDERED = FRAME.rename(columns={"column 3": "other"}), FRAME[NAMES[::-1]]
SMALL: dict[str, Any] = {"architecture": Dense((4,)), "max_epochs": 1, "random_state": 0}
BOTH = ("unfitted", "fitted")
NO_VALUE = object()


class Greedy(nn.Linear):
    """Runs out of memory on batches of more than 32 rows."""

    def forward(self, x):
        if len(x) > 32:
            torch.empty(2**60, dtype=torch.uint8)
        return super().forward(x)


GREEDY = Custom(lambda: Greedy(8, 2), lambda: nn.Linear(2, 8))


@functools.cache
def fitted_on(kind: str) -> AutoencoderTransformer:
    """A fitted estimator with the moments of its optimizer, which only partial_fit keeps."""
    estimator = AutoencoderTransformer(**SMALL)
    if kind == "greedy":
        estimator.set_params(architecture=GREEDY, batch_size=20, early_stopping=False)
    rows = {"rows": X, "greedy": X[:20], "frame": FRAME}[kind]
    return estimator.fit(rows).partial_fit(rows)


@dataclass(frozen=True)
class Case:
    """``call`` takes an estimator with ``params``; ``error`` is None if the call has to work."""

    number: int
    name: str
    error: type[BaseException] | tuple[type[BaseException], ...] | None
    match: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    call: Callable[[AutoencoderTransformer], Any] = lambda estimator: estimator.fit(X)
    # The name and the value that the message has to contain.
    parameter: str = ""
    value: Any = NO_VALUE
    # The input, which stays bitwise the same.
    given: Any = None
    warning: tuple[type[Warning], str] | None = None
    warned_in: str = ""  # the file that called, if empty
    # Whether the estimator is fitted, and the data it was fitted on.
    on: tuple[str, ...] = BOTH
    fitted_on: str = "rows"
    # The message of a fitted estimator, if it differs from that of an unfitted one.
    fitted_match: str | None = None
    # Applied to the estimator before the call.
    start: Callable[[AutoencoderTransformer], AutoencoderTransformer] = lambda estimator: estimator
    # Whether the call changes nothing.
    reads: bool = False

    def __str__(self) -> str:
        return f"{self.number} {self.name}"


def works(number: int, name: str, given: Any = X, **params) -> Case:
    """Input that every call accepts."""
    return Case(
        number, name, None, params=params, call=lambda estimator: fitting_and_reading(estimator, given), given=given
    )


def fitting_and_reading(estimator: AutoencoderTransformer, given: Any) -> Any:
    """Codes, after every other call that takes X."""
    estimator.fit(given)
    losses = [loss for row in estimator.history_ for name, loss in row.items() if name.endswith("_loss")]
    assert losses
    results = [losses, estimator.score(given), estimator.partial_fit(given).score_samples(given)]
    results += [estimator.reconstruct(given), estimator.transform(given)]
    for result in results:
        result = result.select_dtypes("number") if hasattr(result, "select_dtypes") else result
        assert np.isfinite(np.asarray(result, dtype=float)).all()
    return results[-1]


def with_value(value: Any, row: int, dtype: Any = np.float64) -> np.ndarray:
    bad = X.astype(dtype)
    bad[row, 3] = value
    return bad
