"""The documentation: every public name is in the reference, and has an example."""

import inspect
from pathlib import Path

import pytest

import skae
from skae import exceptions, inspection, metrics, text, variants
from skae.variants import bottlenecks, penalties

DOCS = Path(__file__).parents[1] / "docs"


def public_names(module):
    """Names of ``__all__`` without modules and the version."""
    return [name for name in module.__all__ if name != "__version__" and not inspect.ismodule(getattr(module, name))]


@pytest.mark.parametrize("module", [skae, exceptions, inspection, metrics, text, variants, bottlenecks, penalties])
def test_every_public_name_is_in_the_reference_and_has_an_example(module):
    words = set((DOCS / "api.rst").read_text().split())
    names = public_names(module)
    assert not [name for name in names if name not in words]
    documented = [name for name in names if callable(getattr(module, name))]
    assert not [name for name in documented if ">>>" not in (inspect.getdoc(getattr(module, name)) or "")]


def test_every_page_is_in_a_table_of_contents():
    listed = {line.strip() for page in DOCS.rglob("*.rst") for line in page.read_text().splitlines()}
    pages = {page.relative_to(DOCS).with_suffix("").as_posix() for page in DOCS.glob("user_guide/*.rst")}
    pages |= {page.stem for page in DOCS.glob("*.rst")}
    listed |= {f"user_guide/{name}" for name in listed}
    assert not pages - listed - {"index", "sg_execution_times"}
