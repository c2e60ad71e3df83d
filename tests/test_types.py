"""Types: a user's script passes ``mypy --strict``, and wrong types of parameters are refused."""

import os
import pathlib
import subprocess
import sys

import pytest

import skae

pytest.importorskip("mypy")

SCRIPT = """
from pathlib import Path

import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skae
from skae import AutoencoderNovelty, AutoencoderTransformer, BottleneckSearchCV, Dense
from skae.variants import Variational


def compress(X: np.ndarray) -> np.ndarray:
    autoencoder = AutoencoderTransformer(2, architecture=Dense((8,)), random_state=0).fit(X)
    Z: np.ndarray = autoencoder.transform(X)
    share: float = autoencoder.score(X)
    print(share, autoencoder.n_components_, autoencoder.mean_.shape, autoencoder.is_pca_, autoencoder.history_[-1])
    restored: np.ndarray = autoencoder.inverse_transform(Z)
    return restored


def choose_size(X: np.ndarray) -> int:
    search = BottleneckSearchCV(AutoencoderTransformer(variant=Variational(beta=4.0)), n_components=(1, 2), cv=2)
    return search.fit(X).n_components_


def find_anomalies(X: np.ndarray, path: Path) -> np.ndarray:
    pipeline = make_pipeline(StandardScaler(), AutoencoderTransformer(0.9, scaling=None, device="cpu"))
    pipeline.fit(X)
    novelty = AutoencoderNovelty(contamination=0.1, random_state=0).fit(X)
    skae.save(novelty, path / "novelty.safetensors")
    loaded = skae.load(path / "novelty.safetensors")
    print(loaded, novelty.offset_ + 1.0)
    return novelty.predict(X)
"""
WRONG = """
from skae import AutoencoderNovelty, AutoencoderTransformer, BottleneckSearchCV

AutoencoderTransformer(n_components="many")
AutoencoderTransformer(scaling="rows")
AutoencoderNovelty(distance="far")
BottleneckSearchCV(AutoencoderTransformer(), rule="worst")
AutoencoderTransformer().fit([[1.0]]).n_components_.upper()
"""
# scikit-learn has no stubs.
CONFIG = """
[mypy]
strict = True
ignore_missing_imports = True
[mypy-skae.*]
follow_imports = silent
"""


@pytest.mark.slow
def test_a_script_passes_mypy_strict_and_wrong_types_are_refused(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "wrong.py").write_text(WRONG)
    (tmp_path / "mypy.ini").write_text(CONFIG)
    found = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--no-error-summary", "script.py", "wrong.py"],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(pathlib.Path(skae.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=300,
    )
    refused = [line for line in found.stdout.splitlines() if ": error:" in line]
    assert [line.split(":")[:2] for line in refused] == [["wrong.py", str(number)] for number in range(4, 9)], found
