"""Types: a user's script passes ``mypy --strict``, and wrong types of parameters are refused."""

import os
import pathlib
import subprocess
import sys

import pytest

import skae

pytest.importorskip("mypy")

SCRIPT = pathlib.Path(__file__).parents[1] / "docs" / "user_script.py"
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
    (tmp_path / "script.py").write_text(SCRIPT.read_text())
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


@pytest.mark.slow
def test_the_script_runs():
    subprocess.run([sys.executable, SCRIPT], check=True, timeout=300)
