"""A damaged file, another file and a file of a newer version are errors."""

import io
import os
import pickle
import random

import numpy as np
import pytest
import safetensors.torch
import torch

import skae
from model_files import (
    assert_refused,
    put_together,
    take_apart,
)
from skae import ModelFileError, load
from skae.serialization import container


class Unpickled:
    """Fails the test if it is unpickled."""

    def __reduce__(self):
        return pytest.fail, ("a file was unpickled",)


@pytest.mark.bad_input(117)
def test_a_file_cut_anywhere_is_refused(saved, record_property):
    name = str(saved)
    record_property("times", saved.stat().st_size)
    for length in reversed(range(saved.stat().st_size)):
        os.truncate(name, length)
        with pytest.raises(ModelFileError) as caught:
            load(name)
        told = str(caught.value)
        assert name in told
        assert f"{length:,} bytes" in told or ("not a skae model" in told and length < container.CHECKSUM.start)


@pytest.mark.bad_input(118)
@pytest.mark.parametrize("n_flips", [300, pytest.param(1000, marks=pytest.mark.soak)])
def test_a_flipped_bit_is_detected(n_flips, saved, record_property):
    raw, draw = saved.read_bytes(), random.Random(n_flips)
    places = [*range(container.CHECKSUM.stop * 8), *(draw.randrange(len(raw) * 8) for _ in range(n_flips))]
    for place in places:
        flipped = bytearray(raw)
        flipped[place // 8] ^= 1 << place % 8
        saved.write_bytes(flipped)
        assert_refused(saved, "checksum|not a skae model")
    record_property("times", len(places))


def test_bytes_after_the_end_are_detected(saved):
    saved.write_bytes(saved.read_bytes() + b"\0")
    assert_refused(saved, "damaged")


@pytest.mark.bad_input(119)
def test_other_files_are_refused(path):
    archive = io.BytesIO()
    np.savez(archive, a=np.zeros(3))
    foreign = safetensors.torch.save({"a": torch.ones(2)}, {"format": "pt"})
    for content in (
        b"",
        b"\x93",
        archive.getvalue(),
        foreign,
        b"\x89PNG\r\n\x1a\n",
        pickle.dumps(Unpickled()),
        bytes(1000),
    ):
        path.write_bytes(content)
        assert_refused(path, "not a skae model")


@pytest.mark.bad_input(120)
def test_a_newer_format_asks_for_an_upgrade(saved):
    content, table, numbers = take_apart(saved)
    content["versions"]["skae"] = "7.5"
    put_together(saved, content, table, numbers, container.FORMAT + 1)
    assert_refused(saved, rf"by skae 7\.5 \(format 2\); this is skae {skae.__version__} \(reads format 1\): upgrade")
    put_together(saved, {"other": 1}, table, numbers, container.FORMAT + 1)
    assert_refused(saved, "by skae of a newer version.*upgrade")


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none")
    assert_refused(tmp_path, "directory")
    (tmp_path / "file").touch()
    with pytest.raises(ModelFileError, match="directory"):
        load(tmp_path / "file" / "model")
    with pytest.raises(TypeError):
        load(7)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_an_error(saved):
    saved.chmod(0)
    with pytest.raises(PermissionError):
        load(saved)


def test_an_unknown_device_is_an_error(saved):
    with pytest.raises(ValueError, match="device"):
        load(saved, device="tpu")
