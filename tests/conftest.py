"""One torch thread: on small data two are slower, much so on a busy machine."""

import os

# One of scikit-learn's checks is silently left out without it; it is read when scipy is first imported.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def digits():
    """Handwritten digits as rows (1797, 64), values 0 to 16."""
    return load_digits(return_X_y=True)[0]


@pytest.fixture(scope="session")
def tables():
    """Bundled tables by name."""
    loaders = {"wine": load_wine, "breast cancer": load_breast_cancer, "diabetes": load_diabetes}
    return {name: load(return_X_y=True)[0] for name, load in loaders.items()}
