"""The package: its modules and what importing it loads."""

import subprocess
import sys

IMPORT = """
import contextlib, sys, skorch
with contextlib.suppress(ImportError):  # scikit-learn before 1.9
    import sklearn.callback
before = set(sys.modules)
import skae
heavy = {"matplotlib", "pandas", "polars", "rich", "PIL", "onnxruntime"} & (set(sys.modules) - before)
assert not heavy, heavy
"""


def test_public_modules_are_imported_lazily():
    code = (
        "import sys, skae\n"
        "exporters = {'onnx', 'onnxruntime', 'skl2onnx', 'huggingface_hub'}\n"
        "assert not {'skae.metrics', 'skae.inspection', 'skae.export', 'matplotlib', *exporters} & set(sys.modules)\n"
        "skae.metrics.explained_variance, skae.text.CharacterEncoder, skae.variants.Denoising\n"
        "skae.inspection.LatentSpaceDisplay\n"
        "skae.to_onnx, skae.push_to_hub, skae.from_pretrained, skae.save_pretrained\n"
        "assert not {'matplotlib', *exporters} & set(sys.modules)\n"
        "assert {'inspection', 'metrics', 'text', 'variants'} <= set(dir(skae))\n"
        "assert not hasattr(skae, 'no_such')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def run(code):
    return subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120)


def test_import_loads_no_heavy_library():
    done = run(IMPORT)
    assert done.returncode == 0, done.stderr
