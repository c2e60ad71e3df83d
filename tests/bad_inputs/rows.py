"""Bad X of fit and partial_fit, and unusual X that works."""

from __future__ import annotations

import datetime
import tempfile
import warnings
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import sparse

from bad_inputs.case import FRAME, PICTURES, RENAMED, REORDERED, Case, X, with_value, works
from skae import AutoencoderTransformer, Dense, DivergenceError

# Sixty rows, one number in the first, explicit zeros in half of the others.
ZEROS = sparse.csr_array((np.r_[1.0, np.zeros(30)], (np.arange(31), np.zeros(31, dtype=int))), shape=(60, 4))


# Columns in no order, some of them twice.
TWICE = sparse.csr_array((np.ones(180), np.tile([3, 1, 3], 60), np.arange(0, 181, 3)), shape=(60, 4))


def fitting(
    number: int, name: str, given: Any, error: Any, match: str, fitted: str | None = None, **params
) -> list[Case]:
    """The same X refused by ``fit`` and ``partial_fit``; ``fitted``: the message of the latter if fitted."""
    known = {"given": given, "fitted_on": "frame" if hasattr(given, "columns") else "rows"}
    return [
        Case(number, f"fit on {name}", error, match, params, lambda estimator: estimator.fit(given), **known),
        Case(
            number,
            f"partial_fit on {name}",
            error,
            match,
            params,
            lambda estimator: estimator.partial_fit(given),
            fitted_match=fitted,
            **known,
        ),
    ]


