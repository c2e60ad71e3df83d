"""A file that was changed with a valid checksum is refused or harmless; it runs no code."""

import contextlib
import functools
import io
import json
import math
import operator
import random
import warnings
import zipfile

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from model_files import (
    HOSTILE,
    PIECES,
    QUICK,
    SMALL,
    X,
    assert_refused,
    bounded,
    fit_model,
    places,
    put_together,
    read,
    repack,
    small_autoencoder,
    take_apart,
    watched,
    with_value,
)
from skae import (
    AutoencoderTransformer,
    ModelFileError,
    load,
    save,
)
from skae.serialization import container
from skae.serialization.strict_json import LONGEST_JSON


@pytest.mark.bad_input(123)
@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b'{"parameters":' * 100_000, "nested"),
        (b"[" * 100_000, "nested"),
        (b"[]", "not an object"),
        (b"{", "cannot be loaded"),
        (b'{"a":NaN}', "NaN"),
        (b'{"a":-Infinity}', "Infinity"),
        (b'{"a":1e999}', "1e999"),
        (b'{"a":' + b"9" * 5000 + b"}", "cannot be loaded"),
        (b'{"a":1,"a":2}', "duplicate key"),
        (b'{"a":"\xff"}', "cannot be loaded"),
        (b"{}", "lacks"),
    ],
)
def test_json_is_parsed_strictly(content, match, saved):
    _, table, numbers = take_apart(saved)
    put_together(saved, content, table, numbers)
    assert_refused(saved, match)


@pytest.mark.bad_input(123, 124, 126)
@pytest.mark.parametrize(
    ("place", "value", "match"),
    [
        (("parameters", "loss"), "os.system", "loss"),
        (("parameters", "no_such"), 1, "no_such"),
        (("no_such",), 1, "'no_such', which is not known"),
        (("spec", "no_such"), 1, "'no_such', which is not known in its spec"),
        (("layout", "no_such"), 1, "'no_such', which is not known in its layout"),
        (("parameters", "net_params"), {"dict": {"callbacks": ["os.system"]}}, "callbacks"),
        (("parameters", "net_params"), {"dict": {"module": 1}}, "module"),
        (("spec", "loss"), "eval", "loss"),
        (("spec", "optimizer"), "os.system", "optimizer"),
        (("spec", "net_params"), {"dict": {"optimizer__no_such": 1}}, "no_such"),
        (("spec", "net_params"), {"dict": {"torch_load_kwargs": 1}}, "torch_load_kwargs"),
        (("spec", "precision"), "float8", "precision"),
        (("layout", "dtype"), "O", "dtype"),
        (("layout", "sample_shape"), [-6], "shape"),
        (("layout", "sample_shape"), [10**30], "cannot be loaded"),
        (("layout", "sample_shape"), [7], "scaling"),
        (("layout", "n_tokens"), 3, "tokens"),
        (("layout", "axes"), ["q"], "axes"),
        (("n_components",), -1, "components"),
        (("n_components",), 10**12, "components"),
        (("n_components",), 1, "components"),
        (("spec", "architecture"), {"object": ["Variational", {}]}, "architecture"),
        (("spec", "architecture"), {"object": ["system", {}]}, "unknown class 'system'"),
        (("spec", "architecture"), {"object": ["Dense", {"no_such": 1}]}, "no_such"),
        (("spec", "architecture"), {"object": ["Dense", {"hidden_sizes": [4] * 2000}]}, "layers"),
        (("spec", "architecture"), {"object": ["Dense", {"hidden_sizes": [4, 4]}]}, "array"),
        (("spec", "architecture"), {"object": ["Dense", {"hidden_sizes": {"tuple": [10**9]}}]}, "array"),
        (("spec", "architecture"), {"custom": ["os", "system"]}, "custom_modules"),
        (("spec", "variant"), {"object": ["Dense", {}]}, "variant"),
        (("frame",), {"library": "os", "columns": [["a", "float64"]], "levels": []}, "library"),
        (("frame",), {"library": "pandas", "columns": [["a", "period[M]"]], "levels": []}, "column type"),
        (("feature_names",), ["a"], "features"),
        (("output",), "system", "output"),
        (("history",), [{}], "lacks"),
        (("versions",), 3, "versions"),
    ],
)
def test_wrong_names_sizes_and_types_are_refused(place, value, match, saved):
    content, table, numbers = take_apart(saved)
    put_together(saved, with_value(content, place, value), table, numbers)
    assert_refused(saved, match)


