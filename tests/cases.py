"""Bad input, one row a case: the number in the table of bad inputs, what is passed, and what comes of it."""

from __future__ import annotations

import contextlib
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from sklearn.exceptions import NotFittedError
from torch import nn

from skae import AutoencoderTransformer, Convolutional, Custom, Dense, DivergenceError
from skae.parameters import InvalidParameterError

X = np.random.RandomState(0).standard_normal((60, 8)) @ np.diag(np.arange(1.0, 9.0))
PICTURES = X.reshape(30, 4, 4)
NAMES = [f"column {i}" for i in range(8)]
# Sixty rows, one number in the first, explicit zeros in half of the others.
ZEROS = sparse.csr_array((np.r_[1.0, np.zeros(30)], (np.arange(31), np.zeros(31, dtype=int))), shape=(60, 4))
FRAME = pd.DataFrame(X, columns=NAMES)
SMALL: dict[str, Any] = {"architecture": Dense((4,)), "max_epochs": 1, "random_state": 0}
NO_CUDA = not torch.cuda.is_available()
NO_MPS = not torch.backends.mps.is_available()


@dataclass(frozen=True)
class Case:
    """``call`` gets an estimator with ``params``; ``error`` is None where it has to work."""

    number: int
    name: str
    error: type[Exception] | tuple[type[Exception], ...] | None
    match: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    call: Callable[[AutoencoderTransformer], Any] = lambda estimator: estimator.fit(X)
    warning: tuple[type[Warning], str] | None = None
    # Whether an estimator with nothing learned can be asked at all.
    unfitted: bool = True

    def __str__(self) -> str:
        return f"{self.number} {self.name}"


def parameter(number: int, name: str, values: list[Any], match: str, error: Any = InvalidParameterError) -> list[Case]:
    """Cases of one constructor parameter, each with a value that is refused."""
    return [Case(number, f"{name}={value!r}", error, match, {name: value}) for value in values]


def works(number: int, name: str, call=lambda estimator: estimator.fit(X), **params) -> Case:
    return Case(number, name, None, params=params, call=call)


def fitting(number: int, name: str, given: Any, error: Any, match: str, **params) -> list[Case]:
    """The same X refused by ``fit`` and by ``partial_fit``."""
    return [
        Case(number, f"fit on {name}", error, match, params, lambda estimator: estimator.fit(given)),
        Case(
            number,
            f"partial_fit on {name}",
            error,
            match,
            params,
            lambda estimator: going_on(estimator, given).partial_fit(given),
        ),
    ]


def going_on(estimator: AutoencoderTransformer, given: Any) -> AutoencoderTransformer:
    """The estimator itself, but one with nothing learned where it was fitted on samples of another form."""
    same = not hasattr(given, "columns") and np.shape(given)[1:] == X.shape[1:]
    return estimator if same or not hasattr(estimator, "net_") else fresh(estimator)


def fresh(estimator: AutoencoderTransformer) -> AutoencoderTransformer:
    return AutoencoderTransformer(**estimator.get_params(deep=False))


def with_value(value: Any, row: int, dtype: Any = np.float64) -> np.ndarray:
    bad = X.astype(dtype)
    bad[row, 3] = value
    return bad


def transforming(estimator: AutoencoderTransformer, given: Any) -> Any:
    """Every reading call; all must agree on what they refuse."""
    for call in (estimator.score, estimator.score_samples, estimator.reconstruct):
        with contextlib.suppress(ValueError, TypeError):
            call(given)
            raise AssertionError(f"{call} took what transform refuses")
    return estimator.transform(given)


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


TOO_WIDE = Custom(nn.Linear(8, 3), nn.Linear(2, 8))
WRONG_SHAPE = Custom(nn.Linear(8, 2), nn.Linear(2, 1))
N_COMPONENTS = "'n_components' parameter of AutoencoderTransformer must be an int in the range \\[1, inf\\).* Got "

