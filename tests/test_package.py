"""The package: its modules and what importing it loads."""

import subprocess
import sys

CODE = """
import contextlib, sys, skorch
with contextlib.suppress(ImportError):  # scikit-learn before 1.9
    import sklearn.callback
before = set(sys.modules)
import skae
heavy = {"torch._dynamo", "matplotlib", "pandas", "polars", "rich", "PIL", "onnxruntime"} & (set(sys.modules) - before)
assert not heavy, heavy
exporters = {"onnx", "onnxruntime", "skl2onnx", "huggingface_hub"}
assert not {"skae.metrics", "skae.inspection", "skae.export", "matplotlib", *exporters} & set(sys.modules)
skae.metrics.explained_variance, skae.text.CharacterEncoder, skae.variants.Denoising
skae.inspection.LatentSpaceDisplay
skae.to_onnx, skae.push_to_hub, skae.from_pretrained, skae.save_pretrained
assert not {"matplotlib", *exporters} & set(sys.modules)
assert {"inspection", "metrics", "text", "variants"} <= set(dir(skae))
assert not hasattr(skae, "no_such")
"""


def test_import_loads_no_heavy_library_and_public_modules_are_imported_lazily():
    command = [sys.executable, "-W", "error", "-c", CODE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
