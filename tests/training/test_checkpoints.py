"""Checkpoint folders: other files stay, and damaged files are refused."""

import io
import os
import stat

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from skae import AutoencoderTransformer, Dense
from skae.serialization import container

X = np.random.RandomState(0).standard_normal((60, 5))
SMALL = {"architecture": Dense((8,)), "max_epochs": 3, "random_state": 0}
# Rows of its own: no other networks are trained for cross-validation.
VALIDATION = X[:20]
PRECIOUS = b"precious" * 100


@pytest.fixture(autouse=True)
def after_every_epoch(monkeypatch):
    monkeypatch.setattr("skae.training.checkpoints.PATIENCE", 0)


class Crashing(Callback):
    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 2:
            raise MemoryError("stands for a machine that stops")


def crashed(folder, **settings):
    """An estimator whose fit left a checkpoint of one epoch in ``folder``."""
    estimator = AutoencoderTransformer(2, checkpoint_dir=folder, **{**SMALL, **settings})
    with pytest.raises(MemoryError):
        estimator.set_params(net_params={"callbacks": [Crashing()]}).fit(X, X_val=VALIDATION)
    return estimator.set_params(net_params=None)


@pytest.fixture
def victim(tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(PRECIOUS)
    (tmp_path / "folder").mkdir()
    yield victim
    assert victim.read_bytes() == PRECIOUS


def by_link(place, victim):
    place.symlink_to(victim)


def by_hard_link(place, victim):
    os.link(victim, place)


def by_link_to_nothing(place, victim):
    place.symlink_to(victim.parent / "nothing")


def of_another_user(place, victim):
    place.write_bytes(b"")
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(place, 65534, 65534)


def a_pipe(place, victim):
    os.mkfifo(place)


@pytest.mark.skipif(os.name != "posix", reason="links and owners are those of POSIX")
class TestOtherFiles:
    @pytest.mark.parametrize("name", [".skae-in-use", "checkpoint.skae"])
    @pytest.mark.parametrize("planted", [by_link, by_hard_link, by_link_to_nothing, of_another_user, a_pipe])
    def test_files_planted_as_checkpoints_are_refused(self, tmp_path, victim, name, planted):
        folder = tmp_path / "folder"
        planted(folder / name, victim)
        before = os.lstat(folder / name)
        estimator = AutoencoderTransformer(2, checkpoint_dir=folder, **SMALL)
        with pytest.raises(ValueError, match=f"{name} is (a link|not a regular file of yours alone)"):
            estimator.fit(X, X_val=VALIDATION)
        after = os.lstat(folder / name)
        assert (after.st_ino, after.st_size, after.st_mode) == (before.st_ino, before.st_size, before.st_mode)
        assert not hasattr(estimator, "net_")
        assert sorted(entry.name for entry in tmp_path.iterdir()) == ["folder", "victim"]

    def test_files_that_are_not_locks_stay(self, tmp_path):
        (tmp_path / ".skae-in-use").write_bytes(PRECIOUS)
        with pytest.raises(ValueError, match="no lock of a fit"):
            AutoencoderTransformer(2, checkpoint_dir=tmp_path, **SMALL).fit(X, X_val=VALIDATION)
        assert (tmp_path / ".skae-in-use").read_bytes() == PRECIOUS

    def test_links_planted_while_training_are_replaced(self, tmp_path, victim):
        folder = tmp_path / "folder"

        class Planting(Callback):
            def on_epoch_end(self, net, **kwargs):
                (folder / "checkpoint.skae").unlink(missing_ok=True)
                (folder / "checkpoint.skae").symlink_to(victim)

        estimator = AutoencoderTransformer(2, checkpoint_dir=folder, **SMALL)
        estimator.set_params(net_params={"callbacks": [Planting()]}).fit(X, X_val=VALIDATION)
        assert list(folder.iterdir()) == []

    def test_temporary_files_of_other_writers_stay(self, tmp_path, victim):
        folder = tmp_path / "folder"
        ours, others = ".skae-checkpoint-0123456789abcdef.tmp", ".skae-0123456789abcdef.tmp"
        for name in (ours, others):
            (folder / name).write_bytes(b"half of a file")
        by_link(folder / ours.replace("0", "f"), victim)
        AutoencoderTransformer(2, checkpoint_dir=folder, **SMALL).fit(X, X_val=VALIDATION)
        assert sorted(entry.name for entry in folder.iterdir()) == [others, ours.replace("0", "f")]

    def test_lock_of_a_killed_fit_is_taken_over(self, tmp_path):
        (tmp_path / ".skae-in-use").write_text("12345")
        AutoencoderTransformer(2, checkpoint_dir=tmp_path, **SMALL).fit(X, X_val=VALIDATION)
        assert list(tmp_path.iterdir()) == []


def parts_of(file):
    """The JSON and the arrays of a checkpoint."""
    with open(file, "rb") as opened:
        stored = container.read(opened)
    return stored.content, stored.arrays()


class Evil:
    def __reduce__(self):
        return (os.system, ("echo run > /dev/stderr",))


class TestDamage:
    def test_damaged_files_are_refused(self, tmp_path):
        estimator, file = crashed(tmp_path), tmp_path / "checkpoint.skae"
        data = file.read_bytes()
        flipped = bytearray(data)
        flipped[-100] ^= 1
        for damaged in (b"", data[:50], data[:-1], bytes(flipped), data.replace(b'"seed', b'"sead', 1)):
            file.write_bytes(damaged)
            with pytest.raises(ValueError, match="cannot resume"):
                estimator.fit(X, X_val=VALIDATION)
            assert not hasattr(estimator, "net_")

    @pytest.mark.parametrize(
        "content", [{}, {"identity": {}}, {"identity": 1, "seed": 0}, {"identity": {}, "seed": "a"}]
    )
    def test_other_content_is_refused(self, tmp_path, content):
        estimator, file = crashed(tmp_path), tmp_path / "checkpoint.skae"
        file.write_bytes(container.pack(content, parts_of(file)[1]))
        with pytest.raises(ValueError, match="cannot resume"):
            estimator.fit(X, X_val=VALIDATION)

    def test_state_runs_no_code(self, tmp_path, capfd):
        estimator, file = crashed(tmp_path), tmp_path / "checkpoint.skae"
        buffer = io.BytesIO()
        torch.save({"module": Evil()}, buffer)
        state = torch.frombuffer(buffer.getbuffer(), dtype=torch.uint8)
        file.write_bytes(container.pack(parts_of(file)[0], {"state": state}))
        with pytest.raises(ValueError, match="cannot resume"):
            estimator.fit(X, X_val=VALIDATION)
        assert capfd.readouterr().err == ""

    def test_state_of_another_network_is_refused(self, tmp_path):
        first, second = tmp_path / "first", tmp_path / "second"
        estimator = crashed(first)
        crashed(second, architecture=Dense((4,)))
        content, arrays = parts_of(first / "checkpoint.skae")[0], parts_of(second / "checkpoint.skae")[1]
        (first / "checkpoint.skae").write_bytes(container.pack(content, arrays))
        with pytest.raises(ValueError, match="cannot resume"):
            estimator.fit(X, X_val=VALIDATION)

    def test_messages_are_short_and_printable(self, tmp_path):
        estimator, file = crashed(tmp_path), tmp_path / "checkpoint.skae"
        content, arrays = parts_of(file)
        identity = {f"\x1b]0;{n}\x07" * 100: "\x1b[2J" * 1000 for n in range(100)}
        identity |= content["identity"]
        file.write_bytes(container.pack({**content, "identity": identity}, arrays))
        with pytest.raises(ValueError, match="another fit") as caught:
            estimator.fit(X, X_val=VALIDATION)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 3000


def test_lock_is_a_regular_file_of_the_user(tmp_path):
    seen = []

    class Looking(Callback):
        def on_epoch_end(self, net, **kwargs):
            seen.append((tmp_path / ".skae-in-use").lstat())

    AutoencoderTransformer(2, checkpoint_dir=tmp_path, net_params={"callbacks": [Looking()]}, **SMALL).fit(
        X, X_val=VALIDATION
    )
    assert all(stat.S_ISREG(entry.st_mode) and entry.st_uid == os.geteuid() for entry in seen)
