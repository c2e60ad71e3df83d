"""Checkpoint folders: other files stay, and tampered files are refused."""

import json
import os
import random
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


def write_parts(file, content, arrays):
    """A checkpoint of any parts, its checksum right."""
    file.write_bytes(container.pack(content, arrays))


HOSTILE = (None, True, -1, 10**30, 1e308, "nan", "-inf", "\x1b[31m" * 10_000, [], {}, [None], {"a": None})


def places_in(content, path=()):
    """The path of every part of the JSON, without the parts of the fingerprint."""
    for name, value in content.items() if isinstance(content, dict) else enumerate(content):
        if name == "identity":
            yield (name,)
        else:
            yield (*path, name)
            if isinstance(value, (dict, list)):
                yield from places_in(value, (*path, name))


def changed(content, path, value, missing=False):
    """A copy of JSON with another value at a path, or without it."""
    content = json.loads(json.dumps(content))
    part = content
    for name in path[:-1]:
        part = part[name]
    if missing:
        del part[path[-1]]
    else:
        part[path[-1]] = value
    return content


def check_refused_or_finite(estimator, file):
    """Training refuses to resume with a clear error, or resumes to finite results."""
    try:
        estimator.fit(X, X_val=VALIDATION)
    except ValueError as error:
        message = str(error)
        assert "cannot resume" in message or "another fit" in message, message
        assert message.isprintable()
        assert len(message) < 3000
        assert not hasattr(estimator, "net_")
        return 1
    assert np.isfinite(estimator.transform(X)).all()
    del estimator._result
    return 0


class TestTampering:
    @pytest.mark.parametrize("optimizer", ["adamw", "sgd", "rmsprop"])
    def test_tampered_json_is_refused_or_harmless(self, tmp_path, optimizer, request):
        estimator, file = crashed(tmp_path, optimizer=optimizer), tmp_path / "checkpoint.skae"
        content, arrays = parts_of(file)
        cases = [(path, value, False) for path in places_in(content) for value in HOSTILE]
        cases += [(path, None, True) for path in places_in(content)]
        n_cases = len(cases) if request.config.option.markexpr == "soak" else 15
        refused = 0
        for path, value, missing in random.Random(0).sample(cases, n_cases):
            write_parts(file, changed(content, path, value, missing), arrays)
            refused += check_refused_or_finite(estimator, file)
        assert refused > 0.6 * n_cases

    @pytest.mark.parametrize("optimizer", ["adamw", "sgd", "rmsprop"])
    def test_tampered_arrays_are_refused(self, tmp_path, optimizer):
        estimator, file = crashed(tmp_path, optimizer=optimizer), tmp_path / "checkpoint.skae"
        content, arrays = parts_of(file)
        kinds = {name.rpartition(".")[2] if name.startswith("optimizer") else name for name in arrays}
        if optimizer != "adamw":  # all other arrays are the same
            kinds = {
                kind for kind in kinds if any(n.startswith("optimizer") and n.endswith(f".{kind}") for n in arrays)
            }
        for kind in sorted(kinds):
            name = next(name for name in arrays if name.endswith(kind))
            array = arrays[name]
            others = [
                array[:-1] if array.ndim else array[None],
                torch.cat([array.flatten()] * 2),
                array.to(torch.int16),
            ]
            if array.is_floating_point() and not name.startswith(("history", "losses.")):
                others.append(torch.full_like(array, torch.nan))
            # Only momentum may be missing: it starts from zero.
            for other in (*others, *(() if kind == "momentum_buffer" else (None,))):
                kept = {n: a for n, a in arrays.items() if n != name}
                write_parts(file, content, kept if other is None else {**kept, name: other.contiguous()})
                with pytest.raises(ValueError, match="cannot resume"):
                    estimator.fit(X, X_val=VALIDATION)

    def test_added_arrays_are_refused(self, tmp_path):
        estimator, file = crashed(tmp_path), tmp_path / "checkpoint.skae"
        content, arrays = parts_of(file)
        for name in ("module.other", "optimizer.0.other", "optimizer.99.step", "optimizer.-1.step", "random.more", "x"):
            write_parts(file, content, {**arrays, name: torch.ones(())})
            with pytest.raises(ValueError, match="cannot resume"):
                estimator.fit(X, X_val=VALIDATION)

    @pytest.mark.parametrize("step", [0.0, -1.0, 1e30])
    def test_tampered_step_count_is_refused(self, tmp_path, step):
        estimator, file = crashed(tmp_path), tmp_path / "checkpoint.skae"
        content, arrays = parts_of(file)
        write_parts(file, content, {**arrays, "optimizer.0.step": torch.tensor(step)})
        with pytest.raises(ValueError, match=r"cannot resume.*optimizer\.0\.step"):
            estimator.fit(X, X_val=VALIDATION)

    @pytest.mark.parametrize("value", [-1, 2**62])
    def test_tampered_counters_are_refused(self, tmp_path, value):
        estimator, file = crashed(tmp_path), tmp_path / "checkpoint.skae"
        content, arrays = parts_of(file)
        counters = [name for name in arrays if name.startswith("counter.")]
        assert len(counters) == 6
        for name in counters:
            write_parts(file, content, {**arrays, name: torch.tensor(value)})
            with pytest.raises(ValueError, match="cannot resume"):
                estimator.fit(X, X_val=VALIDATION)

    @pytest.mark.parametrize("value", [*HOSTILE, float("nan"), 1, "a"])
    def test_tampered_history_is_refused(self, tmp_path, value):
        estimator, file = crashed(tmp_path), tmp_path / "checkpoint.skae"
        content, arrays = parts_of(file)
        history = json.loads(arrays["history"].numpy().tobytes())
        others = [value, [value], [*history, value], [{**history[0], "train_loss": value}]]
        for other in others if value != 1e308 else others[:-1]:  # a loss like any other
            changed = torch.frombuffer(bytearray(json.dumps(other).encode()), dtype=torch.uint8)
            write_parts(file, content, {**arrays, "history": changed})
            with pytest.raises(ValueError, match="cannot resume"):
                estimator.fit(X, X_val=VALIDATION)

    def test_tampered_interrupt_record_is_refused(self, tmp_path):
        estimator, file = crashed(tmp_path), tmp_path / "checkpoint.skae"
        content, arrays = parts_of(file)
        for left in ([1], {"weights": 1, "epochs": 1}, {"weights": "a", "epochs": -1}, {"weights": "a"}, "a"):
            write_parts(file, {**content, "left": left}, arrays)
            with pytest.raises(ValueError, match="cannot resume"):
                estimator.fit(X, X_val=VALIDATION)

    def test_messages_are_short_and_printable(self, tmp_path):
        estimator, file = crashed(tmp_path), tmp_path / "checkpoint.skae"
        content, arrays = parts_of(file)
        identity = {f"\x1b]0;{n}\x07" * 100: "\x1b[2J" * 1000 for n in range(100)}
        write_parts(file, {**content, "identity": {**content["identity"], **identity}}, arrays)
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
