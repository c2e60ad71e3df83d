"""Skops archives inside model files: what they may hold is checked before skops reads it."""

import io
import json
import re
import zipfile

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix, save_npz, spmatrix
from sklearn.datasets import load_iris
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC, SVR, OneClassSVM

import skae
from skae import AutoencoderTransformer, Dense, ModelFileError
from skae._persistence import skops_archives
from skae._serialization import container

X = load_iris().data
SMALL = {"architecture": Dense((4,)), "max_epochs": 2, "random_state": 0}


def entries_of(pipeline, folder):
    """The skops archive within the file of this pipeline, by name of entry."""
    path = folder / "saved.skae"
    skae.save(pipeline, path)
    data = container.read(str(path)).arrays()["pipeline"].numpy().tobytes()
    with zipfile.ZipFile(io.BytesIO(data)) as entries:
        return {name: entries.read(name) for name in entries.namelist()}


ARRAY = {"__class__": "ndarray", "__module__": "numpy", "__loader__": "NdArrayNode"}


def with_more(entries, node):
    """These entries with another part in the schema, where the first step keeps ``copy``."""
    schema = json.loads(entries["schema.json"])
    schema["content"]["content"]["steps"]["content"][0]["content"][1]["content"]["content"]["copy"] = node
    return {**entries, "schema.json": json.dumps(schema)}


def listed(content, number):
    """A list as skops writes it, under a number."""
    kind = {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode"}
    return {**kind, "content": content, "__id__": number}


def loaded(entries, folder, compression=zipfile.ZIP_STORED):
    """What comes of a pipeline's file with these entries, under a checksum that is right."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", compression) as packed:
        for name, content in entries.items():
            packed.writestr(name, content)
    array = torch.from_numpy(np.frombuffer(data.getvalue(), dtype=np.uint8).copy())
    (folder / "made.skae").write_bytes(container.packed({"kind": "pipeline"}, {"pipeline": array}))
    return skae.load(folder / "made.skae")


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The skops archive within the file of a pipeline, by name of entry."""
    pipeline = make_pipeline(MinMaxScaler(), AutoencoderTransformer(2, **SMALL)).fit(X)
    return entries_of(pipeline, tmp_path_factory.mktemp("pipeline"))


def test_as_it_was_it_loads(archive, tmp_path):
    assert len(loaded(archive, tmp_path)) == 2


def test_packed_content_is_refused(archive, tmp_path):
    schema = json.loads(archive["schema.json"]) | {"x": [[]] * 500_000}
    with pytest.raises(ModelFileError, match="more bytes than the file has"):
        loaded({**archive, "schema.json": json.dumps(schema)}, tmp_path, zipfile.ZIP_DEFLATED)


def test_json_is_as_strict_as_everywhere(archive, tmp_path):
    schema = json.loads(archive["schema.json"]) | {"x": [[]] * 600_000}
    with pytest.raises(ModelFileError, match="JSON"):
        loaded({**archive, "schema.json": json.dumps(schema)}, tmp_path)


@pytest.mark.parametrize(
    ("number", "match"),
    [
        (lambda k: k, "refers to parts of itself too often"),
        (lambda k: f"k{k}", "numbers a part 'k"),
        (lambda k: float(k), "numbers a part"),
        (lambda k: k == 1, "numbers a part"),
        (lambda k: k - 1, "numbers a part 0"),
    ],
    ids=["numbers", "words", "floats", "truths", "zero"],
)
def test_parts_are_not_referred_to_without_end(number, match, archive, tmp_path):
    doubled = [listed([{"__id__": number(k)}, {"__id__": number(k)}], number(k + 1)) for k in range(1, 20)]
    with pytest.raises(ModelFileError, match=match):
        loaded(with_more(archive, listed([listed([], number(1)), *doubled], 10**6)), tmp_path)


def test_a_part_counts_as_large_as_it_is_anywhere(archive, tmp_path):
    # The first with a number is the one skops takes, in an order of its own.
    doubled = [listed([{"__id__": k}, {"__id__": k}], k + 1) for k in range(1, 20)]
    small = [listed([], k) for k in range(1, 21)]
    with pytest.raises(ModelFileError, match="refers to parts of itself too often"):
        loaded(with_more(archive, listed([*small, *doubled], 10**6)), tmp_path)


def test_a_part_that_holds_itself(archive, tmp_path):
    with pytest.raises(ModelFileError, match="holds itself"):
        loaded(with_more(archive, listed([{"__id__": 7}], 7)), tmp_path)


@pytest.mark.parametrize("masked", [False, True])
def test_random_streams_stand_within_what_they_have(masked, tmp_path):
    state, scaler = np.random.RandomState(0), MinMaxScaler()
    # It is found wherever it stands.
    scaler.kept = np.ma.array([None, [{"it": state}]], mask=[False, masked], dtype=object)
    entries = entries_of(make_pipeline(scaler, AutoencoderTransformer(2, **SMALL)).fit(X), tmp_path)
    assert loaded(entries, tmp_path)[0].kept.data[1][0]["it"].uniform() == state.uniform()
    schema = entries["schema.json"].decode()
    moved = re.sub(r'("pos": \{[^{}]*?"content": ")624"', r'\g<1>1000000"', schema)
    assert moved != schema
    with pytest.raises(ModelFileError, match="a random stream stands at 1000000 of 624"):
        loaded({**entries, "schema.json": moved}, tmp_path)


def test_random_generators_are_refused(tmp_path):
    scaler = MinMaxScaler()
    scaler.kept = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"would not load: its pipeline holds a numpy\.random\.Generator"):
        skae.save(make_pipeline(scaler, AutoencoderTransformer(2, **SMALL)).fit(X), tmp_path / "pipeline.skae")


