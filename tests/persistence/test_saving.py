"""``save`` writes the whole file or nothing, replaces only model files, and names the values that it cannot save."""

import contextlib
import copy
import errno
import math
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from model_files import (
    SMALL,
    X,
    fit_model,
    save_and_load,
    small_autoencoder,
)
from skae import (
    AutoencoderTransformer,
    ModelFileError,
    load,
    save,
)
from skae.serialization import container


def test_other_objects_are_refused(small, path):
    for other in (GridSearchCV(small, {}), AutoencoderTransformer, None):
        with pytest.raises(TypeError, match=r"AutoencoderTransformer,.* or a Pipeline.*best_estimator_"):
            save(other, path)
    assert not path.exists()


@pytest.mark.bad_input(133)
def test_an_estimator_that_is_not_fitted_is_refused(path):
    with pytest.raises(NotFittedError):
        save(AutoencoderTransformer(), path)
    assert not path.exists()


def test_a_warning_names_the_values_that_are_not_saved(path):
    callbacks = {"callbacks": [], "optimizer__weight_decay": 0.1}
    estimator = fit_model({"architecture": SMALL, "net_params": callbacks}, X)
    estimator.history_[0]["score"] = object()
    with pytest.warns(UserWarning, match=r"net_params\['callbacks'\], history_\['score'\]: left out"):
        save(estimator, path)
    assert load(path).net_params == {"optimizer__weight_decay": 0.1}


def test_numbers_that_are_not_finite_are_saved(small, path):
    estimator = copy.deepcopy(small)
    estimator.history_[0] |= {"a": math.nan, "b": -math.inf, "c": None}
    row = save_and_load(estimator, path).history_[0]
    assert math.isnan(row["a"])
    assert (row["b"], row["c"]) == (-math.inf, None)


def test_parameters_that_fit_refuses_are_refused(small, path):
    with pytest.raises(ValueError, match="'lr'"):
        save(copy.deepcopy(small).set_params(lr=-1), path)


@pytest.mark.bad_input(128)
@pytest.mark.parametrize("n_faults", [30, pytest.param(200, marks=pytest.mark.soak)])
def test_a_write_that_fails_at_any_step_leaves_the_earlier_file(n_faults, small, saved, monkeypatch, record_property):
    draw, seen = random.Random(n_faults), set()
    for number in range(n_faults):
        before = saved.read_bytes()
        fault = Fault(draw.randrange(1, 7), draw.choice(ERRORS), draw.random())
        with monkeypatch.context() as patched:
            fault.install(patched)
            with pytest.raises(OSError, match=os.strerror(fault.error)):
                save(copy.deepcopy(small).set_params(lr=1 / (number + 1)), saved)
        assert saved.read_bytes() == before
        assert list(saved.parent.iterdir()) == [saved]
        seen.add(fault.done[-1])
    assert len(seen) == 6
    record_property("times", n_faults)


def test_a_write_out_of_space_leaves_the_earlier_file(small, saved):
    resource = pytest.importorskip("resource")
    before, limits = saved.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            save(copy.deepcopy(small).set_params(lr=0.5), saved)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert saved.read_bytes() == before
    assert [entry.name for entry in saved.parent.iterdir()] == [saved.name]


def test_links_and_permissions_are_preserved(small, saved, tmp_path):
    saved.chmod(0o600)
    link = tmp_path / "link"
    link.symlink_to(saved)
    save(small, link)
    assert link.is_symlink()
    assert saved.stat().st_mode & 0o777 == 0o600


@pytest.mark.bad_input(129)
def test_only_model_files_are_replaced(small, path):
    others = [b"a letter", safetensors.torch.save({"a": torch.ones(2)}, {"format": "pt"})]
    for content in others:
        path.write_bytes(content)
        with pytest.raises(FileExistsError, match="overwrite=True"):
            save(small, path)
        assert path.read_bytes() == content
        save(small, path, overwrite=True)
    for content in (b"", path.read_bytes()[:100]):  # an empty file and a damaged model may be replaced
        path.write_bytes(content)
        save(small, path)
        assert load(path).n_components_ == 2


