"""Data, small models, and files whose parts can be changed: for the tests of model files."""

import contextlib
import copy
import io
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from torch import nn

from skae import AutoencoderTransformer, Dense, ModelFileError, load, save
from skae.serialization import container

RANDOM = np.random.RandomState(0)
X = RANDOM.standard_normal((60, 6)) @ RANDOM.standard_normal((6, 6))
PICTURES = RANDOM.uniform(size=(40, 8, 8))
TOKENS = RANDOM.randint(0, 5, (60, 7))
FRAME = pd.DataFrame(X, columns=list("abcdef")).astype({"a": "Float64", "b": "float32"}).assign(c=np.arange(60))
SMALL = Dense((4,))
CUSTOM = {"encoder": nn.Linear(6, 2), "decoder": nn.Linear(2, 6)}
QUICK = {"max_epochs": 2, "random_state": 0}


def fit_model(settings, data):
    estimator = AutoencoderTransformer(**{"n_components": 2, **QUICK, **settings})
    return estimator.set_output(transform="default").fit(data)


def small_autoencoder(**settings):
    return AutoencoderTransformer(2, **{"architecture": SMALL, "max_epochs": 1, "random_state": 0, **settings})


def half_squares(output, target):
    """A custom loss."""
    return 0.5 * (output - target).square().flatten(1).mean(1)


def save_and_load(estimator, path=None, **kwargs):
    """The estimator after ``save`` and ``load``; without a path, the file is in memory."""
    file = io.BytesIO() if path is None else path
    save(estimator, file)
    if path is None:
        file.seek(0)
    return load(file, **kwargs)


def take_apart(file):
    """The JSON, the table of arrays and their bytes."""
    raw = file.read_bytes()
    start = 8 + int.from_bytes(raw[:8], "little")
    table = json.loads(raw[8:start])
    return json.loads(table.pop("__metadata__")["skae"]), table, raw[start:]


def put_together(file, content, table, numbers, number=container.FORMAT):
    """Write a file of any parts with a valid checksum; parts that are bytes stay as they are."""
    text = content.decode("utf-8", "surrogateescape") if isinstance(content, bytes) else json.dumps(content)
    metadata = {"skae_sha256": "0" * 64, "skae_format": str(number), "skae": text}
    header = json.dumps({"__metadata__": metadata}, separators=(",", ":")).encode()
    entries = table if isinstance(table, bytes) else json.dumps(table).encode()
    # The entries of the table follow the metadata.
    file.write_bytes(container.seal(header[:-1] + (b"," if entries[1:-1].strip() else b"") + entries[1:], numbers))


def repack(file, content, arrays):
    """Write a file of this JSON and these arrays."""
    file.write_bytes(container.pack(content, arrays))


def read(file):
    with open(file, "rb") as opened:
        return container.read(opened)


def assert_refused(file, match=None):
    with bounded(file), pytest.raises(ModelFileError, match=match):
        load(file)


HOSTILE = [
    None,
    True,
    -1,
    0,
    10**39,
    1e308,
    "os.system",
    "__class__",
    "",
    [],
    {},
    [[]],
    {"object": ["os.system", {}]},
    {"object": ["Dense", {"hidden_sizes": [10**12]}]},
    {"object": ["Convolutional", {"depth": 10**12}]},
    {"object": ["VectorQuantized", {"codebook_size": 10**15}]},
    {"object": ["Nested", {"variant": {"object": ["VectorQuantized", {"codebook_size": 10**15}]}}]},
    {"object": ["Custom", {}]},
    {"custom": ["encoder", "x"]},
    {"device": "cuda:99999999999"},
    {"number": "huge"},
    {"random_state": [[1], 2, 3, 4.0]},
    {"tuple": {"a": 1}},
    {"dict": []},
    {"no such": 1},
    {"a": 1, "b": 2},
    "x" * 10**6,
    [0] * 10**5,
    {"tuple": [{}] * 10**5},
    {"dict": {str(number): number for number in range(10**4)}},
]
# Put anywhere into the text.
PIECES = [
    b"",
    b'"',
    b"{",
    b"]",
    b",",
    b"\\",
    b"\xff",
    b"[" * 200_000,
    b'{"a":' * 200_000,
    b"9" * 10**5,
    b"1e99999",
    b"-",
    b"NaN",
    b'"a":1,"a":2,',
    b'"' + b"\\u0000" * 10**5 + b'"',
    b"[]," * 300_000,
]


def places(value, path=()):
    """The path of every part of a JSON value."""
    yield path
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in entries:
        yield from places(part, (*path, key))


def with_value(value, path, new):
    """A copy with another value at a path."""
    changed = copy.deepcopy(value)
    parent = changed
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = new
    return changed


def reset_peak_memory():
    """Bytes of memory of this process; also resets the peak."""
    if not sys.platform.startswith("linux"):
        return 0
    Path("/proc/self/clear_refs").write_text("5")
    return status("VmRSS")


def peak_memory():
    """The peak of memory, in bytes, since ``reset_peak_memory``."""
    return status("VmHWM") if sys.platform.startswith("linux") else 0


def status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


FORBIDDEN = ("pickle.find_class", "subprocess.Popen", "os.system", "os.exec", "socket.connect", "ctypes.dlopen", "exec")
WATCHING = []


def watch(event, arguments):
    """Record events that a file must not cause."""
    # Imports of installed modules run code too, which is in a file of source code.
    late = event == "exec" and os.path.exists(arguments[0].co_filename)
    if WATCHING and event in FORBIDDEN and not late:
        WATCHING.append((event, str(arguments)))


sys.addaudithook(watch)


@contextlib.contextmanager
def watched():
    """Assert that no code of a model file runs."""
    WATCHING[:] = ["on"]
    try:
        yield
    finally:
        events, WATCHING[:] = WATCHING[1:], []
    assert not events, events


@contextlib.contextmanager
def bounded(file):
    """Assert that no code of the file runs, and that time and memory are bounded by the size of the file."""
    length = os.path.getsize(file)
    memory, began, started = reset_peak_memory(), time.process_time(), time.monotonic()
    with watched():
        yield
    assert time.process_time() - began < 1
    assert time.monotonic() - started < 30
    assert peak_memory() - memory < 50 * 2**20 + 40 * length
