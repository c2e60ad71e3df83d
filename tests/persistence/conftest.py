"""A small fitted model, and the path of a file of it."""

import pytest

from model_files import SMALL, X, fit_model
from skae import save


@pytest.fixture(scope="session")
def small():
    return fit_model({"architecture": SMALL}, X)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.fixture
def saved(small, path):
    save(small, path)
    return path