PARAMETERS = [
    *parameter(1, "n_components", [0], N_COMPONENTS + "0"),
    *parameter(2, "n_components", [-1], N_COMPONENTS + "-1"),
    *parameter(3, "n_components", [2.0], N_COMPONENTS + "2.0"),
    *parameter(4, "n_components", ["2"], N_COMPONENTS + "'2'"),
    *parameter(5, "n_components", [True], N_COMPONENTS + "True"),
    *parameter(6, "n_components", [float("nan"), None], N_COMPONENTS + "(nan|None)"),
    works(7, "n_components=np.int64(2)", n_components=np.int64(2)),
    Case(
        8,
        "n_components above n_features",
        None,
        params={"n_components": 9},
        warning=(UserWarning, "over-complete: n_components=9 is more than the 8 features"),
    ),
    Case(9, "n_components=10**9", ValueError, "n_components=1000000000 .* GiB of memory", {"n_components": 10**9}),
    *parameter(10, "batch_size", [0], "batch_size.*\\[1, inf\\).*Got 0"),
    *parameter(11, "batch_size", [-1], "batch_size.*Got -1"),
    *parameter(12, "batch_size", [2.5, "64"], "batch_size.*Got (2.5|'64')"),
    works(13, "batch_size above n_samples", batch_size=1000),
    *parameter(14, "max_epochs", [0], "max_epochs.*\\[1, inf\\).*Got 0"),
    *parameter(15, "max_epochs", [-1], "max_epochs.*Got -1"),
    *parameter(16, "max_epochs", [2.5], "max_epochs.*Got 2.5"),
    *parameter(17, "lr", [0, -1, float("nan"), float("inf"), "0.1"], "lr.*\\(0.0, inf\\).*Got (0|-1|nan|inf|'0.1')"),
    *parameter(18, "loss", ["mes", None], "loss.*one of 'mse', 'mae', 'huber', 'bce'.*Got ('mes'|None)"),
    *parameter(18, "loss", ["mes"], "Did you mean 'mse'"),
    *parameter(19, "optimizer", ["adm"], "optimizer.*'adamw'.*Got 'adm'.*Did you mean 'adam'"),
    Case(
        20, "activation", InvalidParameterError, "activation.*Dense.*'relu'", {"architecture": Dense(activation="rleu")}
    ),
    *parameter(23, "device", ["gpu", "foo", 0], "device.*'auto', 'cpu', 'cuda'.*Got ('gpu'|'foo'|0)"),
    *parameter(25, "validation_fraction", [1.0, -0.1, 1.5, float("nan"), "0.1"], "validation_fraction.*\\[0.0, 1.0\\)"),
    Case(
        26,
        "validation_fraction=0.001 of 30",
        ValueError,
        "validation set is too small.*n_samples=30",
        {"validation_fraction": 0.001},
        lambda estimator: estimator.fit(X[:30]),
    ),
    Case(
        27,
        "one row to split",
        ValueError,
        "n_samples=1 with validation_fraction=0.1 holds out 1 and leaves 0",
        {},
        lambda estimator: estimator.fit(X[:1]),
    ),
    Case(28, "nothing held out", ValueError, "early_stopping=True.*validation_fraction=0", {"validation_fraction": 0}),
    *parameter(29, "n_iter_no_change", [0, -1, 1.5], "n_iter_no_change.*\\[1, inf\\).*Got (0|-1|1.5)"),
    *parameter(30, "sample_shape", [(28, 28)], "sample_shape=\\(28, 28\\) needs 784 features, X has 8", ValueError),
    *parameter(31, "sample_shape", [(0, 8), (-2, -4), (2.0, 4), "ab", ()], "sample_shape"),
    Case(31, "unknown axis", ValueError, "axes='h q'", {"sample_shape": (2, 4), "axes": "h q"}),
    Case(31, "repeated axis", ValueError, "axes='h h'", {"sample_shape": (2, 4), "axes": "h h"}),
    Case(31, "axes too many", ValueError, "axes='h w c' names 3", {"sample_shape": (2, 4), "axes": "h w c"}),
    Case(31, "axes no string", ValueError, "axes.*Got 5", {"sample_shape": (2, 4), "axes": 5}),
    Case(
        32,
        "sample too small for the layers",
        ValueError,
        "layer 4 .*shape \\(4, 1, 1\\)",
        {"architecture": Convolutional((4,) * 4, kernel_size=8, stride=1)},
        lambda estimator: estimator.fit(PICTURES),
    ),
    *[
        Case(33, f"hidden_sizes={sizes!r}", InvalidParameterError, match, {"architecture": Dense(sizes)})
        for sizes, match in [
            ((4, 0), "hidden_sizes.*Got 0 at index 1"),
            ((-1, 4), "Got -1 at index 0"),
            ((4, "a"), "Got 'a' at index 1"),
            (7, "hidden_sizes.*Got 7"),
        ]
    ],
    *[
        Case(33, repr(architecture), InvalidParameterError, match, {"architecture": architecture})
        for architecture, match in [
            (Convolutional((8, 0)), "channels.*Got 0 at index 1"),
            (Convolutional(kernel_size=0), "kernel_size.*Got 0"),
            (Convolutional(stride=(2, -1)), "stride.*Got -1 at index 1"),
            (Convolutional(depth=1.5), "depth.*Got 1.5"),
            (Convolutional((8,), depth=2), "depth.*Got 2"),
            (Convolutional(normalization="bach"), "normalization.*Did you mean 'batch'"),
            (Convolutional(linear_path=1), "linear_path.*Got 1"),
        ]
    ],
    *parameter(34, "random_state", ["x", -1, 2**32], "random_state.*\\[0, 4294967295\\].*Got"),
    Case(
        35,
        "random_state is a Generator",
        InvalidParameterError,
        "random_state.*RandomState",
        {"random_state": np.random.default_rng()},
    ),
    works(36, "RandomState", random_state=np.random.RandomState(0)),
    Case(37, "misspelt argument", TypeError, "n_componets", call=lambda _: AutoencoderTransformer(n_componets=3)),
    Case(
        38,
        "set_params misspelt",
        ValueError,
        "Invalid parameter 'n_componets'.*'n_components'",
        call=lambda estimator: estimator.set_params(n_componets=3),
    ),
    Case(39, "encoder no module", TypeError, "'encoder'.*Got 7", {"architecture": Custom(7, nn.Linear(2, 8))}),
    Case(39, "architecture no architecture", InvalidParameterError, "architecture.*'conv'", {"architecture": "cnov"}),
    Case(39, "architecture class", InvalidParameterError, "architecture.*Dense\\(\\)", {"architecture": Dense}),
    Case(40, "encoder too wide", ValueError, "encoder.*\\(2, 2\\).*Got \\(2, 3\\)", {"architecture": TOO_WIDE}),
    Case(41, "decoder broadcasts", ValueError, "decoder.*\\(2, 8\\).*Got \\(2, 1\\)", {"architecture": WRONG_SHAPE}),
    works(42, "module instances", architecture=Custom(nn.Linear(8, 2), nn.Linear(2, 8))),
    *[
        Case(
            44,
            f"dropout={value}",
            InvalidParameterError,
            "dropout.*\\[0.0, 1.0\\)",
            {"architecture": Dense(dropout=value)},
        )
        for value in (1.0, -0.1)
    ],
    *parameter(45, "precision", ["float8", None], "precision.*'bfloat16'"),
    *parameter(45, "scaling", ["column", 3], "scaling.*'columns'.*Got ('column'|3)"),
    *parameter(45, "tol", [-1, "a"], "tol.*Got"),
    *parameter(45, "early_stopping", ["yes", 1], "early_stopping.*True or False.*Got"),
    *parameter(45, "warm_start", [0], "warm_start.*True or False.*Got 0"),
    *parameter(45, "verbose", [-1, "a"], "verbose.*Got"),
    *parameter(45, "net_params", [3, {"module": 1}, {"iterator_train__shuffle": True}], "net_params"),
    *parameter(45, "net_params", [{"optimizer__no_such": 1}], "net_params.*no_such"),
    *parameter(45, "net_params", [{"no_such": 1}], "net_params.*no_such"),
    *parameter(
        45, "net_params", [{"optimizer__weight_decay": -1.0}, {"optimizer__weight_decay": "1"}], "weight_decay.*\\[0.0"
    ),
    *parameter(45, "net_params", [{"clip_norm": 0}, {"clip_norm": "1"}], "clip_norm.*net_params.*\\(0.0, inf\\).*Got"),
]
if NO_CUDA:
    PARAMETERS += [
        *parameter(21, "device", ["cuda"], "CUDA is not available.*device='auto' or 'cpu'", ValueError),
        *parameter(22, "device", ["cuda:99"], "0 devices are visible", ValueError),
    ]