@pytest.mark.parametrize("name", ["0.dat", "a.npy", "../0.npy", "0.npz.npy", "schema.json/0.npy"])
def test_names_are_those_that_skops_writes(name, archive, tmp_path):
    with pytest.raises(ModelFileError, match="which is no array"):
        loaded({**archive, name: b""}, tmp_path)


def test_arrays_are_read_as_what_their_names_say(archive, tmp_path):
    data = io.BytesIO()
    np.savez_compressed(data, zeros=np.zeros(10**4))
    for more in ({"file": "7.npz", "__id__": 7}, {"file": "7.npy"}, {"file": "7.npy", "__id__": 8}):
        with pytest.raises(ModelFileError, match=r"reads '7.np.' as something else"):
            loaded({**with_more(archive, {**ARRAY, "type": "numpy", **more}), "7.npz": data.getvalue()}, tmp_path)


def test_arrays_in_arrays_are_not_taken_apart_again_and_again(archive, tmp_path):
    data = io.BytesIO()
    np.save(data, np.zeros(10**5))
    items = [{**ARRAY, "type": "numpy", "file": "7.npy", "__id__": 7}, *[{"__id__": 7}] * 99]
    sizes = [
        {"__class__": "int", "__module__": "builtins", "__loader__": "JsonNode", "content": n} for n in ("100", "1")
    ]
    shape = {"__class__": "tuple", "__module__": "builtins", "__loader__": "TupleNode", "content": sizes}
    node = {**ARRAY, "type": "json", "content": items, "shape": shape, "__id__": 8}
    with pytest.raises(ModelFileError, match="refers to arrays too often"):
        loaded({**with_more(archive, node), "7.npy": data.getvalue()}, tmp_path)


@pytest.mark.parametrize("dtype", ["|V0", "|S0", "<U0"])
def test_numbers_of_no_bytes_are_counted(dtype, archive, tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": dtype, "fortran_order": False, "shape": (3 * 10**9,)})
    with pytest.raises(ModelFileError, match=r"array of shape \(3000000000,\) is not in the file"):
        loaded({**archive, "7.npy": header.getvalue()}, tmp_path)


def test_many_small_sparse_matrices_are_counted_together(archive, tmp_path):
    data = io.BytesIO()
    np.savez_compressed(data, zeros=np.zeros(10**5))
    with pytest.raises(ModelFileError, match="sparse matrices would take far more"):
        loaded({**archive, **{f"{n}.npz": data.getvalue() for n in range(1, 40)}}, tmp_path)


def test_words_of_skops_are_words_too(tmp_path):
    documents = ["__id__ file content", "__loader__ __class__ shape", "type __id__ key_types"] * 10
    pipeline = make_pipeline(TfidfVectorizer(), TruncatedSVD(3, random_state=0), AutoencoderTransformer(2, **SMALL))
    skae.save(pipeline.fit(documents), tmp_path / "words.skae")
    loaded_again = skae.load(tmp_path / "words.skae")
    np.testing.assert_array_equal(loaded_again.transform(documents), pipeline.transform(documents))


@pytest.mark.parametrize("machine", [SVC(), SVR(), OneClassSVM(), SVC(kernel="linear")], ids=str)
def test_numbers_of_support_vector_machines_fit_each_other(machine, tmp_path):
    pipeline = make_pipeline(AutoencoderTransformer(2, **SMALL), machine).fit(X, load_iris().target)
    skae.save(pipeline, tmp_path / "machine.skae")
    expected = pipeline.predict(X)
    np.testing.assert_array_equal(skae.load(tmp_path / "machine.skae").predict(X), expected)
    machine = pipeline.steps[-1][1]
    for name in ("_dual_coef_", "_intercept_", "support_"):
        whole = getattr(machine, name)
        setattr(machine, name, whole[..., :-1].copy())
        with pytest.raises(ValueError, match="support vector machine do not fit each other"):
            skae.save(pipeline, tmp_path / "cut.skae")
        setattr(machine, name, whole)


def test_arrays_of_sparse_matrices_are_as_large_as_they_say(archive, tmp_path):
    data, header = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**13,)})
    with zipfile.ZipFile(data, "w") as inner:
        inner.writestr("data.npy", header.getvalue())
    with pytest.raises(ModelFileError, match=r"array of shape \(10000000000000,\) is not in the file"):
        loaded({**archive, "0.npz": data.getvalue()}, tmp_path)


