"""Defects that were found by use, each with the shortest way to it."""

import contextlib
import copy
import dataclasses
import errno
import functools
import io
import json
import os
import pickle
import re
import subprocess
import sys
import threading
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_matrix, save_npz, spmatrix
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC, SVR, OneClassSVM
from skorch.callbacks import Callback
from torch import nn

import skae
from skae import AutoencoderTransformer, Custom, Dense, ModelFileError, OutOfMemoryError
from skae._data import Rows
from skae._inputs.preparation import learned_layout
from skae._persistence import skops_archives
from skae._serialization import container
from skae._training import BestWeights, Part, described, device, pca_init, row_groups, split_rows, training_codes
from skae._training.records import columns_of, history_of
from skae.variants import Denoising

X = load_iris().data
SMALL = {"architecture": Dense((4,)), "max_epochs": 2, "random_state": 0}


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The skops archive within the file of a pipeline, by name of entry."""
    pipeline = make_pipeline(MinMaxScaler(), AutoencoderTransformer(2, **SMALL)).fit(X)
    return entries_of(pipeline, tmp_path_factory.mktemp("pipeline"))


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


class TestPipelineFiles:
    def test_as_it_was_it_loads(self, archive, tmp_path):
        assert len(loaded(archive, tmp_path)) == 2

    def test_packed_content_is_refused(self, archive, tmp_path):
        schema = json.loads(archive["schema.json"]) | {"x": [[]] * 500_000}
        with pytest.raises(ModelFileError, match="more bytes than the file has"):
            loaded({**archive, "schema.json": json.dumps(schema)}, tmp_path, zipfile.ZIP_DEFLATED)

    def test_json_is_as_strict_as_everywhere(self, archive, tmp_path):
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
    def test_parts_are_not_referred_to_without_end(self, number, match, archive, tmp_path):
        doubled = [listed([{"__id__": number(k)}, {"__id__": number(k)}], number(k + 1)) for k in range(1, 20)]
        with pytest.raises(ModelFileError, match=match):
            loaded(with_more(archive, listed([listed([], number(1)), *doubled], 10**6)), tmp_path)

    def test_a_part_counts_as_large_as_it_is_anywhere(self, archive, tmp_path):
        # The first with a number is the one skops takes, in an order of its own.
        doubled = [listed([{"__id__": k}, {"__id__": k}], k + 1) for k in range(1, 20)]
        small = [listed([], k) for k in range(1, 21)]
        with pytest.raises(ModelFileError, match="refers to parts of itself too often"):
            loaded(with_more(archive, listed([*small, *doubled], 10**6)), tmp_path)

    def test_a_part_that_holds_itself(self, archive, tmp_path):
        with pytest.raises(ModelFileError, match="holds itself"):
            loaded(with_more(archive, listed([{"__id__": 7}], 7)), tmp_path)

    @pytest.mark.parametrize("masked", [False, True])
    def test_random_streams_stand_within_what_they_have(self, masked, tmp_path):
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

    def test_random_generators_are_refused(self, tmp_path):
        scaler = MinMaxScaler()
        scaler.kept = np.random.default_rng(0)
        with pytest.raises(ValueError, match=r"would not load: its pipeline holds a numpy\.random\.Generator"):
            skae.save(make_pipeline(scaler, AutoencoderTransformer(2, **SMALL)).fit(X), tmp_path / "pipeline.skae")

    @pytest.mark.parametrize("name", ["0.dat", "a.npy", "../0.npy", "0.npz.npy", "schema.json/0.npy"])
    def test_names_are_those_that_skops_writes(self, name, archive, tmp_path):
        with pytest.raises(ModelFileError, match="which is no array"):
            loaded({**archive, name: b""}, tmp_path)

    def test_arrays_are_read_as_what_their_names_say(self, archive, tmp_path):
        data = io.BytesIO()
        np.savez_compressed(data, zeros=np.zeros(10**4))
        for more in ({"file": "7.npz", "__id__": 7}, {"file": "7.npy"}, {"file": "7.npy", "__id__": 8}):
            with pytest.raises(ModelFileError, match=r"reads '7.np.' as something else"):
                loaded({**with_more(archive, {**ARRAY, "type": "numpy", **more}), "7.npz": data.getvalue()}, tmp_path)

    def test_arrays_in_arrays_are_not_taken_apart_again_and_again(self, archive, tmp_path):
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
    def test_numbers_of_no_bytes_are_counted(self, dtype, archive, tmp_path):
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": dtype, "fortran_order": False, "shape": (3 * 10**9,)})
        with pytest.raises(ModelFileError, match=r"array of shape \(3000000000,\) is not in the file"):
            loaded({**archive, "7.npy": header.getvalue()}, tmp_path)

    def test_many_small_sparse_matrices_are_counted_together(self, archive, tmp_path):
        data = io.BytesIO()
        np.savez_compressed(data, zeros=np.zeros(10**5))
        with pytest.raises(ModelFileError, match="sparse matrices would take far more"):
            loaded({**archive, **{f"{n}.npz": data.getvalue() for n in range(1, 40)}}, tmp_path)

    def test_words_of_skops_are_words_too(self, tmp_path):
        documents = ["__id__ file content", "__loader__ __class__ shape", "type __id__ key_types"] * 10
        pipeline = make_pipeline(TfidfVectorizer(), TruncatedSVD(3, random_state=0), AutoencoderTransformer(2, **SMALL))
        skae.save(pipeline.fit(documents), tmp_path / "words.skae")
        loaded_again = skae.load(tmp_path / "words.skae")
        np.testing.assert_array_equal(loaded_again.transform(documents), pipeline.transform(documents))

    @pytest.mark.parametrize("machine", [SVC(), SVR(), OneClassSVM(), SVC(kernel="linear")], ids=str)
    def test_numbers_of_support_vector_machines_fit_each_other(self, machine, tmp_path):
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

    def test_arrays_of_sparse_matrices_are_as_large_as_they_say(self, archive, tmp_path):
        data, header = io.BytesIO(), io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**13,)})
        with zipfile.ZipFile(data, "w") as inner:
            inner.writestr("data.npy", header.getvalue())
        with pytest.raises(ModelFileError, match=r"array of shape \(10000000000000,\) is not in the file"):
            loaded({**archive, "0.npz": data.getvalue()}, tmp_path)

    @pytest.mark.parametrize("shift", [0, 10**6])
    def test_indices_of_sparse_matrices_are_within_them(self, shift, archive, tmp_path):
        matrix, data = csr_matrix(np.eye(4)), io.BytesIO()
        matrix.indices += shift
        save_npz(data, matrix)
        kind = {"__class__": "spmatrix", "__module__": spmatrix.__module__, "__loader__": "SparseMatrixNode"}
        entries = with_more(archive, {**kind, "type": "scipy", "file": "7.npz", "__id__": 7}) | {
            "7.npz": data.getvalue()
        }
        if shift == 0:
            assert loaded(entries, tmp_path)[0].copy.sum() == 4
        else:
            with pytest.raises(ModelFileError, match="indices must be < 4"):
                loaded(entries, tmp_path)

    def test_json_in_many_strings_is_bounded_together(self, archive, tmp_path):
        nodes = [
            {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": f"[{'[],' * 99_999}[]]"}
            for _ in range(6)
        ]
        with pytest.raises(ModelFileError, match="too often"):
            loaded(with_more(archive, listed(nodes, 10**6)), tmp_path)

    def test_an_older_skops_is_refused(self, archive, tmp_path, monkeypatch):
        monkeypatch.setattr("skops.__version__", "0.15.2")
        with pytest.raises(ModelFileError, match=r"need skops 0.16 or newer; this is 0.15.2"):
            loaded(archive, tmp_path)

    def test_sparse_matrices_are_not_far_smaller_than_what_they_hold(self, archive, tmp_path):
        data = io.BytesIO()
        np.savez_compressed(data, zeros=np.zeros(10**7))
        with pytest.raises(ModelFileError, match="sparse matrices would take far more"):
            loaded({**archive, "0.npz": data.getvalue()}, tmp_path)

    def test_json_in_strings_is_bounded(self, archive, tmp_path):
        with pytest.raises(ModelFileError, match="nested too deeply"):
            loaded(with_more(archive, {"__loader__": "JsonNode", "content": f"[{'[' * 99}{']' * 99}]"}), tmp_path)

    def test_large_vocabularies_are_saved_and_what_would_not_load_is_not(self, tmp_path, monkeypatch):
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

    def test_arrays_are_as_large_as_they_say(self, archive, tmp_path):
        name = next(n for n, content in archive.items() if n.endswith(".npy") and b"'shape': (4,)" in content)
        content = archive[name].replace(b"'shape': (4,), }       ", b"'shape': (40000000,), }", 1)
        assert len(content) == len(archive[name])
        with pytest.raises(ModelFileError, match="is not in the file"):
            loaded({**archive, name: content}, tmp_path)


class Stubborn(Exception):  # noqa: N818
    """Takes no note."""

    def add_note(self, note):
        raise AttributeError("no notes here")


class Raising(Callback):
    def on_epoch_end(self, net, **kwargs):
        raise Stubborn


def test_errors_that_take_no_note_keep_their_type():
    with pytest.raises(Stubborn):
        AutoencoderTransformer(2, net_params={"callbacks": [Raising()]}, **SMALL).fit(X)


@dataclasses.dataclass
class Maker:
    """Makes modules, and has no hash."""

    encodes: bool

    def __call__(self, sample_shape, n_components):
        return nn.Linear(4, n_components) if self.encodes else nn.Linear(n_components, 4)


def test_makers_without_a_hash_are_copied_and_pickled():
    autoencoder = AutoencoderTransformer(2, architecture=Custom(Maker(True), Maker(False)), max_epochs=1).fit(X)
    for other in (copy.deepcopy(autoencoder), pickle.loads(pickle.dumps(autoencoder))):
        np.testing.assert_array_equal(other.transform(X), autoencoder.transform(X))


class Plain:
    """Has a setting, and no words for it."""

    def __init__(self, width):
        self.width = width


class Odd(Callback):
    def on_epoch_end(self, net, **kwargs):
        net.history.record("mine", float("nan"))
        net.history.record("other", np.float32(1))


def test_checkpoints_hold_what_json_does(tmp_path, monkeypatch):
    monkeypatch.setattr("skae._training.checkpoints.PATIENCE", 0)
    AutoencoderTransformer(2, checkpoint_dir=tmp_path, net_params={"callbacks": [Odd()]}, **SMALL).fit(X)


def test_histories_of_any_length_go_into_checkpoints_and_back():
    odd = [{"epoch": 1, "valid_loss": 0.5, "said": "a"}, {"epoch": 2, "valid_loss_best": True, "x": 2, "y": object()}]
    history = [
        *odd,
        {"epoch": 3, "x": 0.25, "z": float("inf")},
        *({"epoch": n, "lr": 1 / n} for n in range(4, 100_000)),
    ]
    content, columns = columns_of(history)
    assert len(json.dumps(content)) < 1000
    back = history_of(content, columns)
    assert back[:3] == [
        {"epoch": 1, "valid_loss": 0.5, "said": "a"},
        {"epoch": 2, "valid_loss_best": True, "x": 2},
        {"epoch": 3, "x": 0.25},
    ]
    assert back[3:] == history[3:]
    assert isinstance(back[1]["valid_loss_best"], bool)
    assert isinstance(back[1]["epoch"], int)


GO_ON = """
import sys
from skorch.callbacks import Callback
from test_mended import X, SMALL, halved, widened
from skae import AutoencoderTransformer, Custom
from skae._training import checkpoints