@pytest.mark.bad_input(125)
def test_wrong_arrays_are_refused(saved):
    content, table, numbers = take_apart(saved)
    name = "module/encoder.0.weight"
    entry = table[name]
    end = len(numbers)
    empty = {"dtype": "F32", "shape": [0], "data_offsets": [end, end]}
    turned = {**entry, "shape": entry["shape"][::-1]}
    for changed in (
        {**table, "module/more": empty},
        {**table, "optimizer/none/step": empty},
        {**table, "codes": empty},
        {**table, "module/decoder.0.direction": empty},
        {**table, "__metadata__": {"a": "b"}},
        {key: value for key, value in table.items() if key != name},
        {**table, name: turned},
        {**table, name: {**entry, "dtype": "I32"}},
        {**table, name: {**entry, "dtype": "F128"}},
        {**table, name: {**entry, "dtype": ["F32"]}},
        {**table, name: {**entry, "shape": [-4, -6]}},
        {**table, name: {**entry, "shape": [10**18, 10**18]}},
        {**table, name: {**entry, "shape": [4, 6.0]}},
        {**table, name: {**entry, "data_offsets": [-96, 0]}},
        {**table, name: {**entry, "data_offsets": [0, 10**18]}},
        {**table, name: {**entry, "data_offsets": table["module/linear.encoder.weight"]["data_offsets"]}},
        {**table, name: 3},
        {},
        [],
    ):
        put_together(saved, content, changed, numbers)
        assert_refused(saved)
    twice = json.dumps(table)[:-1] + f', "{name}": {json.dumps(entry)}}}'
    put_together(saved, content, twice.encode(), numbers)
    assert_refused(saved, "duplicate key")
    for changed in (numbers[:-8], numbers + bytes(8), b""):
        put_together(saved, content, table, changed)
        assert_refused(saved)
    header = container.make_header(content, table)
    file = bytearray(container.seal(header, numbers))
    file[:8] = (2**60).to_bytes(8, "little")
    file[container.CHECKSUM] = container.checksum(bytes(file))
    saved.write_bytes(file)
    assert_refused(saved)


def test_overlapping_and_repeated_arrays_are_refused_by_safetensors(saved):
    """Names and types are unchanged, so that no other check refuses the files."""
    content, table, numbers = take_apart(saved)
    first, second = "module/encoder.0.weight", "module/encoder.0.bias"
    start, stop = table[second]["data_offsets"]
    for offsets in (
        [table[first]["data_offsets"][0], table[first]["data_offsets"][0] + stop - start],
        [start - 8, stop - 8],
    ):
        put_together(saved, content, {**table, second: {**table[second], "data_offsets": offsets}}, numbers)
        assert_refused(saved, "(?i)invalid ?offset")


def test_long_json_is_refused_before_it_is_parsed(saved):
    content, table, numbers = take_apart(saved)
    put_together(saved, {**content, "x": "x" * LONGEST_JSON}, table, numbers)
    assert_refused(saved, "more than 16,777,216")