if NO_MPS:
    PARAMETERS += parameter(24, "device", ["mps"], "MPS is not available.*device='auto' or 'cpu'", ValueError)

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
        "shape \\(2, 12\\) can be read in 2 ways.*axes='c t' for 2-channel signals; axes='h w' for grey pictures",
    ),
    *fitting(52, "samples of five axes", np.zeros((4, 2, 2, 2, 2, 2)), ValueError, "at most four can be named"),
    works(53, "samples with one reading", lambda estimator: estimator.fit(PICTURES)),
    works(53, "samples with axes", lambda estimator: estimator.fit(X[:48].reshape(16, 2, 12)), axes="c t"),
    *fitting(54, "no rows", X[:0], ValueError, "0 sample\\(s\\).*minimum of 1"),
    *fitting(55, "no columns", X[:12, :0], ValueError, "0 feature\\(s\\) \\(shape=\\(12, 0\\)\\) while a minimum of 1"),
    *[
        case
        for row in (0, 30, -1)
        for case in fitting(56, f"NaN in row {row}", with_value(np.nan, row), ValueError, "Input X contains NaN")
    ],
    *fitting(57, "infinity", with_value(np.inf, 5), ValueError, "contains infinity"),
    *fitting(57, "minus infinity", with_value(-np.inf, 5), ValueError, "contains infinity"),
    *fitting(
        58, "what float32 cannot hold", with_value(1e39, 5), ValueError, "too large for dtype\\('float32'\\).*1e\\+39"
    ),
    *fitting(59, "losses that overflow", X * 1e30, DivergenceError, "non-finite.*epoch 1.*lr=", scaling=None),
    works(60, "subnormal values", lambda estimator: estimator.fit(X * 1e-310)),
    *fitting(61, "complex numbers", X + 1j, ValueError, "Complex data not supported"),
    *[
        works(62, f"dtype {np.dtype(dtype)}", lambda estimator, dtype=dtype: estimator.fit(np.abs(X).astype(dtype)))
        for dtype in (bool, np.uint8, np.int64, np.float16, np.float32, np.longdouble, np.uint16, np.uint64)
    ],
    works(63, "int64 above 2**24", lambda estimator: estimator.fit((X * 2**30).astype(np.int64))),
    works(65, "big-endian", lambda estimator: estimator.fit(X.astype(">f8"))),
    works(66, "objects that are numbers", lambda estimator: estimator.fit(X.astype(object))),
    *fitting(
        67, "objects with a dict", with_value({"a": 1}, 0, object), TypeError, "argument must be .* string.* number"
    ),
    *fitting(68, "strings in objects", with_value("x", 0, object), ValueError, "could not convert string to float"),
    *fitting(68, "strings", np.array([["a", "b"], ["c", "d"]]), ValueError, "could not convert string to float"),
    works(69, "numeric strings", lambda estimator: estimator.fit(X.round(3).astype(str).astype(object))),
    *fitting(70, "objects with None", with_value(None, 0, object), ValueError, "contains NaN"),
    *fitting(70, "a frame with NA", FRAME.astype("Float64").mask(FRAME > 5), ValueError, "contains NaN"),
    *fitting(71, "dates", X.astype("datetime64[s]"), TypeError, "datetime64"),
    *fitting(71, "time spans", X.astype("timedelta64[s]"), TypeError, "timedelta64"),
    *fitting(71, "a frame of dates", FRAME.assign(day=pd.Timestamp("2026-01-01"))[["day"]], TypeError, "datetime64"),
    *fitting(72, "structures", np.zeros(5, dtype=[("a", float), ("b", float)]), TypeError, "structured"),
    *[
        works(73, f"{form.__name__} rows", lambda estimator, form=form: estimator.fit(form(X)).transform(form(X)))
        for form in (sparse.csr_array, sparse.csc_array, sparse.coo_array, sparse.csr_matrix, sparse.csc_matrix)
    ],
    *fitting(73, "sparse rows with NaN", sparse.csr_array(with_value(np.nan, 3)), ValueError, "contains NaN"),
    *fitting(73, "sparse rows of 1e39", sparse.csr_array(with_value(1e39, 3)), ValueError, "too large for dtype"),
    *fitting(74, "masked values", np.ma.masked_greater(X, 3), ValueError, "masked values"),
    works(73, "sparse rows with explicit zeros and empty rows", lambda estimator: estimator.fit(ZEROS)),
    works(74, "a masked array with nothing masked", lambda estimator: estimator.fit(np.ma.asarray(X))),
    *fitting(75, "np.matrix", matrix(X), TypeError, "np.matrix is not supported"),
    works(76, "read-only array", lambda estimator: estimator.fit(read_only(X)).transform(read_only(X))),
    works(76, "read-only memmap", lambda estimator: estimator.fit(read_only_memmap()).transform(read_only_memmap())),
    works(78, "negative strides", lambda estimator: estimator.fit(X[::-1, ::-1]).transform(X[::-1, ::-1])),
    works(79, "nested lists", lambda estimator: estimator.fit(X.tolist()).transform(tuple(map(tuple, X)))),
    *fitting(80, "ragged lists", [[1.0, 2.0], [3.0]], ValueError, "inhomogeneous shape"),
    works(81, "a frame", lambda estimator: estimator.fit(FRAME).transform(FRAME)),
    *fitting(
        82, "a frame with mixed names", FRAME.rename(columns={"column 3": 3}), TypeError, "feature names.* string"
    ),
    *fitting(83, "a frame with repeated names", FRAME.rename(columns={"column 3": "column 2"}), ValueError, "unique"),
    *fitting(84, "a frame with text", FRAME.assign(text="x"), ValueError, "could not convert string to float"),
    *fitting(84, "a column of text", FRAME.assign(text="x"), ValueError, "Column 'text'.*string to float: 'x'.*Encode"),
    *fitting(
        84,
        "a column of categories",
        FRAME.assign(kind=pd.Categorical(["a", "b"] * (len(FRAME) // 2))),
        ValueError,
        "Column 'kind'.*could not convert string to float: 'a'",
    ),
    works(81, "a frame of sparse columns", lambda estimator: estimator.fit(FRAME.astype(pd.SparseDtype(float, 0.0)))),
    works(85, "a frame of nullable numbers", lambda estimator: estimator.fit(FRAME.astype("Float64"))),
    works(86, "a tensor", lambda estimator: estimator.fit(torch.from_numpy(X))),
    works(86, "a tensor with a gradient", lambda estimator: estimator.fit(torch.from_numpy(X).requires_grad_())),
    works(86, "a tensor of bfloat16", lambda estimator: estimator.fit(torch.from_numpy(X).bfloat16())),
    works(87, "one row, nothing held out", lambda estimator: estimator.fit(X[:1]), early_stopping=False),
    works(
        88,
        "a last batch of one row with batch normalisation",
        lambda estimator: estimator.fit(X[:33]),
        architecture=Dense((4,), normalization="batch"),
        batch_size=16,
        early_stopping=False,
    ),
    Case(
        89,
        "one row with batch normalisation",
        ValueError,
        "BatchNorm needs at least 2 samples.*n_samples=1",
        {"architecture": Dense((4,), normalization="batch"), "early_stopping": False},
        lambda estimator: estimator.fit(X[:1]),
    ),
    works(90, "rows all equal", lambda estimator: estimator.fit(np.ones((20, 3)) * 7)),
    works(91, "y of another length", lambda estimator: estimator.fit(X, y=["a", None])),
    Case(
        93,
        "partial_fit with another width",
        ValueError,
        "X has 7 features, but AutoencoderTransformer is expecting 8 features",
        call=lambda estimator: estimator.partial_fit(X[:, :7]),
        unfitted=False,
    ),
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
        ValueError,
        "NaN",
        call=lambda estimator: estimator.partial_fit(with_value(np.nan, -1)),
    ),
    Case(
        49,
        "warm start with another size",
        ValueError,
        "n_components=3.*n_components=2",
        {"warm_start": True, "n_components": 3},
        unfitted=False,
    ),
    Case(
        49,
        "warm start with another architecture",
        ValueError,
        "architecture=Dense\\(hidden_sizes=\\(5,\\)\\)",
        {"warm_start": True, "architecture": Dense((5,))},
        unfitted=False,
    ),
    Case(
        49,
        "warm start with another width",
        ValueError,
        "X has 7 features",
        {"warm_start": True},
        lambda estimator: estimator.fit(X[:, :7]),
        unfitted=False,
    ),
    Case(
        91,
        "X_val of another width",
        ValueError,
        "X has 7 features",
        call=lambda estimator: estimator.fit(X, X_val=X[:5, :7]),
    ),
    Case(56, "NaN in X_val", ValueError, "NaN", call=lambda estimator: estimator.fit(X, X_val=with_value(np.nan, 2))),
]


def reading(number: int, name: str, given: Any, match: str, error: Any = ValueError) -> Case:
    return Case(number, name, error, match, call=lambda estimator: transforming(estimator, given), unfitted=False)


def decoding(number: int, name: str, given: Any, match: str) -> Case:
    return Case(
        number, name, ValueError, match, call=lambda estimator: estimator.inverse_transform(given), unfitted=False
    )


READ = [
    *[
        Case(97, f"{name} of a clone", NotFittedError, "is not fitted yet", call=call)
        for name, call in [
            ("transform", lambda estimator: fresh(estimator).transform(X)),
            ("inverse_transform", lambda estimator: fresh(estimator).inverse_transform(X[:, :2])),
            ("reconstruct", lambda estimator: fresh(estimator).reconstruct(X)),
            ("score", lambda estimator: fresh(estimator).score(X)),
            ("score_samples", lambda estimator: fresh(estimator).score_samples(X)),
            ("summary", lambda estimator: fresh(estimator).summary()),
            ("get_feature_names_out", lambda estimator: fresh(estimator).get_feature_names_out()),
        ]
    ],
    reading(
        98, "too few columns", X[:, :7], "X has 7 features, but AutoencoderTransformer is expecting 8 features as input"
    ),
    reading(98, "samples of another shape", X.reshape(60, 2, 4), "samples of shape \\(2, 4\\).*\\(8,\\)"),
    reading(99, "no rows", X[:0], "0 sample\\(s\\)"),
    reading(100, "NaN", with_value(np.nan, 3), "Input X contains NaN"),
    reading(100, "infinity", with_value(np.inf, 3), "contains infinity"),
    reading(100, "1e39", with_value(1e39, 3), "too large for dtype\\('float32'\\)"),
    decoding(103, "codes too wide", X[:, :5], "X has 5 columns, but n_components is 2"),
    decoding(104, "codes in one dimension", X[0], "Expected 2D array, got 1D array"),
    decoding(104, "codes with NaN", with_value(np.nan, 0)[:, 2:4], "contains NaN"),
    decoding(104, "no codes", X[:0, :2], "0 sample\\(s\\)"),
    decoding(104, "codes of 1e39", with_value(1e39, 0)[:, 2:4], "too large for dtype\\('float32'\\)"),
]

CASES = [*PARAMETERS, *FITTED, *READ]
