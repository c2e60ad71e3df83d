"""Errors that occur during training."""

from __future__ import annotations

from typing import Any

import torch
from skorch.callbacks import Callback
from torch import nn

from bad_inputs.case import BOTH, GREEDY, Case, X
from skae import Custom, DivergenceError, OutOfMemoryError


class Poisoning(Callback):
    """Sets weights to NaN before a batch."""

    def on_batch_begin(self, net, training=True, **kwargs):
        if training and len(net.history) == 2 and net.batch_ == 3:
            with torch.no_grad():
                net.parameters_[0].fill_(float("nan"))


class Raising(Callback):
    """Raises in the first epoch, before its training pass or before its validation pass."""

    def __init__(self, error, in_training):
        self.error, self.in_training = error, in_training

    def on_batch_begin(self, net, training=True, **kwargs):
        if training is self.in_training:
            raise self.error("mine")


class Failing(nn.Linear):
    """Fails once it is trained."""

    def forward(self, x):
        if len(x) > 2 and torch.is_grad_enabled():
            raise ZeroDivisionError("mine")
        return super().forward(x)


def raising(error: type[BaseException], in_training: bool) -> dict[str, Any]:
    return {"net_params": {"callbacks": [Raising(error, in_training)]}}


RUNNING = [
    Case(
        108,
        "weights that become NaN",
        DivergenceError,
        "non-finite.*batch 3 of epoch 2 at lr=.*max \\|X\\| is 22.2.*Pass a smaller lr",
        {"net_params": {"callbacks": [Poisoning()]}, "max_epochs": 3, "batch_size": 8},
    ),
    *[
        Case(
            109,
            f"too little memory in {name}",
            OutOfMemoryError,
            "device='(cpu|cuda|mps)' with batch_size=60",
            {"architecture": GREEDY, "batch_size": 60, "early_stopping": False},
            call,
            "batch_size",
            60,
            on=on,
            fitted_on=kind,
        )
        for name, call, on, kind in [
            ("fit", lambda estimator: estimator.fit(X), BOTH, "rows"),
            ("partial_fit", lambda estimator: estimator.partial_fit(X), BOTH, "greedy"),
        ]
    ],
    Case(
        110,
        "too little memory in transform",
        None,
        call=lambda estimator: estimator.transform(X),
        warning=(UserWarning, "Out of memory on a batch of 60 rows: continuing in batches of 30 or fewer"),
        on=("fitted",),
        fitted_on="greedy",
        reads=True,
    ),
    *[
        Case(111, f"Ctrl-C in {place}", KeyboardInterrupt, params=raising(KeyboardInterrupt, in_training))
        for place, in_training in [("the first batch", True), ("the rows held out", False)]
    ],
    Case(112, "an error in a callback", KeyError, "mine", raising(KeyError, False)),
    *[
        Case(
            112,
            f"an error in a module, in {name}",
            ZeroDivisionError,
            "mine",
            {"architecture": Custom(Failing(8, 2), nn.Linear(2, 8))},
            call,
            on=on,
        )
        for name, call, on in [
            ("fit", lambda estimator: estimator.fit(X), BOTH),
            ("partial_fit", lambda estimator: estimator.partial_fit(X), ("unfitted",)),
        ]
    ],
]
