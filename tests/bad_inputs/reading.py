"""Bad input of the calls that only read a fitted estimator."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from bad_inputs.case import BOTH, FRAME, RENAMED, REORDERED, Case, X, with_value
from skae import AutoencoderTransformer
from skae._parameters import InvalidParameterError


def after_a_failed_fit(estimator: AutoencoderTransformer) -> AutoencoderTransformer:
    with contextlib.suppress(ValueError):
        estimator.fit(X * np.nan)
    return estimator


READERS = ("transform", "score", "score_samples", "reconstruct")


def reading(number: int, name: str, given: Any, match: str, error: Any = ValueError, **more) -> list[Case]:
    """The same X refused by every reading call."""
    return [
        Case(
            number,
            f"{reader} of {name}",
            error,
            match,
            call=lambda estimator, reader=reader: getattr(estimator, reader)(given),
            given=given,
            on=("fitted",),
            reads=True,
            **more,
        )
        for reader in READERS
    ]


def decoding(number: int, name: str, given: Any, match: str) -> Case:
    return Case(
        number,
        name,
        ValueError,
        match,
        call=lambda estimator: estimator.inverse_transform(given),
        given=given,
        on=("fitted",),
        reads=True,
    )


def sampling(number: int, name: str, value: Any, match: str, error: Any = InvalidParameterError) -> Case:
    """An argument of ``sample`` that is refused."""
    return Case(
        number,
        f"sample {name}={value!r}",
        error,
        match,
        call=lambda estimator: estimator.sample(**{name: value}),
        parameter=name,
        value=value,
        on=("fitted",),
        reads=True,
    )


READ = [
    *[
        Case(97, f"{name} {when}", NotFittedError, "is not fitted yet", call=call, start=start, on=on)
        for when, start, on in [
            ("before fit", lambda estimator: estimator, ("unfitted",)),
            ("after a failed fit", after_a_failed_fit, ("unfitted",)),
            ("of a clone", clone, BOTH),
        ]
        for name, call in [
            *[(reader, lambda estimator, reader=reader: getattr(estimator, reader)(X)) for reader in READERS],
            ("inverse_transform", lambda estimator: estimator.inverse_transform(X[:, :2])),
            ("sample", lambda estimator: estimator.sample()),
            ("interpolate", lambda estimator: estimator.interpolate(X, X)),
            ("shortened", lambda estimator: estimator.shortened(1)),
            ("summary", lambda estimator: estimator.summary()),
            ("get_feature_names_out", lambda estimator: estimator.get_feature_names_out()),
        ]
    ],
    *reading(
        98, "too few columns", X[:, :7], "X has 7 features, but AutoencoderTransformer is expecting 8 features as input"
    ),
    *reading(98, "samples of another shape", X.reshape(60, 2, 4), "samples of shape \\(2, 4\\).*\\(8,\\)"),
    *reading(99, "no rows", X[:0], "0 sample\\(s\\)"),
    *[
        replace(case, error=None, warning=(UserWarning, "fit had rows without missing values"))
        for case in reading(100, "NaN", with_value(np.nan, 3), "")
    ],
    *reading(100, "infinity", with_value(np.inf, 3), "contains infinity"),
    *reading(100, "1e39", with_value(1e39, 3), "too large for dtype\\('float32'\\)"),
    *reading(101, "a renamed column", RENAMED, "unseen at fit time:\n- other\n.*missing:\n- col", fitted_on="frame"),
    *reading(101, "reordered columns", REORDERED, "must be in the same order", fitted_on="frame"),
    *reading(
        101,
        "a missing column",
        FRAME.drop(columns="column 3"),
        "Feature names seen at fit time, yet now missing:\n- column 3",
        fitted_on="frame",
    ),
    *[
        replace(case, error=None, warning=(UserWarning, text), warned_in="validation.py")  # scikit-learn's own
        for name, given, kind, text in [
            ("rows without names", X, "frame", "X does not have valid feature names"),
            ("names that are new", FRAME, "rows", "X has feature names, but AutoencoderTransformer was fitted without"),
        ]
        for case in reading(102, name, given, "", fitted_on=kind)
    ],
    decoding(103, "codes too wide", X[:, :5], "X has 5 columns, but n_components is 2"),
    decoding(104, "codes in one dimension", X[0], "Expected 2D array, got 1D array"),
    decoding(104, "codes with NaN", with_value(np.nan, 0)[:, 2:4], "contains NaN"),
    decoding(104, "no codes", X[:0, :2], "0 sample\\(s\\)"),
    decoding(104, "codes of 1e39", with_value(1e39, 0)[:, 2:4], "too large for dtype\\('float32'\\)"),
    *[sampling(105, "n_samples", value, "\\[1, inf\\)") for value in (0, -1, 2.5, "a", None, True)],
    *[sampling(106, "random_state", value, "\\[0, 4294967295\\]") for value in ("a", -1, 2**32, 1.5)],
    sampling(106, "sampler", "priors", "Did you mean 'prior'"),
    sampling(106, "sampler", None, "one of 'auto', 'prior'"),
    sampling(
        106, "sampler", "prior", "variant='plain'.*no density. Write sampler='auto', or pass a variant", ValueError
    ),
    Case(105, "sample", None, call=lambda estimator: estimator.sample(np.int64(3)), on=("fitted",), reads=True),
]