def test_folders_and_pipes_are_not_replaced(small, tmp_path):
    with pytest.raises(IsADirectoryError, match=tmp_path.name):
        save(small, tmp_path, overwrite=True)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileExistsError, match="not a regular file"):
        save(small, tmp_path / "pipe", overwrite=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["pipe"]


@pytest.mark.bad_input(134)
@pytest.mark.parametrize("name", ["a model", "größe.safetensors", "模" * 85])
def test_file_names_may_be_any(name, small, tmp_path):
    for path in (tmp_path / name, str(tmp_path / name), os.fsencode(tmp_path / name)):
        np.testing.assert_array_equal(save_and_load(small, path).transform(X), small.transform(X))


@pytest.mark.bad_input(134)
def test_save_and_load_take_file_objects(small, tmp_path):
    with open(tmp_path / "file", "w+b") as file:
        save(small, file)
        file.seek(0)
        np.testing.assert_array_equal(load(file).transform(X), small.transform(X))
        with pytest.raises(ModelFileError, match="not a skae model"):
            load(file)


@pytest.mark.bad_input(132)
def test_a_loaded_model_does_not_need_its_file(small, saved):
    loaded = load(saved)
    os.truncate(saved, 10)
    np.testing.assert_array_equal(loaded.transform(X), small.transform(X))


@pytest.mark.bad_input(130, 131)
def test_a_reader_gets_a_complete_file_while_others_write(small, saved):
    """A reader gets one of the models, complete."""
    writers = [copy.deepcopy(small).set_params(lr=lr) for lr in (0.1, 0.2)]

    def write(estimator):
        for _ in range(20):
            save(estimator, saved)

    processes = [multiprocessing.get_context("fork").Process(target=write, args=(each,)) for each in writers]
    for process in processes:
        process.start()
    found = {load(saved).lr for _ in range(20)}
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert found <= {"auto", 0.1, 0.2}
    assert load(saved).lr in (0.1, 0.2)
    assert [entry.name for entry in saved.parent.iterdir()] == [saved.name]


def test_a_missing_folder_is_an_error(small, tmp_path):
    with pytest.raises(FileNotFoundError):
        save(small, tmp_path / "none" / "model.safetensors")


@pytest.mark.bad_input(128)
@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mounts are those of Linux")
def test_a_full_disk_leaves_the_earlier_file(tmp_path):
    command = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=200k tmpfs "$0" && exec "$@"', str(tmp_path)]
    try:
        subprocess.run([*command, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("may not mount here")
    ran = [*command, sys.executable, "-c", FULL_DISK, str(tmp_path)]
    assert subprocess.run(ran, capture_output=True, text=True).stdout == "whole\n"


ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES)


class Fault:
    """Makes one step of writing a file fail.

    Parameters
    ----------
    at : int
        Number of the step that fails.
    error : int
        The errno of the OSError.
    share : float
        Share of the file that is written before writing fails.
    """

    def __init__(self, at, error, share):
        self.at, self.error, self.share, self.done = at, error, share, []

    def step(self, name, function):
        self.done.append(name)
        if len(self.done) == self.at:
            raise OSError(self.error, os.strerror(self.error))
        return function()

    def install(self, patched):
        real = open, shutil.copymode, os.fsync, os.replace

        def opened(path, mode):
            if mode != "xb":
                return real[0](path, mode)
            file = self.step("open", lambda: real[0](path, mode))
            return Written(file, self)

        patched.setattr(container, "open", opened, raising=False)
        patched.setattr(shutil, "copymode", lambda *args: self.step("copymode", lambda: real[1](*args)))
        patched.setattr(os, "fsync", lambda handle: self.step("fsync", lambda: real[2](handle)))
        patched.setattr(os, "replace", lambda *args: self.step("replace", lambda: real[3](*args)))


class Written:
    """A file that may fail to write."""

    def __init__(self, file, fault):
        self.file, self.fault, self.fileno = file, fault, file.fileno

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def write(self, content):
        self.file.write(content[: int(self.fault.share * len(content))])
        self.fault.step("write", lambda: self.file.write(content[int(self.fault.share * len(content)) :]))

    def flush(self):
        self.fault.step("flush", self.file.flush)


FULL_DISK = """
import sys, numpy as np, torch, skae
from pathlib import Path
from skae.training import checkpoints
checkpoints.PATIENCE = 0
folder = Path(sys.argv[1])
X = np.random.RandomState(0).standard_normal((60, 6))
small, large = (skae.AutoencoderTransformer(2, architecture=skae.Dense((n,)), max_epochs=1).fit(X) for n in (4, 4000))
skae.save(small, folder / "model")
for save in (lambda: skae.save(large, folder / "model"), lambda: large.set_params(checkpoint_dir=folder / "c").fit(X)):
    weights = large.net_
    try:
        save()
    except OSError as error:
        assert "No space left" in str(error), error
        assert large.net_ is weights
        assert (skae.load(folder / "model").transform(X) == small.transform(X)).all()
        assert not [path for path in folder.rglob("*") if path.name.endswith(".tmp")]
    else:
        raise SystemExit("there was room")
print("whole")
"""


@contextlib.contextmanager
def ordinary_user(folder):
    """Run the block with the rights of an ordinary user, who owns ``folder``."""
    if os.geteuid() != 0:
        yield
        return
    os.chown(folder, 65534, 65534)
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.fixture
def folder():
    """A folder that every user can access, unlike those of pytest."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o700)
    shutil.rmtree(folder)


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_an_error_of_the_disk_names_the_path_and_keeps_the_earlier_file(small, saved, monkeypatch, error):
    before = saved.read_bytes()

    def fsync(handle):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match=r"model\.safetensors") as caught:
        save(small, saved)
    assert caught.value.errno == error
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_a_folder_may_be_writable_but_not_readable(small, folder):
    folder.chmod(0o300)
    with ordinary_user(folder):
        if os.geteuid() != 0:
            with pytest.raises(PermissionError):
                os.listdir(folder)
        save(small, folder / "model.safetensors")
    np.testing.assert_array_equal(load(folder / "model.safetensors").transform(X), small.transform(X))


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_a_read_only_file_is_not_replaced(small, folder):
    path = folder / "model.safetensors"
    save(small, path)
    path.chmod(0o444)
    (folder / "link").symlink_to(path)
    before = path.stat()
    with ordinary_user(folder):
        for name, overwrite in ((path, False), (path, True), (folder / "link", False)):
            with pytest.raises(PermissionError, match=name.name):
                save(small, name, overwrite=overwrite)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert sorted(entry.name for entry in folder.iterdir()) == ["link", "model.safetensors"]


@pytest.mark.parametrize("ending", ["/", "//", "/.", "/.."])
@pytest.mark.parametrize("there", ["nothing", "a model", "a folder"])
def test_a_path_that_names_a_folder_is_refused(small, tmp_path, ending, there):
    path = tmp_path / "model"
    if there == "a model":
        save(small, path)
    elif there == "a folder":
        path.mkdir()
    before = path.read_bytes() if path.is_file() else None
    for name in (f"{path}{ending}", os.fsencode(f"{path}{ending}")):
        with pytest.raises(IsADirectoryError, match="folder"):
            save(small, name, overwrite=True)
    assert (path.read_bytes() if path.is_file() else None) == before
    assert [entry.name for entry in tmp_path.iterdir()] == ([] if there == "nothing" else ["model"])


def test_an_empty_path_is_refused(small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(IsADirectoryError):
        save(small, "")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_load_would_refuse_is_not_saved(path):
    broken = small_autoencoder().fit(X)
    with torch.no_grad():
        broken.net_.module_.encoder[0].weight.fill_(float("nan"))
    with pytest.raises(ValueError, match=r"could not be loaded: .*finite"):
        save(broken, path)
    assert not path.exists()


def test_a_history_too_long_for_a_file_is_refused(path, monkeypatch):
    monkeypatch.setattr(container, "LONGEST_JSON", 1000)
    with pytest.raises(ValueError, match=r"take .* bytes; a model file holds at most 1,000. Shorten history_"):
        save(small_autoencoder().fit(X), path)
    assert not path.exists()
