"""Sphinx configuration; ``python -m sphinx -W -b html docs docs/_build`` builds the pages and runs the examples."""

import os
import re
import sys
from importlib.metadata import version as version_of
from pathlib import Path

from numpydoc.docscrape_sphinx import SphinxDocString

# sphinx-gallery looks up the names that examples import, also without running them.
from sklearn.experimental import enable_iterative_imputer  # noqa: F401

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
# Examples and builds on shared machines: two threads are slower on small data.
os.environ.setdefault("OMP_NUM_THREADS", "1")

project, author = "skae", "the skae developers"
project_copyright = "2026, the skae developers"
release = version_of("skae")
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "auto_examples/*.ipynb"]
suppress_warnings = ["config.cache"]  # sphinx-gallery's settings hold functions
templates_path = ["_templates"]
html_theme = "pydata_sphinx_theme"
html_theme_options = {"navigation_with_keys": False, "secondary_sidebar_items": ["page-toc"], "show_prev_next": False}
html_title = f"skae {release}"
html_show_sourcelink = False
html_static_path: list[str] = []
autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

sphinx_gallery_conf = {
    "examples_dirs": str(ROOT / "examples"),
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"plot_.*\.py$",
    "ignore_pattern": r"(^|[/\\])(?!plot_)[^/\\]*\.py$",  # plain scripts
    "plot_gallery": True,
    "abort_on_example_error": True,
    "remove_config_comments": True,
    "show_memory": False,
    "download_all_examples": False,
    "image_scrapers": ("matplotlib",),
    "within_subsection_order": "FileNameSortKey",
    "min_reported_time": 0,
}


def escape_trailing_underscores(app, what, name, obj, options, lines):
    """Names of fitted attributes in docstrings, such as n_components_, are no references of reStructuredText."""
    for number, line in enumerate(lines):
        if ">>>" not in line:
            start, colon, rest = line.rpartition(" : ")
            parts = re.split(r"(``.*?``|`.*?`)", rest)
            # docutils parses the type after a colon twice.
            escape = r"\1\\\\\\_" if colon else r"\1\\_"
            parts[::2] = [re.sub(r"\b([A-Za-z]\w*)_(?!\w)", escape, part) for part in parts[::2]]
            lines[number] = start + colon + "".join(parts)


process_param = SphinxDocString._process_param
# Attributes have the description of the class docstring, not the shorter one of their property.
SphinxDocString._process_param = lambda self, param, desc, fake_autosummary: process_param(self, param, desc, False)


def skip_member(app, what, name, obj, skip, options):
    """Leave out fitted attributes, which the class docstring describes, and methods with docstrings of scikit-learn."""
    of_scikit_learn = {"get_metadata_routing", "set_callbacks", "set_output"}
    return skip or name.endswith(("_", "_request")) or name in of_scikit_learn


def setup(app):
    app.connect("autodoc-skip-member", skip_member)
    app.connect("autodoc-process-docstring", escape_trailing_underscores, priority=100)
