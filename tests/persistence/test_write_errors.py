"""Errors of save, and values that a model file never holds."""

import errno
import io
import os

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris

import skae
from skae import AutoencoderTransformer, Dense, ModelFileError
from skae._serialization import container
from skae.variants import Denoising

X = load_iris().data
SMALL = {"architecture": Dense((4,)), "max_epochs": 2, "random_state": 0}


class Slow(io.BytesIO):
    """A raw file, which takes some bytes at a time."""

    def write(self, content):
        return super().write(bytes(content[:1000]))


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


def test_errors_of_writing_name_the_path(tmp_path, monkeypatch):
    autoencoder = AutoencoderTransformer(2, **SMALL).fit(X)

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device.*model\.skae") as caught:
        skae.save(autoencoder, tmp_path / "model.skae")
    assert caught.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []


def test_raw_files_get_all_bytes():
    autoencoder, file = AutoencoderTransformer(2, **SMALL).fit(X), Slow()
    skae.save(autoencoder, file)
    file.seek(0)
    np.testing.assert_array_equal(skae.load(file).transform(X), autoencoder.transform(X))
