"""Bad constructor parameters."""

from __future__ import annotations

import os
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from bad_inputs.case import GREEDY, PICTURES, Case, X, works
from skae import AutoencoderTransformer, Convolutional, Custom, Dense
from skae._parameters import InvalidParameterError
from skae.variants import Variational

NO_CUDA = not torch.cuda.is_available()
NO_MPS = not torch.backends.mps.is_available()


def parameter(number: int, name: str, values: list[Any], match: str, error: Any = InvalidParameterError) -> list[Case]:
    """Cases of one constructor parameter, each with a value that is refused."""
    return [
        Case(number, f"{name}={value!r}", error, match, {name: value}, parameter=name, value=value) for value in values
    ]


def inner(
    number: int, name: str, value: Any, built: Any, match: str, error: Any = InvalidParameterError, **more
) -> Case:
    """A bad value of a parameter of ``built``, an architecture or a variant."""
    holder = "variant" if hasattr(built, "parts") else "architecture"
    return Case(number, f"{name} of {built!r}", error, match, {holder: built}, parameter=name, value=value, **more)


def net_params(held: dict[str, Any], match: str) -> Case:
    """A setting of the net with a value that is refused."""
    ((name, value),) = held.items()
    return Case(
        45, f"net_params={held!r}", InvalidParameterError, match, {"net_params": held}, parameter=name, value=value
    )


TOO_WIDE = Custom(nn.Linear(8, 3), nn.Linear(2, 8))
WRONG_SHAPE = Custom(nn.Linear(8, 2), nn.Linear(2, 1))
N_COMPONENTS = "'n_components' parameter of AutoencoderTransformer must be an int in the range \\[1, inf\\).* Got "
PARAMETERS = [
    *parameter(1, "n_components", [0], N_COMPONENTS + "0"),
    *parameter(2, "n_components", [-1], N_COMPONENTS + "-1"),
    *parameter(3, "n_components", [2.0], N_COMPONENTS + "2.0"),
    *parameter(4, "n_components", ["2"], N_COMPONENTS + "'2'"),
    *parameter(5, "n_components", [True], N_COMPONENTS + "True"),
    *parameter(6, "n_components", [float("nan")], N_COMPONENTS + "nan"),
    works(6, "n_components=None", n_components=None),
    works(6, "n_components='mle'", n_components="mle"),
    *parameter(6, "n_components", ["MLE"], N_COMPONENTS + "'MLE'"),
    Case(
        6,
        "n_components='mle' of few rows",
        InvalidParameterError,
        "n_components='mle' needs at least as many samples as features.*n_samples=7 and n_features=8",
        {"n_components": "mle", "early_stopping": False},
        lambda estimator: estimator.fit(X[:7]),
        "n_components",
        "mle",
    ),
    *parameter(6, "svd_solver", ["lapack", None], "svd_solver.*one of 'auto', 'full'.*Got ('lapack'|None)"),
    *parameter(6, "svd_solver", ["randomised"], "Did you mean 'randomized'"),
    *[
        Case(
            6,
            f"{size!r} by {solver}",
            InvalidParameterError,
            match,
            {"n_components": size, "svd_solver": solver},
            parameter="n_components",
            value=size,
        )
        for size, solver, match in [
            (0.9, "arpack", "n_components=0.9 needs all components.*Pass svd_solver='auto'"),
            ("mle", "randomized", "n_components='mle' needs all components"),
            (8, "arpack", "fewer components than min\\(n_samples, n_features\\) = 8. Got n_components=8"),
        ]
    ],
    *parameter(6, "iterated_power", [-1, 2.5, "7", None], "iterated_power.*\\[0, inf\\) or 'auto'. Got "),
    *parameter(6, "n_oversamples", [0, 1.5], "n_oversamples.*\\[1, inf\\). Got"),
    *parameter(6, "power_iteration_normalizer", ["qr", None], "power_iteration_normalizer.*one of 'auto', 'QR'"),
    *parameter(6, "copy", [None, 1], "copy.*True or False"),
    works(7, "n_components=np.int64(2)", n_components=np.int64(2)),
    *parameter(
        8,
        "n_components",
        [9],
        "over-complete: n_components=9 is more than n_features=8.*Pass n_components=8",
        ValueError,
    ),
    Case(
        8,
        "n_components above n_features, sparse",
        None,
        params={"n_components": 9, "variant": "sparse"},
        warning=(UserWarning, "over-complete: n_components=9 is more than n_features=8"),
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
        "no training rows: validation_fraction=0.1 of n_samples=1 is 1 validation rows",
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
    # Its repr holds an address, so the name of the case would differ from run to run.
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
        (pickle.PicklingError, AttributeError),
        "",
        {"architecture": GREEDY},
        pickle.dumps,
        "lambda",
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
    *parameter(45, "n_processes", [0, 1.5, "2"], "n_processes.*\\[1, inf\\) or None"),
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