class Stop(Callback):
    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 1 and sys.argv[2] == "stop":
            sys.exit(3)

checkpoints.PATIENCE = 0
custom = Custom(halved, widened)
autoencoder = AutoencoderTransformer(
    2, checkpoint_dir=sys.argv[1], net_params={"callbacks": [Stop()]}, **{**SMALL, "architecture": custom}
)
autoencoder.fit(X)
"""


def halved():
    return nn.Linear(4, 2)


def widened():
    return nn.Linear(2, 4)


def test_another_process_goes_on_with_the_same_functions(tmp_path):
    for argument, status in (("stop", 3), ("go on", 0)):
        command = [sys.executable, "-c", GO_ON, str(tmp_path), argument]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stderr
        assert (tmp_path / "checkpoint.skae").exists() == (status == 3)


def made_by(kind):
    """A function that differs from others by what it closes over."""
    return lambda: kind()


def test_settings_are_told_in_full_and_without_addresses():
    variant = Denoising("gaussian", 0.3, variant=Custom(halved, functools.partial(nn.Linear, 2)))
    told = described({"variant": variant, "betas": (0.9, [object()])})
    assert " at 0x" not in told
    assert "'amount': 0.3" in told
    assert "test_mended.halved" in told
    assert "partialtuple(torch.nn.modules.linear.Linear" in told
    assert "tuple(2), {})" in told
    made = [described(made_by(kind)) for kind in (nn.Tanh, nn.ReLU, nn.Tanh)]
    assert made[0] == made[2] != made[1]
    held = [described(Plain(width)) for width in (2, 3, 2)]
    assert held[0] == held[2] != held[1]


@pytest.mark.parametrize(
    "text", [b"", b'"a\\\\"[1]', b'["\\"[", 2]', b'{"a": "\\\\\\"{", "b": []}', b'"unended [', b'\\\\"x']
)
def test_json_without_its_strings(text):
    plain = re.sub(rb'"[^"]*"?', b"", re.sub(rb"\\.", b"", text, flags=re.DOTALL))
    assert container.unquoted(text) == plain


def test_a_random_state_points_into_itself(tmp_path):
    skae.save(AutoencoderTransformer(2, **{**SMALL, "random_state": np.random.RandomState(0)}).fit(X), tmp_path / "m")
    file = container.read(tmp_path / "m")
    file.content["parameters"]["random_state"]["random_state"][1] = 10**8
    (tmp_path / "m").write_bytes(container.packed(file.content, file.arrays()))
    with pytest.raises(ModelFileError, match="random state"):
        skae.load(tmp_path / "m")


def test_no_file_says_where_fit_writes(tmp_path):
    fitted = AutoencoderTransformer(2, checkpoint_dir=tmp_path / "checkpoints", **SMALL).fit(X)
    skae.save(fitted, tmp_path / "m")
    file = container.read(tmp_path / "m")
    assert file.content["parameters"]["checkpoint_dir"] is None
    file.content["parameters"]["checkpoint_dir"] = str(tmp_path)
    (tmp_path / "m").write_bytes(container.packed(file.content, file.arrays()))
    assert skae.load(tmp_path / "m").checkpoint_dir is None


def test_names_of_columns_may_be_many_and_hold_commas(tmp_path):
    text = json.dumps([",[{" * 100] * 2000).encode()
    assert container.values_in(container.unquoted(text)) == 2000
    frame = pd.DataFrame(X, columns=[f"a, [b], {i} " + "," * 200_000 for i in range(4)])
    autoencoder = AutoencoderTransformer(2, **SMALL).fit(frame)
    skae.save(autoencoder, tmp_path / "model.skae")
    assert list(skae.load(tmp_path / "model.skae").feature_names_in_) == list(frame.columns)


def test_what_would_not_load_is_not_saved(tmp_path):
    variant = "plain"
    for _ in range(20):
        variant = Denoising(variant=variant)
    deep = AutoencoderTransformer(2, variant=variant, **SMALL).fit(X)
    with pytest.raises(ValueError, match="its file would not load: its JSON is nested too deeply"):
        skae.save(deep, tmp_path / "model.skae")
    broken = AutoencoderTransformer(2, **SMALL).fit(X)
    with torch.no_grad():
        broken.net_.module_.encoder[0].weight.fill_(float("nan"))
    with pytest.raises(ValueError, match=r"would not load: .*finite"):
        skae.save(broken, tmp_path / "model.skae")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("load", [load_wine, load_diabetes])
def test_rows_that_repeat_do_not_count_as_held_out(load):
    train, test = train_test_split(load(return_X_y=True)[0], random_state=0)
    repeated = AutoencoderTransformer(2, random_state=0).fit(np.repeat(train, 10, axis=0))
    scaling = repeated._layout.scaling
    train, test = (scaling.transform(torch.from_numpy(part)).numpy() for part in (train, test))
    pca = PCA(2, random_state=0).fit(train)
    lost = np.square(test - pca.inverse_transform(pca.transform(test))).sum() / np.square(test).sum()
    assert repeated.score(scaling.inverse_transform(torch.from_numpy(test), np.float64)) >= 1 - lost - 0.002


def test_equal_rows_share_a_part():
    rows = np.repeat(np.random.RandomState(0).permutation(40)[:, None] * [1, -1], 3, axis=0)
    layout = AutoencoderTransformer(1, max_epochs=1).fit(rows)._layout
    part = Part.whole(Rows(rows, layout, torch.device("cpu")))
    part = Part.whole(part.rows, row_groups(part.rows))
    train, held_out = split_rows(part, 12, torch.Generator().manual_seed(0))
    assert len(train) == 108
    assert not set(rows[train.indices, 0]) & set(rows[held_out.indices, 0])


def test_an_interrupt_after_the_last_epoch_keeps_what_was_trained(monkeypatch):
    whole = AutoencoderTransformer(2, **SMALL).fit(X)
    calls = []

    def interrupted(*args):
        calls.append(args)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return training_codes(*args)

    monkeypatch.setattr("skae._estimator.transformer.training_codes", interrupted)
    fitted = AutoencoderTransformer(2, **SMALL)
    with pytest.raises(KeyboardInterrupt):
        fitted.fit(X)
    np.testing.assert_array_equal(fitted.transform(X), whole.transform(X))


def test_the_best_weights_are_of_one_epoch(monkeypatch):
    """Whenever an interrupt comes while they are copied."""
    kept = BestWeights(5, 0.0)
    net = AutoencoderTransformer(2, **SMALL).fit(X).net_
    net.history.record("valid_loss", 0.5)
    kept.best_, kept.mark_, kept.waited_, kept.best_weights_ = 1.0, 1.0, 0, {"earlier": torch.zeros(1)}
    monkeypatch.setattr(torch.Tensor, "__deepcopy__", lambda self, memo: exec("raise KeyboardInterrupt"))
    with pytest.raises(KeyboardInterrupt):
        kept.on_epoch_end(net)
    assert (kept.best_, list(kept.best_weights_)) == (1.0, ["earlier"])


def test_an_interrupt_within_a_borrowed_stream_gives_it_back(monkeypatch):
    stream, before = device.BorrowedStream(0, torch.device("cpu")), torch.get_rng_state()
    with contextlib.suppress(KeyboardInterrupt), stream():
        torch.rand(1)
        raise KeyboardInterrupt
    monkeypatch.setattr(stream, "_states", lambda: exec("raise KeyboardInterrupt"))
    with pytest.raises(KeyboardInterrupt), stream():
        pass
    assert torch.equal(torch.get_rng_state(), before)
    assert device._WEIGHTS_LOCK.acquire(timeout=1)
    device._WEIGHTS_LOCK.release()


def test_the_default_dtype_makes_no_loss_infinite():
    torch.set_default_dtype(torch.float16)
    try:
        AutoencoderTransformer(2, scaling=None, early_stopping=False, **SMALL).fit(X * 1e3)
    finally:
        torch.set_default_dtype(torch.float32)


def test_rows_in_a_file_start_at_the_pca_of_all_of_them(monkeypatch):
    random = np.random.RandomState(0)
    rows = random.standard_normal((600, 20)) * np.linspace(9, 1, 20) @ random.standard_normal(
        (20, 300)
    ) + random.standard_normal((600, 300))
    layout = learned_layout(AutoencoderTransformer(2), rows)
    for name, value in (("SAMPLE_BYTES", 4 * 300 * 60), ("COVARIANCE_FEATURES", 0)):
        monkeypatch.setattr(pca_init, name, value)
    components, _, deviations = pca_init.pca_start(Rows(rows, layout, torch.device("cpu")), 15, 0)
    scaled = layout.scaling.transform(torch.from_numpy(rows)).numpy()
    exact = PCA(15).fit(scaled)
    np.testing.assert_allclose(components @ components.T, np.eye(15), atol=1e-5)
    np.testing.assert_allclose(deviations, np.sqrt(exact.explained_variance_), rtol=2e-2)
    kept = np.square(scaled @ components.numpy().T).sum() / np.square(scaled).sum()
    assert kept > exact.explained_variance_ratio_.sum() - 1e-3


def test_a_linear_path_too_large_is_told(monkeypatch):
    monkeypatch.setattr("skae._training.build.LINEAR_PATH_WEIGHTS", 7)
    with pytest.warns(UserWarning, match="The linear path from PCA is left out.*worse than PCA"):
        AutoencoderTransformer(2, **SMALL).fit(X)
    AutoencoderTransformer(2, **{**SMALL, "architecture": Dense((4,), linear_path=False)}).fit(X)


def test_memory_that_is_wanting_before_training_is_told_in_the_same_words(monkeypatch):
    def wanting(*args, **kwargs):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory")

    fitted = AutoencoderTransformer(2, **SMALL).fit(X)
    monkeypatch.setattr("skae._estimator.transformer.split_rows", wanting)
    with pytest.raises(OutOfMemoryError, match="device='auto' with batch_size='auto'"):
        fitted.fit(X)
    assert len(fitted.transform(X)) == len(X)


def test_exact_products_are_set_back_as_they_were():
    before = torch.get_float32_matmul_precision()
    for precision in ("highest", "high"):
        torch.set_float32_matmul_precision(precision)
        with device.without_tf32():
            assert torch.backends.cuda.matmul.fp32_precision == "ieee"
        assert torch.get_float32_matmul_precision() == precision
    torch.set_float32_matmul_precision(before)


def test_errors_of_writing_name_the_path(tmp_path, monkeypatch):
    autoencoder = AutoencoderTransformer(2, **SMALL).fit(X)

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device.*model\.skae") as caught:
        skae.save(autoencoder, tmp_path / "model.skae")
    assert caught.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []


class Slow(io.BytesIO):
    """A raw file, which takes some bytes at a time."""

    def write(self, content):
        return super().write(bytes(content[:1000]))


def test_raw_files_get_all_bytes():
    autoencoder, file = AutoencoderTransformer(2, **SMALL).fit(X), Slow()
    skae.save(autoencoder, file)
    file.seek(0)
    np.testing.assert_array_equal(skae.load(file).transform(X), autoencoder.transform(X))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_while_another_thread_makes_weights_does_not_hang():
    held, done = threading.Event(), threading.Event()

    def hold():
        with device._WEIGHTS_LOCK:
            held.set()
            done.wait(60)

    other = threading.Thread(target=hold)
    other.start()
    held.wait()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = int(not device._WEIGHTS_LOCK.acquire(timeout=5))
        finally:
            os._exit(code)
    done.set()
    other.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
@pytest.mark.parametrize(("before", "after"), [(None, 0.0), (0.0, None), (None, 0.5), (0.5, 0.25), (0.25, None)])
def test_partial_fit_goes_on_with_moments_and_under_a_decay_of_its_own(optimizer, before, after, tmp_path):
    def passed(decay):
        net_params = None if decay is None else {"optimizer__weight_decay": decay}
        autoencoder.set_params(net_params=net_params).partial_fit(X)
        return autoencoder.net_.optimizer_

    autoencoder = AutoencoderTransformer(2, optimizer=optimizer, variant="regularized", **SMALL)
    first, second = passed(before), passed(after)
    assert second is not first
    name, weight = next(iter(autoencoder.net_.module_.named_parameters()))
    assert name == "encoder.0.weight"
    if optimizer != "sgd":
        assert float(second.state[weight]["step"]) == 2 * float(next(iter(first.state.values()))["step"])
    expected = {"adamw": 0.1}.get(optimizer, 0.0) if after is None else after
    decay = {id(p): group["weight_decay"] for group in second.param_groups for p in group["params"]}
    assert decay[id(weight)] == expected
    skae.save(autoencoder, tmp_path / "model")
    loaded = skae.load(tmp_path / "model").partial_fit(X)
    np.testing.assert_array_equal(autoencoder.partial_fit(X).transform(X), loaded.transform(X))


def test_numbers_of_other_kinds_are_a_decay():
    autoencoder = AutoencoderTransformer(2, net_params={"optimizer__weight_decay": Fraction(1, 4)}, **SMALL).fit(X)
    assert autoencoder.net_.optimizer_.param_groups[-1]["weight_decay"] == 0.25
    for name in ("lr", "tol"):
        with pytest.raises(ValueError, match=name):
            AutoencoderTransformer(2, **{name: 10**400}).fit(X)
