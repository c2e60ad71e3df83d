"""Rows in memory, in a file, in slices or in a tensor give the same batches."""

import numpy as np
import pytest
import torch

from skae.data import Moments, Rows, SampleLayout, Scaling, flat_rows

X = np.random.RandomState(0).standard_normal((200, 5)).astype(np.float32)


class Slices:
    """Supports shape, dtype, length and slices only."""

    def __init__(self, X):
        self._X, self.shape, self.dtype = X, X.shape, X.dtype
        self.longest = 0

    def __len__(self):
        return len(self._X)

    def __getitem__(self, key):
        assert isinstance(key, slice)
        assert key.step is None
        part = self._X[key]
        self.longest = max(self.longest, len(part))
        return part


def rows_of(given, **kwargs):
    scaling = Scaling.of(Moments.of([torch.from_numpy(X)]), "global", is_table=True)
    layout = SampleLayout((5,), (), True, scaling, np.dtype(np.float32))
    return Rows(given, layout, torch.device("cpu"), **kwargs)


def forms(tmp_path):
    np.save(tmp_path / "X.npy", X)
    return {
        "memmap": np.load(tmp_path / "X.npy", mmap_mode="r"),
        "slices": Slices(X),
        "tensor": torch.from_numpy(X),
        "fortran": np.asfortranarray(X),
        "float64": X.astype(np.float64),
        "cached": None,
    }


@pytest.mark.parametrize("form", ["memmap", "slices", "tensor", "fortran", "float64", "cached"])
def test_every_container_gives_the_same_rows(form, tmp_path):
    plain = rows_of(X)
    other = rows_of(X, keep=True) if form == "cached" else rows_of(forms(tmp_path)[form])
    indices = np.array([3, 4, 5, 90, 150, 199])
    torch.testing.assert_close(other.take(indices), plain.take(indices), rtol=0, atol=1e-6)
    torch.testing.assert_close(torch.cat(list(other.slices(64))), plain.take(np.arange(200)), rtol=0, atol=1e-6)


def test_rows_are_read_once():
    covered = [(start, stop, len(x)) for start, stop, x in rows_of(X).map(lambda x: x)]
    assert [(start, stop - start) for start, stop, n in covered] == [(0, 200)]
    assert covered[0][2] == 200


@pytest.mark.parametrize("form", ["memmap", "slices", "tensor", "fortran", "float64"])
def test_rows_read_in_pieces_are_bitwise_equal(form, tmp_path, monkeypatch):
    rows, indices = rows_of(forms(tmp_path)[form]), np.array([3, 4, 5, 90, 150, 199])
    whole = rows.take(indices), torch.cat(list(rows.slices(64)))
    monkeypatch.setattr("skae.data.sources.PIECE_NUMBERS", 17)
    torch.testing.assert_close((rows.take(indices), torch.cat(list(rows.slices(64)))), whole, rtol=0, atol=0)


@pytest.mark.parametrize("shape", [(1, 6), (3, 1), (1, 2, 3)])
def test_reversed_axes(shape):
    X = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)
    for axis in range(len(shape)):
        flipped = np.flip(X, axis)
        assert flat_rows(flipped).tolist() == flipped.reshape(len(X), -1).tolist()
