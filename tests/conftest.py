"""One thread: on small data two are slower, much so on a busy machine."""

import contextlib
import gc
import os
import time

# One of scikit-learn's checks is silently left out without it; it is read when scipy is first imported.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from threadpoolctl import threadpool_limits

from unchanged import soon, unchanged_globals

torch.set_num_threads(1)
# Those of numpy and scipy, in this process only: two threads of BLAS take 50 times as long for the PCA of 100 rows.
threadpool_limits(1)
# Doctests are looked for in every module, and modules of one name cannot be imported beside each other.
collect_ignore_glob = ["*/conftest.py"]
# Rows of the table of bad inputs whose tests have workers.
WITH_WORKERS = {43, 48, 113}


def pytest_collection_finish():
    """Modules stay, so that the garbage collector need not look at them again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    """Tests of bad input change no global settings and end soon."""
    # Around the call only: warning filters are restored before fixtures are.
    rows = {row for mark in pyfuncitem.iter_markers("bad_input") for row in mark.args}
    if not rows:
        return (yield)
    # Tests of row 43 make modules of their own, from torch's stream.
    besides = {"torch's stream"} if 43 in rows else ()
    # The workers that joblib keeps have threads and pipes; the time of other processes is not that of the package.
    with_running = not rows & WITH_WORKERS
    long = any(pyfuncitem.get_closest_marker(name) for name in ("slow", "soak"))
    in_time = contextlib.nullcontext() if long else soon(time.process_time)
    with unchanged_globals(besides=besides, with_running=with_running), in_time:
        return (yield)


@pytest.fixture(scope="session")
def digits():
    """Handwritten digits as rows (1797, 64), values 0 to 16."""
    return load_digits(return_X_y=True)[0]


@pytest.fixture(scope="session")
def tables():
    """Bundled tables by name."""
    loaders = {"wine": load_wine, "breast cancer": load_breast_cancer, "diabetes": load_diabetes}
    return {name: load(return_X_y=True)[0] for name, load in loaders.items()}
