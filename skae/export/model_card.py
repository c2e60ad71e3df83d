"""The model card of a fitted estimator: a README in Markdown with a YAML header, and a picture."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import sklearn
import torch
from sklearn.pipeline import Pipeline

from skae._estimator.transformer import AutoencoderTransformer
from skae._novelty.novelty import AutoencoderNovelty
from skae._search.search import BottleneckSearchCV
from skae._version import __version__
from skae.data import TokenLayout
from skae.inspection import ReconstructionDisplay, TrainingHistoryDisplay
from skae.training import FitResult

TAGS = ("skae", "scikit-learn", "pytorch", "autoencoder", "dimensionality-reduction")
MODEL_FILE, CARD_FILE = "model.safetensors", "README.md"
# Largest number of names of features, and largest length of each.
MAX_NAMES, LONGEST_NAME = 20, 60
USES = {
    "transform": "Z = estimator.transform(X)",
    "inverse_transform": "X_reconstructed = estimator.inverse_transform(Z)",
    "predict": "y = estimator.predict(X)",
    "score_samples": "scores = estimator.score_samples(X)",
}


def make_card(estimator: Any, name: str, X: Any = None, license: str | None = None) -> dict[str, bytes]:
    """The files of the card by name: the README, and a picture if matplotlib is installed.

    ``name`` is the repository's, as passed to ``from_pretrained``. Figures and the picture are also of the samples X,
    if they are given.
    """
    autoencoder = find_autoencoder(estimator)
    pictures = {} if autoencoder is None else draw_pictures(estimator, autoencoder._result, X)
    sections = [
        yaml_header(license),
        f"# {name.rpartition('/')[2]}\n\n{introduction(estimator, autoencoder)}",
        f"## Use\n\n```python\n{loading_code(estimator, autoencoder, name)}\n```",
        "The model file holds JSON and arrays, and no pickle: loading it runs no code.",
    ]
    tables = {
        "Data": describe_data(autoencoder) if autoencoder is not None else {"features": estimator.n_features_in_},
        "Results": describe_results(estimator, autoencoder, X),
    }
    sections += [f"## {title}\n\n{table(rows)}" for title, rows in tables.items() if rows]
    sections += [f"![{file.partition('.')[0]}]({file})" for file in pictures]
    sections.append(f"## Parameters\n\n```python\n{estimator!r}\n```")
    versions = {"skae": __version__, "scikit-learn": sklearn.__version__, "torch": torch.__version__}
    sections.append("Made with " + ", ".join(f"{package} {version}" for package, version in versions.items()) + ".")
    return {CARD_FILE: ("\n\n".join(sections) + "\n").encode(), **pictures}


def find_autoencoder(estimator: Any) -> AutoencoderTransformer | None:
    """The fitted autoencoder of an estimator: itself, the first of a pipeline, or that of a search."""
    if isinstance(estimator, BottleneckSearchCV):
        return find_autoencoder(getattr(estimator, "best_estimator_", None))
    if isinstance(estimator, Pipeline):
        return next(filter(None, (find_autoencoder(step) for _, step in estimator.steps)), None)
    return estimator if isinstance(estimator, AutoencoderTransformer) else None


def yaml_header(license: str | None) -> str:
    """The header that the Hub reads; JSON strings are YAML."""
    lines = ["library_name: skae", "tags:", *(f"- {json.dumps(tag)}" for tag in TAGS)]
    lines += [] if license is None else [f"license: {json.dumps(license)}"]
    return "\n".join(["---", *lines, "---"])


def introduction(estimator: Any, autoencoder: AutoencoderTransformer | None) -> str:
    """The first paragraph."""
    kind = (
        f"`{type(estimator).__name__}` of skae" if not isinstance(estimator, Pipeline) else "Pipeline of scikit-learn"
    )
    if autoencoder is None:
        task = " It detects novelties." if isinstance(estimator, AutoencoderNovelty) else ""
        return f"A fitted {kind}.{task}"
    shape = autoencoder._result.layout.caller_shape
    return (
        f"A fitted {kind}. Its autoencoder compresses samples of shape {shape} to codes of {autoencoder.n_components_} "
        f"numbers, and reconstructs them."
    )


def loading_code(estimator: Any, autoencoder: AutoencoderTransformer | None, name: str) -> str:
    """Code that loads the estimator and uses it."""
    spec = None if autoencoder is None else autoencoder._result.spec
    is_custom = spec is not None and (spec.architecture.is_custom or callable(spec.loss))
    custom = ", custom_modules={...}" if is_custom else ""
    lines = ["import skae", "", f"estimator = skae.from_pretrained({name!r}{custom})"]
    methods = [code for method, code in USES.items() if hasattr(estimator, method)]
    return "\n".join([*lines, *methods])


def describe_data(autoencoder: AutoencoderTransformer) -> dict[str, Any]:
    """Shape, axes and scaling of the samples."""
    layout = autoencoder._result.layout
    moments = layout.scaling.moments
    names = autoencoder._result.schema.feature_names
    shown = None
    if names is not None:
        shown = ", ".join(f"`{str(name).replace('`', chr(39))[:LONGEST_NAME]}`" for name in names[:MAX_NAMES])
        shown += f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return {
        "shape of a sample": layout.caller_shape if layout.flattened else layout.sample_shape,
        "axes": " ".join(layout.axes) or None,
        "tokens": layout.n_tokens if isinstance(layout, TokenLayout) else None,
        "dtype": layout.input_dtype,
        "samples of the fit": None if moments is None else moments.count,
        "columns": shown,
        "scaling (inside the model)": layout.scaling.kind or "mean only",
    }


def describe_results(estimator: Any, autoencoder: AutoencoderTransformer | None, X: Any) -> dict[str, Any]:
    """Figures of the fit, and the score of X."""
    figures: dict[str, Any] = {}
    if autoencoder is not None:
        ratio, last = autoencoder.explained_variance_ratio_, autoencoder.history_[-1] if autoencoder.history_ else {}
        epoch = f"{autoencoder.best_epoch_} of {autoencoder.n_iter_}" + (" (PCA)" if autoencoder.is_pca_ else "")
        figures = {
            "components": autoencoder.n_components_,
            "explained variance, training samples": None if ratio is None else float(np.sum(ratio)),
            "epoch of the weights": epoch,
            "validation loss, last epoch": last.get("valid_loss"),
            "validation loss of PCA": last.get("pca_loss"),
        }
    if X is not None and not isinstance(estimator, Pipeline) and hasattr(estimator, "score"):
        figures[f"explained variance, {len(X)} samples given for this card"] = float(estimator.score(X))
    if isinstance(estimator, BottleneckSearchCV):
        figures["best cross-validated score"] = float(estimator.best_score_)
    return figures


def table(rows: dict[str, Any]) -> str:
    """A Markdown table of two columns, without the rows that are None."""
    lines = ["| | |", "|---|---|"]
    for name, value in rows.items():
        if value is not None:
            text = f"{value:.4g}" if isinstance(value, float) else str(value)
            lines.append(f"| {name} | {' '.join(text.replace('|', chr(92) + '|').split())} |")
    return "\n".join(lines)


def draw_pictures(estimator: Any, result: FitResult, X: Any) -> dict[str, bytes]:
    """The training history, and reconstructions of X, as PNG files; none without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return {}
    pictures = {}
    if result.history:
        figure = Figure(figsize=(6, 4), layout="constrained")
        TrainingHistoryDisplay.from_estimator(estimator, ax=figure.add_subplot())
        pictures["history.png"] = to_png(figure)
    if X is not None and not isinstance(result.layout, TokenLayout):
        figure = Figure(figsize=(8, 4), layout="constrained")
        ReconstructionDisplay.from_estimator(estimator, X, ax=figure.add_subplot())
        pictures["reconstructions.png"] = to_png(figure)
    return pictures


def to_png(figure: Any) -> bytes:
    """A figure as a PNG file."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    return file.getvalue()
