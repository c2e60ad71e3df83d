"""Defects that were found by use, each with the shortest way to it."""

import copy
import dataclasses
import errno
import functools
import io
import json
import os
import pickle
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from skorch.callbacks import Callback
from torch import nn

import skae
from skae import AutoencoderTransformer, Custom, Dense, ModelFileError
from skae import files as container
from skae.training import described, device
from skae.training.records import columns_of, history_of
from skae.variants import Denoising

X = load_iris().data
SMALL = {"architecture": Dense((4,)), "max_epochs": 2, "random_state": 0}


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The skops archive within the file of a pipeline, by name of entry."""
    path = tmp_path_factory.mktemp("pipeline") / "pipeline.skae"
    skae.save(make_pipeline(MinMaxScaler(), AutoencoderTransformer(2, **SMALL)).fit(X), path)
    data = container.read(str(path)).arrays()["pipeline"].numpy().tobytes()
    with zipfile.ZipFile(io.BytesIO(data)) as entries:
        return {name: entries.read(name) for name in entries.namelist()}


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


class Odd(Callback):
    def on_epoch_end(self, net, **kwargs):
        net.history.record("mine", float("nan"))
        net.history.record("other", np.float32(1))


def test_checkpoints_hold_what_json_does(tmp_path, monkeypatch):
    monkeypatch.setattr("skae.training.checkpoints.PATIENCE", 0)
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
from skae.training import checkpoints

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


def test_settings_are_told_in_full_and_without_addresses():
    variant = Denoising("gaussian", 0.3, variant=Custom(halved, functools.partial(nn.Linear, 2)))
    told = described({"variant": variant, "betas": (0.9, [object()])})
    assert " at 0x" not in told
    assert "amount=0.3" in told
    assert "test_mended.halved" in told
    assert "partialtuple(torch.nn.modules.linear.Linear, tuple(2), {})" in told


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


def test_what_a_killed_writer_left_is_cleared_away(tmp_path):
    (tmp_path / ".skae-0123.tmp").write_bytes(b"half of a checkpoint")
    AutoencoderTransformer(2, checkpoint_dir=tmp_path, **SMALL).fit(X)
    assert list(tmp_path.iterdir()) == []


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