@pytest.mark.parametrize("shift", [0, 10**6])
def test_indices_of_sparse_matrices_are_within_them(shift, archive, tmp_path):
    matrix, data = csr_matrix(np.eye(4)), io.BytesIO()
    matrix.indices += shift
    save_npz(data, matrix)
    kind = {"__class__": "spmatrix", "__module__": spmatrix.__module__, "__loader__": "SparseMatrixNode"}
    entries = with_more(archive, {**kind, "type": "scipy", "file": "7.npz", "__id__": 7}) | {"7.npz": data.getvalue()}
    if shift == 0:
        assert loaded(entries, tmp_path)[0].copy.sum() == 4
    else:
        with pytest.raises(ModelFileError, match="indices must be < 4"):
            loaded(entries, tmp_path)


def test_json_in_many_strings_is_bounded_together(archive, tmp_path):
    nodes = [
        {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": f"[{'[],' * 99_999}[]]"}
        for _ in range(6)
    ]
    with pytest.raises(ModelFileError, match="too often"):
        loaded(with_more(archive, listed(nodes, 10**6)), tmp_path)


def test_an_older_skops_is_refused(archive, tmp_path, monkeypatch):
    monkeypatch.setattr("skops.__version__", "0.15.2")
    with pytest.raises(ModelFileError, match=r"need skops 0.16 or newer; this is 0.15.2"):
        loaded(archive, tmp_path)


def test_sparse_matrices_are_not_far_smaller_than_what_they_hold(archive, tmp_path):
    data = io.BytesIO()
    np.savez_compressed(data, zeros=np.zeros(10**7))
    with pytest.raises(ModelFileError, match="sparse matrices would take far more"):
        loaded({**archive, "0.npz": data.getvalue()}, tmp_path)


def test_json_in_strings_is_bounded(archive, tmp_path):
    with pytest.raises(ModelFileError, match="nested too deeply"):
        loaded(with_more(archive, {"__loader__": "JsonNode", "content": f"[{'[' * 99}{']' * 99}]"}), tmp_path)


def test_large_vocabularies_are_saved_and_what_would_not_load_is_not(tmp_path, monkeypatch):
    words = [f"word{number}" for number in range(20_000)]
    documents = [" ".join(words[start::20]) for start in range(20)]
    pipeline = make_pipeline(TfidfVectorizer(), TruncatedSVD(4, random_state=0), AutoencoderTransformer(2, **SMALL))
    skae.save(pipeline.fit(documents), tmp_path / "pipeline.skae")
    np.testing.assert_array_equal(
        skae.load(tmp_path / "pipeline.skae").transform(documents), pipeline.transform(documents)
    )
    monkeypatch.setattr(skops_archives, "LONGEST_SCHEMA", 2**20)
    with pytest.raises(ValueError, match="would not load: its JSON holds too much"):
        skae.save(pipeline, tmp_path / "another.skae")


def test_arrays_are_as_large_as_they_say(archive, tmp_path):
    name = next(n for n, content in archive.items() if n.endswith(".npy") and b"'shape': (4,)" in content)
    content = archive[name].replace(b"'shape': (4,), }       ", b"'shape': (40000000,), }", 1)
    assert len(content) == len(archive[name])
    with pytest.raises(ModelFileError, match="is not in the file"):
        loaded({**archive, name: content}, tmp_path)
