"""Bad input, one row a case: the number in the table of bad inputs, what is passed, and what comes of it."""

from __future__ import annotations

import contextlib
import functools
import os
import pickle
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from skorch.callbacks import Callback
from torch import nn

from skae import AutoencoderTransformer, Convolutional, Custom, Dense, DivergenceError, OutOfMemoryError
from skae._parameters import InvalidParameterError
from skae.variants import Variational

X = np.random.RandomState(0).standard_normal((60, 8)) @ np.diag(np.arange(1.0, 9.0))
PICTURES = X.reshape(30, 4, 4)
NAMES = [f"column {i}" for i in range(8)]
# Sixty rows, one number in the first, explicit zeros in half of the others.
ZEROS = sparse.csr_array((np.r_[1.0, np.zeros(30)], (np.arange(31), np.zeros(31, dtype=int))), shape=(60, 4))
# Columns in no order, some of them twice.
TWICE = sparse.csr_array((np.ones(180), np.tile([3, 1, 3], 60), np.arange(0, 181, 3)), shape=(60, 4))
FRAME = pd.DataFrame(X, columns=NAMES)
RENAMED, REORDERED = FRAME.rename(columns={"column 3": "other"}), FRAME[NAMES[::-1]]
SMALL: dict[str, Any] = {"architecture": Dense((4,)), "max_epochs": 1, "random_state": 0}
NO_CUDA = not torch.cuda.is_available()
NO_MPS = not torch.backends.mps.is_available()
BOTH = ("unfitted", "fitted")
NOT_TOLD = object()


class Greedy(nn.Linear):
    """Asks for more memory than there is on batches of more than 32 rows."""

    def forward(self, x):
        if len(x) > 32:
            torch.empty(2**60, dtype=torch.uint8)
        return super().forward(x)


GREEDY = Custom(lambda: Greedy(8, 2), lambda: nn.Linear(2, 8))


@functools.cache
def fitted_on(kind: str) -> AutoencoderTransformer:
    """An estimator that knows moments of its optimizer too, as only partial_fit leaves them."""
    estimator = AutoencoderTransformer(**SMALL)
    if kind == "greedy":
        estimator.set_params(architecture=GREEDY, batch_size=20, early_stopping=False)
    rows = {"rows": X, "greedy": X[:20], "frame": FRAME}[kind]
    return estimator.fit(rows).partial_fit(rows)


@dataclass(frozen=True)
class Case:
    """``call`` gets an estimator with ``params``; ``error`` is None where it has to work."""

    number: int
    name: str
    error: type[BaseException] | tuple[type[BaseException], ...] | None
    match: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    call: Callable[[AutoencoderTransformer], Any] = lambda estimator: estimator.fit(X)
    # What the message has to name, and the value it has to tell.
    parameter: str = ""
    value: Any = NOT_TOLD
    # What is passed: afterwards it is bitwise the same.
    given: Any = None
    warning: tuple[type[Warning], str] | None = None
    warned_in: str = "cases.py"  # the line that called
    # The estimators that are asked, and what those that are fitted were fitted on.
    on: tuple[str, ...] = BOTH
    fitted_on: str = "rows"
    # What a fitted estimator says, where it rightly differs from one that is not.
    fitted_match: str | None = None
    # What becomes of the estimator before it is called.
    start: Callable[[AutoencoderTransformer], AutoencoderTransformer] = lambda estimator: estimator
    # Whether the call only reads.
    reads: bool = False

    def __str__(self) -> str:
        return f"{self.number} {self.name}"


def parameter(number: int, name: str, values: list[Any], match: str, error: Any = InvalidParameterError) -> list[Case]:
    """Cases of one constructor parameter, each with a value that is refused."""
    return [
        Case(number, f"{name}={value!r}", error, match, {name: value}, parameter=name, value=value) for value in values
    ]


def inner(
    number: int, name: str, value: Any, built: Any, match: str, error: Any = InvalidParameterError, **more
) -> Case:
    """A value that an architecture or a variant, as ``built``, is refused for."""
    holder = "variant" if hasattr(built, "parts") else "architecture"
    return Case(number, f"{name} of {built!r}", error, match, {holder: built}, parameter=name, value=value, **more)


