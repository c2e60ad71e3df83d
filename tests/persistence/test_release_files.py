"""Files of every kind of model of every release can be loaded."""

import sys
from pathlib import Path

import numpy as np
import pytest

import skae
from skae import (
    load,
)

FILES = Path(__file__).parent.parent / "files"
sys.path.insert(0, str(FILES))
import release_files  # noqa: E402


@pytest.mark.bad_input(121)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
@pytest.mark.parametrize("path", sorted(FILES.glob("* *.safetensors")), ids=lambda path: path.stem)
def test_every_kind_of_every_release_is_loaded(path):
    _, X = release_files.models()[path.stem.partition(" ")[2]]
    loaded, found = load(path), np.load(path.with_suffix(".npy"))
    # Distances depend on reconstructions, which float32 rounds differently on other processors.
    share = 1e-4 if "novelty" in path.name else 1e-6
    np.testing.assert_allclose(
        release_files.results(loaded, X), found, rtol=0, atol=share * max(1, np.abs(found).max())
    )
    if "going on" in path.name:
        assert loaded.partial_fit(X).n_iter_ == 3
    assert path.stat().st_size < 100_000


def test_every_kind_has_a_file_of_this_release():
    assert {path.stem.partition(" ")[2] for path in FILES.glob(f"{skae.__version__} *.safetensors")} == set(
        release_files.models()
    )
