"""The container of model files: what is written is there whole, and messages about a file are fit to be printed."""

import contextlib
import errno
import json
import os
import pickle
import shutil
import stat
import tempfile
from pathlib import Path

import numpy as np
import pytest

import skae
from skae import AutoencoderTransformer, Dense, ModelFileError
from skae._serialization import container
from skae.exceptions import LONGEST_MESSAGE, printable, shown

X = np.random.RandomState(0).standard_normal((40, 4))


@pytest.fixture(scope="module")
def small():
    return AutoencoderTransformer(2, architecture=Dense((4,)), max_epochs=1, random_state=0).fit(X)


@contextlib.contextmanager
def ordinary_user(folder):
    """Inside, this process has no more rights than an ordinary user, who owns ``folder``."""
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
    """A folder that any user can reach, as those of pytest are not."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o700)
    shutil.rmtree(folder)


def failing_fsync(monkeypatch, error, of_folders):
    """Let ``os.fsync`` of folders, or of files, fail."""
    real = os.fsync

    def fsync(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode) == of_folders:
            raise OSError(error, os.strerror(error))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)


class TestSaving:
    @pytest.mark.parametrize("error", [errno.EIO, errno.ENOSYS, errno.EINVAL, errno.EACCES, errno.ENOSPC])
    def test_has_succeeded_once_the_file_is_in_place(self, small, tmp_path, monkeypatch, error):
        failing_fsync(monkeypatch, error, of_folders=True)
        skae.save(small, tmp_path / "model.skae")
        np.testing.assert_array_equal(skae.load(tmp_path / "model.skae").transform(X), small.transform(X))

    @pytest.mark.parametrize("error", [errno.ENOSYS, errno.EINVAL, errno.ENOTSUP])
    def test_works_where_files_cannot_be_synchronized(self, small, tmp_path, monkeypatch, error):
        failing_fsync(monkeypatch, error, of_folders=False)
        skae.save(small, tmp_path / "model.skae")
        np.testing.assert_array_equal(skae.load(tmp_path / "model.skae").transform(X), small.transform(X))

    @pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
    def test_that_does_not_reach_the_disk_keeps_the_earlier_file(self, small, tmp_path, monkeypatch, error):
        skae.save(small, tmp_path / "model.skae")
        before = (tmp_path / "model.skae").read_bytes()
        failing_fsync(monkeypatch, error, of_folders=False)
        with pytest.raises(OSError, match=r"model\.skae") as caught:
            skae.save(small, tmp_path / "model.skae")
        assert caught.value.errno == error
        assert (tmp_path / "model.skae").read_bytes() == before
        assert [entry.name for entry in tmp_path.iterdir()] == ["model.skae"]

    @pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
    def test_into_a_folder_that_may_be_written_but_not_read(self, small, folder):
        folder.chmod(0o300)
        with ordinary_user(folder):
            if os.geteuid() != 0:
                with pytest.raises(PermissionError):
                    os.listdir(folder)
            skae.save(small, folder / "model.skae")
        np.testing.assert_array_equal(skae.load(folder / "model.skae").transform(X), small.transform(X))

    @pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
    def test_over_a_file_that_is_read_only_is_refused(self, small, folder):
        path = folder / "model.skae"
        skae.save(small, path)
        before = path.stat()
        path.chmod(0o444)
        for overwrite in (False, True):
            with pytest.raises(PermissionError, match=r"read-only.*model\.skae"):
                skae.save(small, path, overwrite=overwrite)
        path.chmod(0o644)  # root's, so read-only for others
        if os.geteuid() == 0:
            with ordinary_user(folder), pytest.raises(PermissionError, match="read-only"):
                skae.save(small, path)
        (folder / "link").symlink_to(path)
        path.chmod(0o444)
        with pytest.raises(PermissionError, match="read-only"):
            skae.save(small, folder / "link")
        assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
        assert sorted(entry.name for entry in folder.iterdir()) == ["link", "model.skae"]

    @pytest.mark.parametrize("ending", ["/", "//", "/.", "/.."])
    @pytest.mark.parametrize("there", ["nothing", "a model", "a folder"])
    def test_to_a_path_that_names_a_folder_is_refused(self, small, tmp_path, ending, there):
        path = tmp_path / "model"
        if there == "a model":
            skae.save(small, path)
        elif there == "a folder":
            path.mkdir()
        before = path.read_bytes() if path.is_file() else None
        for name in (f"{path}{ending}", os.fsencode(f"{path}{ending}")):
            with pytest.raises(IsADirectoryError, match="folder"):
                skae.save(small, name, overwrite=True)
        assert (path.read_bytes() if path.is_file() else None) == before
        assert [entry.name for entry in tmp_path.iterdir()] == ([] if there == "nothing" else ["model"])

    def test_to_no_path_is_refused(self, small, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(IsADirectoryError):
            skae.save(small, "")
        assert list(tmp_path.iterdir()) == []


ESCAPES = "\x1b[2J\x1b]0;title\x07\u202e\r\n\x00"


class TestMessages:
    def test_are_of_one_line_that_can_be_printed(self):
        for text in (ESCAPES, ESCAPES * 10_000, "a\n\tb", "\ud800", "ä" * 5000):
            told = printable(text)
            assert told.isprintable()
            assert len(told) <= LONGEST_MESSAGE
            assert printable(told) == told
        assert printable("äb 'c' \\n") == "äb 'c' \\n"
        assert printable("a" * 5000 + "the end").endswith("the end")
        assert shown("\x1b") == r"'\x1b'"
        assert len(shown("x" * 10**6)) < 120

    def test_survive_pickling(self):
        error = pickle.loads(pickle.dumps(ModelFileError(ESCAPES * 1000)))
        assert str(error).isprintable()

    @pytest.mark.parametrize("text", [ESCAPES, "A" * 100_000, ESCAPES * 5000], ids=["escapes", "long", "both"])
    def test_about_a_file_hold_nothing_of_it_as_it_stands(self, small, tmp_path, text):
        """Wherever a file holds a word, or names something, it may hold anything."""
        path = tmp_path / "model.skae"
        skae.save(small, path)
        stored = container.read(str(path))
        heads = json.loads(stored.data[8 : 8 + int.from_bytes(stored.data[:8], "little")])
        numbers = stored.data[8 + int.from_bytes(stored.data[:8], "little") :]
        for content, table in hostile(stored.content, heads, text):
            head = json.dumps(table).encode()
            data = len(head).to_bytes(8, "little") + head + numbers
            number = container.FORMAT + (content.get("versions") == {"skae": text})
            path.write_bytes(container.sealed(number, json.dumps(content).encode(), data))
            for line in told_by_load(path):
                assert len(line) <= LONGEST_MESSAGE
                assert line.isprintable()


def told_by_load(path):
    """The messages that a traceback of loading a file shows."""
    try:
        skae.load(path)
    except ModelFileError as error:
        return [str(error), *([] if error.__cause__ is None else [str(error.__cause__)])]
    return []


def hostile(content, table, text):
    """JSON and tables of arrays that hold the text in one place each."""
    yield {**content, "versions": {"skae": text}}, table
    yield {**content, text: 1}, table
    for part in ("parameters", "layout", "module", "net"):
        yield {**content, part: {**content[part], text: 1}}, table
        for name in content[part]:
            yield {**content, part: {**content[part], name: text}}, table
    for name in content:
        yield {**content, name: text}, table
    for value in ({text: 1}, {"object": [text, {}]}, {"object": ["Dense", {text: 1}]}, {"own": [text, text]}):
        yield {**content, "architecture": value}, table
    yield {**content, "feature_names": [text] * 3}, table
    name = next(iter(table))
    yield content, {**{n: entry for n, entry in table.items() if n != name}, text: table[name]}
    yield content, {**table, text: {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}
    yield content, {**table, text: text}
    yield content, {**table, name: {**table[name], "dtype": text}}
