"""Rows that are read in slices."""

import numpy as np
import pytest
from sklearn.base import clone

from skae import AutoencoderTransformer
from skae.data import sources


def test_memmaps_are_read_in_slices(tmp_path, digits, monkeypatch):
    digits = digits[:600]
    np.save(tmp_path / "X.npy", digits)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    autoencoder = AutoencoderTransformer(8, max_epochs=8, random_state=0)
    plain = clone(autoencoder).fit(digits)
    # Small ones give what an array gives.
    np.testing.assert_array_equal(autoencoder.fit(mapped).transform(mapped), plain.transform(digits))
    monkeypatch.setattr(sources, "CACHE_BYTES", 0)
    assert autoencoder.fit(mapped).score(mapped) == pytest.approx(plain.score(digits), abs=0.03)
    assert np.abs(autoencoder.transform(digits) - plain.transform(digits)).max() > 0.1


def test_objects_with_slices_fit(digits, monkeypatch):
    digits = digits[:600]

    class Slices:
        shape, dtype = digits.shape, digits.dtype

        def __len__(self):
            return len(digits)

        def __getitem__(self, key):
            assert isinstance(key, slice)
            return digits[key]

    autoencoder = AutoencoderTransformer(8, max_epochs=8, random_state=0)
    for cache in (sources.CACHE_BYTES, 0):
        monkeypatch.setattr(sources, "CACHE_BYTES", cache)
        assert autoencoder.fit(Slices()).score(digits) > 0.7
        np.testing.assert_array_equal(autoencoder.transform(Slices()), autoencoder.transform(digits))