def read_only(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flags.writeable = False
    return array


def read_only_memmap() -> np.memmap:
    with tempfile.NamedTemporaryFile(suffix=".npy") as file:
        np.save(file, X)
        file.flush()
        return np.load(file.name, mmap_mode="r")


def matrix(array: np.ndarray) -> np.matrix:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return np.asmatrix(array)


# The largest absolute value is that of these rows, not of rows fitted before.
OVERFLOW = "non-finite.*batch 1 of epoch 1.*lr=.*max \\|X\\| is 2.22e\\+31.*\\bscale\\b"
FITTED = [
    *fitting(50, "a 1-d array", X[0], ValueError, "Expected 2D array, got 1D array"),
    *fitting(51, "a scalar", 3.0, ValueError, "Expected 2D array"),
    *fitting(51, "None", None, ValueError, "Expected 2D array"),
    *fitting(51, "a string", "text", ValueError, "Expected 2D array"),
    *fitting(51, "a dict", {"a": 1}, TypeError, "dict"),
    *fitting(51, "a generator", (row for row in X), TypeError, "generator"),
    *fitting(
        52,
        "samples with two readings",
        X[:48].reshape(16, 2, 12),
        ValueError,
        "shape \\(2, 12\\) can be read in 2 ways.*axes='c t' for 2-channel signals; axes='h w' for gray pictures",
        "samples of shape \\(2, 12\\), but AutoencoderTransformer was fitted on samples of shape \\(8,\\)",
    ),
    *fitting(
        52,
        "samples of five axes",
        np.zeros((4, 2, 2, 2, 2, 2)),
        ValueError,
        "at most four can be named",
        "samples of shape \\(2, 2, 2, 2, 2\\), but AutoencoderTransformer was fitted on samples of shape \\(8,\\)",
    ),
    works(53, "samples with one reading", PICTURES),
    works(53, "samples with axes", X[:48].reshape(16, 2, 12), axes="c t"),
    *fitting(54, "no rows", X[:0], ValueError, "0 sample\\(s\\).*minimum of 1"),
    *fitting(55, "no columns", X[:12, :0], ValueError, "0 feature\\(s\\) \\(shape=\\(12, 0\\)\\) while a minimum of 1"),
    *[works(56, f"NaN in row {row}", with_value(np.nan, row)) for row in (0, 30, -1)],
    Case(
        56,
        "a column of NaN",
        ValueError,
        "missing \\(NaN\\): 3",
        call=lambda estimator: estimator.fit(np.where(np.arange(8) == 3, np.nan, X)),
    ),
    *fitting(57, "infinity", with_value(np.inf, 5), ValueError, "contains infinity"),
    *fitting(57, "minus infinity", with_value(-np.inf, 5), ValueError, "contains infinity"),
    *fitting(
        58, "what float32 cannot hold", with_value(1e39, 5), ValueError, "too large for dtype\\('float32'\\).*1e\\+39"
    ),
    *fitting(59, "losses that overflow", X * 1e30, DivergenceError, OVERFLOW, scaling=None),
    Case(
        59,
        "squares that overflow",
        DivergenceError,
        "non-finite before epoch 1.*max \\|X\\| is 1.1e\\+31.*\\bscale\\b",
        {"scaling": None},
        lambda estimator: estimator.fit(X[:, :4] * 1e30),
    ),
    Case(
        59,
        "losses of X_val that overflow",
        DivergenceError,
        OVERFLOW,
        call=lambda estimator: estimator.fit(X, X_val=X * 1e30),
    ),
    works(60, "subnormal values", X * 1e-310),
    *fitting(61, "complex numbers", X + 1j, ValueError, "Complex data not supported"),
    *[
        works(62, f"dtype {np.dtype(dtype)}", np.abs(X).astype(dtype))
        for dtype in (bool, np.uint8, np.int64, np.float16, np.float32, np.longdouble, np.uint16, np.uint64)
    ],
    works(63, "int64 above 2**24", (X * 2**30).astype(np.int64)),
    works(65, "big-endian", X.astype(">f8")),
    works(66, "objects that are numbers", X.astype(object)),
    *fitting(
        67, "objects with a dict", with_value({"a": 1}, 0, object), TypeError, "argument must be .* string.* number"
    ),
    *fitting(68, "strings in objects", with_value("x", 0, object), ValueError, "could not convert string to float"),
    *fitting(68, "strings", np.array([["a", "b"], ["c", "d"]]), ValueError, "could not convert string to float"),
    works(69, "numeric strings", X.round(3).astype(str).astype(object)),
    works(70, "objects with None", with_value(None, 0, object)),
    works(70, "objects with NA", with_value(pd.NA, 0, object)),
    works(70, "a frame with NA", FRAME.astype("Float64").mask(FRAME > 5)),
    *fitting(71, "dates", X.astype("datetime64[s]"), TypeError, "datetime64"),
    *fitting(71, "time spans", X.astype("timedelta64[s]"), TypeError, "timedelta64"),
    works(71, "a frame of dates", FRAME.assign(day=pd.Timestamp("2026-01-01"))),
    *fitting(
        71,
        "a frame of dates of Python",
        FRAME.assign(day=datetime.date(2026, 1, 1)),
        TypeError,
        "Column 'day'.*dtype date.*to_datetime",
    ),
    *fitting(72, "structures", np.zeros(5, dtype=[("a", float), ("b", float)]), TypeError, "structured"),
    *[
        works(73, f"{form.__name__} rows", form(X))
        for form in (sparse.csr_array, sparse.csc_array, sparse.coo_array, sparse.csr_matrix, sparse.csc_matrix)
    ],
    *fitting(73, "sparse rows with NaN", sparse.csr_array(with_value(np.nan, 3)), ValueError, "NaN .* first in column"),
    *fitting(73, "sparse rows of 1e39", sparse.csr_array(with_value(1e39, 3)), ValueError, "too large for dtype"),
    works(74, "masked values", np.ma.masked_greater(X, 3)),
    works(73, "sparse rows with explicit zeros and empty rows", ZEROS),
    works(73, "sparse rows with entries twice and in no order", TWICE),
    works(74, "a masked array with nothing masked", np.ma.asarray(X)),
    *fitting(75, "np.matrix", matrix(X), TypeError, "np.matrix is not supported"),
    works(76, "read-only array", read_only(X)),
    works(76, "read-only memmap", read_only_memmap()),
    works(78, "negative strides", X[::-1, ::-1]),
    works(79, "nested lists", X.tolist()),
    works(79, "nested tuples", tuple(map(tuple, X.tolist()))),
    *fitting(80, "ragged lists", [[1.0, 2.0], [3.0]], ValueError, "inhomogeneous shape"),
    works(81, "a frame", FRAME),
    *fitting(
        82, "a frame with mixed names", FRAME.rename(columns={"column 3": 3}), TypeError, "feature names.* string"
    ),
    *fitting(83, "a frame with repeated names", FRAME.rename(columns={"column 3": "column 2"}), ValueError, "unique"),
    works(84, "a column of text", FRAME.assign(text="x")),
    works(84, "a column of categories", FRAME.assign(kind=pd.Categorical(["a", "b"] * (len(FRAME) // 2)))),
    works(84, "one column of text", FRAME.assign(text=["x", "y"] * (len(FRAME) // 2))[["text"]], n_components=1),
    *fitting(
        84,
        "a column of text that is not a category",
        FRAME.assign(text="x"),
        ValueError,
        "Column 'text'.*string to float: 'x'.*Encode",
        categorical_features=None,
    ),
    *fitting(
        84,
        "a column of mixed types",
        FRAME.assign(kind=["a", 1] * (len(FRAME) // 2)),
        (TypeError, ValueError),
        "Column 'kind'.*types int and str.*to_numeric",
        "Column 'kind'.*string to float: 'a'",
    ),
    *fitting(
        84,
        "a column of free text",
        pd.DataFrame({"text": [f"text {i}" for i in range(256)]}),
        ValueError,
        "Column 'text'.*256 different categories, more than 255.*CharacterEncoder",
        "Column 'text'.*string to float: 'text 0'",
    ),
    works(81, "a frame of sparse columns", FRAME.astype(pd.SparseDtype(float, 0.0))),
    works(85, "a frame of nullable numbers", FRAME.astype("Float64")),
    works(86, "a tensor", torch.from_numpy(X.copy())),
    works(86, "a tensor with a gradient", torch.from_numpy(X.copy()).requires_grad_()),
    works(86, "a tensor of bfloat16", torch.from_numpy(X).bfloat16()),
    works(87, "one row, nothing held out", X[:1], early_stopping=False),
    works(
        88,
        "a last batch of one row with batch normalization",
        X[:33],
        architecture=Dense((4,), normalization="batch"),
        batch_size=16,
        early_stopping=False,
    ),
    Case(
        89,
        "one row with batch normalization",
        ValueError,
        "Batch normalization needs at least 2 training samples.*n_samples=1",
        {"architecture": Dense((4,), normalization="batch"), "early_stopping": False},
        lambda estimator: estimator.fit(X[:1]),
    ),
    *[
        case
        for scaling in ("auto", "columns", "global", None)
        for case in (
            works(90, f"rows all equal, scaling={scaling!r}", np.ones((20, 3)) * 7, scaling=scaling),
            works(90, f"constant columns, scaling={scaling!r}", X * (np.arange(8) > 2) + 1e9, scaling=scaling),
        )
    ],
    Case(91, "y of another length", None, call=lambda estimator: estimator.fit(X, y=["a", None])),
    *[
        Case(
            93,
            f"partial_fit with {name}",
            ValueError,
            match,
            call=lambda estimator, given=given: estimator.partial_fit(given),
            given=given,
            on=("fitted",),
        )
        for name, given, match in [
            ("another width", X[:, :7], "X has 7 features, but AutoencoderTransformer is expecting 8 features"),
            ("samples of another shape", X.reshape(60, 2, 4), "samples of shape \\(2, 4\\).*\\(8,\\)"),
        ]
    ],
    *[
        Case(
            94,
            f"{name} columns",
            ValueError,
            match,
            call=lambda estimator, call=call, given=given: call(estimator, given),
            given=given,
            on=("fitted",),
            fitted_on="frame",
        )
        for name, given, match in [
            ("partial_fit with renamed", RENAMED, "unseen at fit time:\n- other\n.*now missing:\n- column 3"),
            ("partial_fit with reordered", REORDERED, "must be in the same order"),
            ("X_val with renamed", RENAMED, "unseen at fit time:\n- other\n"),
        ]
        for call in [
            (lambda estimator, given: estimator.fit(FRAME, X_val=given))
            if name.startswith("X_val")
            else AutoencoderTransformer.partial_fit
        ]
    ],
    Case(
        95,
        "partial_fit with no rows",
        ValueError,
        "0 sample\\(s\\)",
        call=lambda estimator: estimator.partial_fit(X[:0]),
    ),
    Case(
        96,
        "partial_fit with NaN after good rows",
        None,
        call=lambda estimator: estimator.partial_fit(with_value(np.nan, -1)),
    ),
    *[
        Case(
            49,
            f"warm start with another {name}",
            ValueError,
            match,
            {"warm_start": True, name: value},
            parameter=name,
            value=value,
            on=("fitted",),
        )
        for name, value, match in [
            ("n_components", 3, "n_components=2"),
            ("architecture", Dense((5,)), "architecture=Dense\\(hidden_sizes=\\(4,\\)\\)"),
        ]
    ],
    Case(
        49,
        "warm start with another width",
        ValueError,
        "X has 7 features.*expecting 8 features",
        {"warm_start": True},
        lambda estimator: estimator.fit(X[:, :7]),
        parameter="X",
        on=("fitted",),
    ),
    Case(
        91,
        "X_val of another width",
        ValueError,
        "X has 7 features",
        call=lambda estimator: estimator.fit(X, X_val=X[:5, :7]),
    ),
    Case(56, "NaN in X_val", None, call=lambda estimator: estimator.fit(X, X_val=with_value(np.nan, 2))),
]