def net_params(held: dict[str, Any], match: str) -> Case:
    """A setting of the net with a value that is refused."""
    ((name, value),) = held.items()
    return Case(
        45, f"net_params={held!r}", InvalidParameterError, match, {"net_params": held}, parameter=name, value=value
    )


def works(number: int, name: str, given: Any = X, **params) -> Case:
    """What every call takes."""
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
        assert np.isfinite(np.asarray(result, dtype=float)).all()
    return results[-1]


def fitting(
    number: int, name: str, given: Any, error: Any, match: str, fitted: str | None = None, **params
) -> list[Case]:
    """The same X refused by ``fit`` and by ``partial_fit``; ``fitted`` is what a fitted one says to the latter."""
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


def after_a_failed_fit(estimator: AutoencoderTransformer) -> AutoencoderTransformer:
    with contextlib.suppress(ValueError):
        estimator.fit(X * np.nan)
    return estimator


def with_value(value: Any, row: int, dtype: Any = np.float64) -> np.ndarray:
    bad = X.astype(dtype)
    bad[row, 3] = value
    return bad


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


class Poisoning(Callback):
    """Spoils the weights before a batch."""

    def on_batch_begin(self, net, training=True, **kwargs):
        if training and len(net.history) == 2 and net.batch_ == 3:
            with torch.no_grad():
                net.parameters_[0].fill_(float("nan"))


class Raising(Callback):
    """Raises in the first epoch, before its rows are trained on or before those held out are looked at."""

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