@pytest.mark.parametrize("name", ["module/encoder.0.weight", "module/latent_scale", "scaling/mean", "codes"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_are_not_finite_are_refused(name, value, saved):
    stored = read(saved)
    arrays = stored.arrays()
    arrays[name].view(-1)[0] = value
    repack(saved, stored.content, arrays)
    assert_refused(saved, f"{name}.*not finite")


def test_settings_that_change_the_outputs_are_refused(path):
    save(fit_model({"architecture": SMALL, "early_stopping": False}, X), path)
    content, table, numbers = take_apart(path)
    content["spec"]["architecture"]["object"][1]["activation"] = "tanh"
    put_together(path, content, table, numbers)
    assert_refused(path, "does not compute")


@pytest.mark.parametrize("rounds", [300, pytest.param(10_000, marks=pytest.mark.soak)])
def test_random_changes_are_refused_or_harmless(rounds, saved, record_property):
    parts, draw, refused = take_apart(saved), random.Random(rounds), 0
    load(saved)
    for _ in range(rounds):
        put_together(saved, *tamper(draw, *parts))
        with bounded(saved), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                load(saved)
            except ModelFileError:
                refused += 1
    assert refused > rounds / 3
    record_property("times", rounds)


@pytest.mark.parametrize("rounds", [50, pytest.param(5_000, marks=pytest.mark.soak)])
def test_random_changes_of_a_pipeline_run_no_code(rounds, path, record_property):
    """Not checked are the memory and time that skops takes, and whether the loaded estimator is consistent."""
    steps = PCA(4, random_state=np.random.RandomState(0)), MinMaxScaler(), AutoencoderTransformer(2, **QUICK)
    save(make_pipeline(*steps).fit(X), path)
    stored = load(path) and read(path)
    arrays = stored.arrays()
    with zipfile.ZipFile(io.BytesIO(arrays["skops"].numpy().tobytes())) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    draw, refused = random.Random(rounds), 0
    for _ in range(rounds):
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            for name, content in tamper_with_archive(draw, entries).items():
                archive.writestr(name, content)
        array = torch.from_numpy(np.frombuffer(data.getvalue(), dtype=np.uint8).copy())
        repack(path, stored.content, {**arrays, "skops": array})
        with watched(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                load(path)
            except ModelFileError:
                refused += 1
    assert refused > rounds / 3
    record_property("times", rounds)


LOADERS = ("ObjectNode", "TypeNode", "FunctionNode", "MethodNode", "PartialNode", "DTypeNode", "TreeNode", "no such")
NAMES = ("os", "system", "builtins", "eval", "Tree", "sklearn.tree._tree", "numpy.random", "seed", "skae", "load")


def tamper_with_archive(draw, entries):
    """The entries of a pipeline's archive with a random change."""
    schema = json.loads(entries["schema.json"])
    kind = draw.random()
    if kind < 0.7:
        for _ in range(draw.choice((1, 1, 2, 4))):
            with contextlib.suppress(KeyError, IndexError, TypeError):
                where = draw.choice(list(places(schema))[1:])
                # Another part of the file is valid in more places than text.
                other = draw.choice(list(places(schema))[1:])
                new = draw.choice((*HOSTILE, *LOADERS, *NAMES, functools.reduce(operator.getitem, other, schema)))
                schema = with_value(schema, where, new)
        return {**entries, "schema.json": json.dumps(schema)}
    name = draw.choice(list(entries))
    content = entries[name]
    if kind < 0.8:
        other = draw.choice(("0.npy", "0.npz", "0.dat", "../0.npy", draw.choice(list(entries))))
        return {(other if key == name else key): value for key, value in entries.items()}
    place, gap = draw.randrange(len(content)), draw.choice((0, 0, 1, 50))
    piece = draw.choice((*PIECES, b"(10000000000,)", bytes(8)))
    return {**entries, name: content[:place] + piece + content[place + gap :]}


def tamper(draw, content, table, numbers):
    """The parts of a file with a random change, as ``put_together`` takes them."""
    kind = draw.random()
    if kind < 0.6:
        for _ in range(draw.choice((1, 1, 2))):
            # An earlier change may have removed the path.
            with contextlib.suppress(KeyError, IndexError, TypeError):
                content = with_value(content, draw.choice(list(places(content))[1:]), draw.choice(HOSTILE))
        return content, table, numbers
    if kind < 0.8:
        new = draw.choice((*HOSTILE, draw.randrange(2**10), 2**63, "F64", [2**62, 4], {"dtype": "F32"}))
        return content, with_value(table, draw.choice(list(places(table))[1:]), new), numbers
    if kind < 0.95:
        part = draw.randrange(2)
        text = json.dumps((content, table)[part]).encode()
        place, gap = draw.randrange(len(text)), draw.choice((0, 0, 1, 50))
        text = text[:place] + draw.choice(PIECES) + text[place + gap :]
        return (text, table, numbers) if part == 0 else (content, text, numbers)
    return content, table, draw.choice((numbers[: draw.randrange(len(numbers))], numbers * 2, bytes(len(numbers))))


def test_the_position_of_a_random_state_is_checked(path):
    """numpy does not check it, and reads memory at this position."""
    save(small_autoencoder(random_state=np.random.RandomState(0)).fit(X), path)
    stored = read(path)
    stored.content["parameters"]["random_state"]["random_state"][1] = 10**8
    repack(path, stored.content, stored.arrays())
    assert_refused(path, "random state")


def test_no_file_sets_the_folder_that_fit_writes_to(tmp_path, path):
    save(small_autoencoder(checkpoint_dir=tmp_path / "checkpoints").fit(X), path)
    stored = read(path)
    assert stored.content["parameters"]["checkpoint_dir"] is None
    stored.content["parameters"]["checkpoint_dir"] = str(tmp_path)
    repack(path, stored.content, stored.arrays())
    assert load(path).checkpoint_dir is None