TOO_WIDE = Custom(nn.Linear(8, 3), nn.Linear(2, 8))
WRONG_SHAPE = Custom(nn.Linear(8, 2), nn.Linear(2, 1))
# The largest number is that of the rows in question, not that of rows fitted before.
OVERFLOW = "non-finite.*batch 1 of epoch 1.*lr=.*max \\|X\\| is 2.22e\\+31.*\\bscale\\b"
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
    *parameter(9, "n_components", [10**9], "n_components=1000000000 .* GiB of memory", ValueError),
    *parameter(10, "batch_size", [0], "batch_size.*\\[1, inf\\).*Got 0"),
    *parameter(11, "batch_size", [-1], "batch_size.*Got -1"),
    *parameter(12, "batch_size", [2.5, "64"], "batch_size.*Got (2.5|'64')"),
    works(13, "batch_size above n_samples", batch_size=1000),
    *parameter(14, "max_epochs", [0], "max_epochs.*\\[1, inf\\).*Got 0"),
    *parameter(15, "max_epochs", [-1], "max_epochs.*Got -1"),
    *parameter(16, "max_epochs", [2.5], "max_epochs.*Got 2.5"),
    *parameter(17, "lr", [0, -1, float("nan"), float("inf"), "0.1"], "lr.*\\(0.0, inf\\).*Got (0|-1|nan|inf|'0.1')"),
    *parameter(18, "loss", ["mes"], "loss.*one of 'auto', 'mse', 'mae', 'huber', 'bce'.*Did you mean 'mse'"),
    *parameter(18, "loss", [None], "loss.*one of 'auto', 'mse', 'mae', 'huber', 'bce'"),
    *parameter(19, "optimizer", ["adm"], "optimizer.*'adamw'.*Got 'adm'.*Did you mean 'adam'"),
    inner(20, "activation", "rleu", Dense(activation="rleu"), "activation.*Dense.*Did you mean 'relu'"),
    *parameter(23, "device", ["gpu", "foo", 0], "device.*'auto', 'cpu', 'cuda'.*Got ('gpu'|'foo'|0)"),
    *parameter(25, "validation_fraction", [1.0, -0.1, 1.5, float("nan"), "0.1"], "validation_fraction.*\\[0.0, 1.0\\)"),
    Case(
        26,
        "validation_fraction=0.001 of 30",
        ValueError,
        "validation set is too small.*n_samples=30",
        {"validation_fraction": 0.001},
        lambda estimator: estimator.fit(X[:30]),
        "validation_fraction",
        0.001,
    ),
    Case(
        27,
        "one row to split",
        ValueError,
        "n_samples=1 with validation_fraction=0.1 holds out 1 and leaves 0",
        {},
        lambda estimator: estimator.fit(X[:1]),
        "validation_fraction",
        0.1,
    ),
    *parameter(28, "validation_fraction", [0], "early_stopping=True.*validation_fraction=0", ValueError),
    *parameter(29, "n_iter_no_change", [0, -1, 1.5], "n_iter_no_change.*\\[1, inf\\).*Got (0|-1|1.5)"),
    *parameter(30, "sample_shape", [(28, 28)], "sample_shape=\\(28, 28\\) needs 784 features, X has 8", ValueError),
    *parameter(31, "sample_shape", [(0, 8), (-2, -4), (2.0, 4), "ab", ()], "sample_shape"),
    *[
        Case(31, name, ValueError, match, {"sample_shape": (2, 4), "axes": axes}, parameter="axes", value=axes)
        for name, axes, match in [
            ("unknown axis", "h q", "name each axis once.*'w' \\(width\\)"),
            ("repeated axis", "h h", "name each axis once"),
            ("axes too many", "h w c", "names 3 axes.*\\(2, 4\\)"),
            ("axes no string", 5, "string of names such as 'h w c'"),
        ]
    ],
    inner(
        32,
        "kernel_size",
        8,
        Convolutional((4,) * 4, kernel_size=8, stride=1),
        "layer 4 .*shape \\(4, 1, 1\\)",
        ValueError,
        call=lambda estimator: estimator.fit(PICTURES),
    ),
    *[
        inner(33, "hidden_sizes", sizes, Dense(sizes), match)
        for sizes, match in [
            ((4, 0), "Got 0 at index 1"),
            ((-1, 4), "Got -1 at index 0"),
            ((4, "a"), "Got 'a' at index 1"),
            (7, "tuple of ints"),
        ]
    ],
    *[
        inner(33, name, value, Convolutional(**{name: value, **more}), match)
        for name, value, more, match in [
            ("channels", (8, 0), {}, "Got 0 at index 1"),
            ("kernel_size", 0, {}, "\\[1, inf\\)"),
            ("stride", (2, -1), {}, "Got -1 at index 1"),
            ("depth", 1.5, {}, "\\[1, inf\\)"),
            ("depth", 2, {"channels": (8,)}, "length of channels=\\(8,\\)"),
            ("normalization", "bach", {}, "Did you mean 'batch'"),
            ("linear_path", 1, {}, "True or False"),
        ]
    ],
    *parameter(34, "random_state", ["x", -1, 2**32], "random_state.*\\[0, 4294967295\\]"),
    # Its repr holds an address, which would make another name of the case in every run.
    *[
        replace(case, name="random_state is a Generator")
        for case in parameter(35, "random_state", [np.random.default_rng(0)], "random_state.*RandomState")
    ],
    works(36, "RandomState", random_state=np.random.RandomState(0)),
    Case(
        37,
        "misspelt argument",
        TypeError,
        "unexpected keyword argument",
        call=lambda _: AutoencoderTransformer(n_componets=3),
        parameter="n_componets",
    ),
    Case(
        38,
        "set_params misspelt",
        ValueError,
        "Invalid parameter 'n_componets'.*'n_components'",
        call=lambda estimator: estimator.set_params(n_componets=3),
        parameter="n_componets",
    ),
    inner(39, "encoder", 7, Custom(7, nn.Linear(2, 8)), "torch.nn.Module, or a class or function", TypeError),
    *parameter(39, "architecture", ["cnov"], "Did you mean 'conv'"),
    *parameter(39, "architecture", [Dense], "an architecture such as Dense\\(\\)"),
    inner(40, "encoder", (2, 3), TOO_WIDE, "encoder.*\\(2, 2\\)", ValueError),
    inner(41, "decoder", (2, 1), WRONG_SHAPE, "decoder.*\\(2, 8\\)", ValueError),
    works(42, "module instances", architecture=Custom(nn.Linear(8, 2), nn.Linear(2, 8))),
    Case(
        43,
        "pickle of what has no name",
        pickle.PicklingError,
        "importable at module level",
        {"architecture": GREEDY},
        pickle.dumps,
        "encoder",
    ),
    *[inner(44, "dropout", value, Dense(dropout=value), "\\[0.0, 1.0\\)") for value in (1.0, -0.1)],
    inner(44, "beta", -1.0, Variational(beta=-1.0), "\\[0.0, inf\\)"),
    *parameter(45, "precision", ["float8", None], "precision.*'bfloat16'"),
    *parameter(45, "scaling", ["column", 3], "scaling.*'columns'"),
    *parameter(45, "tol", [-1, "a"], "tol.*\\[0.0, inf\\)"),
    *parameter(45, "early_stopping", ["yes", 1], "early_stopping.*True or False"),
    *parameter(45, "warm_start", [0], "warm_start.*True or False"),
    *parameter(45, "compile", ["yes"], "compile.*True or False"),
    *parameter(45, "on_interrupt", ["stop"], "on_interrupt.*'raise', 'keep'"),
    *parameter(45, "verbose", [-1, "a"], "verbose.*\\[0, inf\\)"),
    *parameter(45, "net_params", [3, {"module": 1}, {"iterator_train__shuffle": True}], "optimizer__weight_decay"),
    *parameter(45, "net_params", [{"optimizer__no_such": 1}, {"no_such": 1}], "does not fit the net"),
    *[net_params({"optimizer__weight_decay": value}, "of net_params.*\\[0.0, inf\\)") for value in (-1.0, "1")],
    *[net_params({"clip_norm": value}, "of net_params.*\\(0.0, inf\\)") for value in (0, "1")],
    *parameter(46, "checkpoint_dir", [3], "a path or None"),
    Case(
        46,
        "a folder in what is none",
        OSError,
        "null.checkpoints",
        {"checkpoint_dir": os.path.join(os.devnull, "checkpoints")},
        parameter="checkpoint_dir",
    ),
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
    *fitting(70, "objects with None", with_value(None, 0, object), ValueError, "contains NaN"),
    *fitting(70, "a frame with NA", FRAME.astype("Float64").mask(FRAME > 5), ValueError, "contains NaN"),
    *fitting(71, "dates", X.astype("datetime64[s]"), TypeError, "datetime64"),
    *fitting(71, "time spans", X.astype("timedelta64[s]"), TypeError, "timedelta64"),
    *fitting(71, "a frame of dates", FRAME.assign(day=pd.Timestamp("2026-01-01"))[["day"]], TypeError, "datetime64"),
    *fitting(72, "structures", np.zeros(5, dtype=[("a", float), ("b", float)]), TypeError, "structured"),
    *[
        works(73, f"{form.__name__} rows", form(X))
        for form in (sparse.csr_array, sparse.csc_array, sparse.coo_array, sparse.csr_matrix, sparse.csc_matrix)
    ],
    *fitting(73, "sparse rows with NaN", sparse.csr_array(with_value(np.nan, 3)), ValueError, "contains NaN"),
    *fitting(73, "sparse rows of 1e39", sparse.csr_array(with_value(1e39, 3)), ValueError, "too large for dtype"),
    *fitting(74, "masked values", np.ma.masked_greater(X, 3), ValueError, "masked values"),
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
    *fitting(84, "a frame with text", FRAME.assign(text="x"), ValueError, "could not convert string to float"),
    *fitting(84, "a column of text", FRAME.assign(text="x"), ValueError, "Column 'text'.*string to float: 'x'.*Encode"),
    *fitting(
        84,
        "a column of categories",
        FRAME.assign(kind=pd.Categorical(["a", "b"] * (len(FRAME) // 2))),
        ValueError,
        "Column 'kind'.*could not convert string to float: 'a'",
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
        "BatchNorm needs at least 2 samples.*n_samples=1",
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
        ValueError,
        "NaN",
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
    Case(56, "NaN in X_val", ValueError, "NaN", call=lambda estimator: estimator.fit(X, X_val=with_value(np.nan, 2))),
]


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
    *reading(100, "NaN", with_value(np.nan, 3), "Input X contains NaN"),
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
        106, "sampler", "prior", "variant='plain'.*no density. Write sampler='mixture', or pass a variant", ValueError
    ),
    Case(105, "sample", None, call=lambda estimator: estimator.sample(np.int64(3)), on=("fitted",), reads=True),
]

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
        warning=(UserWarning, "Out of memory on a batch of 60 rows: going on in batches of 30 or fewer"),
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

CASES = [*PARAMETERS, *FITTED, *READ, *RUNNING]
